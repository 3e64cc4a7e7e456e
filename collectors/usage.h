// Official usage by account, user, wckey and QOS over slurmdbd's days, months, quarters and years, and the
// tree of accounts it belongs to. Judge: sreport.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectUsage(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
