// Who changed what, and whether the records hold together. Judges: sacctmgr list transactions, sacctmgr show
// runawayjobs, and sreport against sacct.
#pragma once

#include <set>
#include <string>

#include "collectors/collector.h"

namespace collectors {

Families CollectAudit(const slurmdb::AccountingView& view, const CollectorOptions& options);

// Values of the label `cluster` of transactions.
std::set<std::string> TransactionClusters(const slurmdb::AccountingView& view);

}  // namespace collectors
