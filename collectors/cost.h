// What usage costs, by account and department, against budgets and what is free.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectCost(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
