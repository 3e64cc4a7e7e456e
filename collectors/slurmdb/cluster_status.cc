#include "collectors/slurmdb/cluster_status.h"

#include <algorithm>
#include <array>

namespace slurmdb {
namespace {

Uint128 AmountOf(const TresSums& sums, std::uint32_t tres) {
  for (const auto& [id, amount] : sums.entries()) {
    if (id == tres) return amount;
  }
  return 0;
}

}  // namespace

LiveCapacity EstimateCapacity(const EventBook& events, PlannedDown rule, const JobLedger& jobs,
                              std::int64_t from, std::int64_t to) {
  LiveCapacity live{from, {}};
  const EventBook::Capacity capacity = events.CapacityWithin(from, to, rule);
  TresSums used;
  for (const auto& [group, tres] : jobs.RolledUp(from, to)) used.Add(tres);
  for (const auto& [tres, total] : capacity.total.entries()) {
    if (total == 0) continue;
    Uint128 left = total;
    const auto take = [&](CapacityKind kind, Uint128 amount) {
      amount = std::min(amount, left);
      live.tres_seconds[{tres, kind}] = amount;
      left -= amount;
    };
    // Jobs' nodes are not counted by the roll-up, nor are the joules they used.
    const bool counted = tres != kTresNode && tres != kTresEnergy;
    take(CapacityKind::kAllocated, counted ? AmountOf(used, tres) : 0);
    take(CapacityKind::kDown, AmountOf(capacity.down, tres));
    take(CapacityKind::kPlannedDown, AmountOf(capacity.planned_down, tres));
    take(CapacityKind::kIdle, left);
  }
  return live;
}

std::string ReleaseOfProtocol(std::uint32_t rpc_version) {
  // slurm_protocol_common.h: one number a release, in the upper byte.
  constexpr std::uint32_t kFirst = 36;
  static constexpr std::array kReleases = {"20.11", "21.08", "22.05", "23.02", "23.11",
                                           "24.05", "24.11", "25.05", "25.11", "26.05"};
  const std::uint32_t number = rpc_version >> 8U;
  if (number < kFirst || number - kFirst >= kReleases.size()) return "";
  return kReleases[number - kFirst];
}

}  // namespace slurmdb
