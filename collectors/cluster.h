// Each cluster as a whole: its controller, its capacity, and what became of that over slurmdbd's days,
// months, quarters and years. Judge: sreport cluster utilization.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectCluster(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
