// How big the accounting tables are, and how far back they go.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectStorage(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
