#include "collectors/registry.h"

#include <array>

#include "collectors/audit.h"
#include "collectors/cluster.h"
#include "collectors/consumption.h"
#include "collectors/cost.h"
#include "collectors/efficiency.h"
#include "collectors/jobs.h"
#include "collectors/nodes.h"
#include "collectors/outcomes.h"
#include "collectors/quota.h"
#include "collectors/reservations.h"
#include "collectors/storage.h"
#include "collectors/usage.h"
#include "collectors/users.h"

namespace collectors {

std::span<const CollectorInfo> Registry() {
  using slurmdb::Book;
  static constexpr std::array kCollectors = {
      CollectorInfo{
          "audit", true,
          "Who changed what through sacctmgr, and whether usage, roll-ups and job records hold together.",
          Book::kAudit, &CollectAudit},
      CollectorInfo{"cluster", true,
                    "Each cluster's controller and capacity, and what became of that as sreport has it.",
                    Book::kCluster, &CollectCluster},
      CollectorInfo{"consumption", true,
                    "TRES-seconds and energy that jobs consumed, by account and by user.", Book::kJobs,
                    &CollectConsumption},
      CollectorInfo{"cost", true,
                    "What usage costs by account and department, against budgets; only with a price book.",
                    Book::kCost, &CollectCost, "cost.price-book"},
      CollectorInfo{"efficiency", true,
                    "What ended jobs used of the CPUs, memory and GPUs they had, as seff has it.",
                    Book::kEfficiency, &CollectEfficiency},
      CollectorInfo{"jobs", true, "Jobs pending, running and suspended, with what they hold or ask for.",
                    Book::kJobs, &CollectJobs},
      CollectorInfo{"nodes", true, "Nodes that are down or drained: since when, why, and the time lost.",
                    Book::kNodes, &CollectNodes},
      CollectorInfo{"outcomes", true, "Jobs started, and jobs ended by final state.", Book::kJobs,
                    &CollectOutcomes},
      CollectorInfo{"quota", true, "Limits of accounts, users and QOS, and how much of their quotas is used.",
                    Book::kQuota, &CollectQuota},
      CollectorInfo{"reservations", true,
                    "Reservations that are current or coming, and what is used of them.", Book::kReservations,
                    &CollectReservations},
      CollectorInfo{"storage", true, "How big the accounting tables are, and how far back they go.",
                    Book::kStorage, &CollectStorage},
      CollectorInfo{
          "usage", true,
          "Usage by day, month, quarter and year as sreport has it, with what came since; the account tree.",
          Book::kUsage, &CollectUsage},
      CollectorInfo{"users", true, "Jobs pending, running and suspended of each user.", Book::kJobs,
                    &CollectUsers},
  };
  return kCollectors;
}

}  // namespace collectors
