// How many jobs started since the epoch, and how the ended ones ended. Judge: sacct -D.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectOutcomes(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
