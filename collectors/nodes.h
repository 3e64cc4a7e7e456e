// Nodes that are down or drained: which, since when, why and by whom; and the time lost. Judge: sacctmgr show
// event.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectNodes(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
