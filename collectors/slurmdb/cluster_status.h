// One cluster as a whole: its controller, its capacity and what became of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "collectors/slurmdb/cluster_usage_reader.h"
#include "collectors/slurmdb/event_book.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/usage_summary.h"

namespace slurmdb {

// An estimate of what the next roll-ups will say, from `since` on.
struct LiveCapacity {
  std::int64_t since = 0;
  std::map<std::pair<std::uint32_t, CapacityKind>, Uint128> tres_seconds;  // by TRES
};

struct ClusterStatus {
  explicit ClusterStatus(Calendar calendar) : usage(std::move(calendar)) {}

  Moment at;
  ClusterRow row;
  std::optional<Registration> registered;  // none when events cannot be read, or there are none
  UsageSummary usage;                      // rolled up, a line a CapacityKind and TRES
  std::optional<LiveCapacity> live;

  const Moment& moment() const { return at; }
};

// Shares out the capacity within [from, to), hour by hour: allocated is what `jobs` (of rule kRollUp)
// consumed, down what nodes were down; each is cut to what is left, as slurmdbd does. What waiting jobs had
// planned counts as idle. None when that reaches further back than what is known, or than two days.
std::optional<LiveCapacity> EstimateCapacity(const EventBook& events, PlannedDown rule, const JobLedger& jobs,
                                             std::int64_t from, std::int64_t to);

// The release of Slurm that speaks this protocol: "22.05"; empty for one that is not known.
std::string ReleaseOfProtocol(std::uint32_t rpc_version);

}  // namespace slurmdb
