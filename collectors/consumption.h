// What jobs consumed since the epoch: counters in TRES-seconds of real time. Judge: sacct -D.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectConsumption(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
