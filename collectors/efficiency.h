// What ended jobs used of what they were given. Judges: seff and sacct.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectEfficiency(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
