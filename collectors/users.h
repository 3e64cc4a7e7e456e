// The same as the collector jobs, by user. Judge: squeue, sacct.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectUsers(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
