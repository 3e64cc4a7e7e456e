// Limits of associations and QOS, and how much of their budgets is used. Judges: sacctmgr show assoc and
// sacctmgr show qos for limits; scontrol show assoc_mgr and sshare for what is used.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectQuota(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
