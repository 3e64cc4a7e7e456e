// Reservations that are current or coming, and what is used of them. Judges: scontrol show reservation,
// sreport reservation utilization.
#pragma once

#include "collectors/collector.h"

namespace collectors {

Families CollectReservations(const slurmdb::AccountingView& view, const CollectorOptions& options);

}  // namespace collectors
