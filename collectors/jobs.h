// Jobs that are pending, running or suspended, and what they hold or ask for. Judge: squeue, sacct.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectJobs(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
