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

// Within an hour or a part of it.
void AddHour(const EventBook::Capacity& capacity, const TresSums& used, LiveCapacity& live) {
  for (const auto& [tres, total] : capacity.total.entries()) {
    // Of nodes the roll-up counts nothing, and joules are no capacity.
    if (total == 0 || tres == kTresNode || tres == kTresEnergy) continue;
    Uint128 left = total;
    const auto take = [&, id = tres](CapacityKind kind, Uint128 amount) {
      amount = std::min(amount, left);
      live.tres_seconds[{id, kind}] += amount;
      left -= amount;
    };
    take(CapacityKind::kAllocated, AmountOf(used, tres));
    take(CapacityKind::kDown, AmountOf(capacity.down, tres));
    take(CapacityKind::kPlannedDown, AmountOf(capacity.planned_down, tres));
    take(CapacityKind::kIdle, left);
  }
}

}  // namespace

std::optional<LiveCapacity> EstimateCapacity(const EventBook& events, PlannedDown rule, const JobLedger& jobs,
                                             std::int64_t from, std::int64_t to) {
  constexpr std::int64_t kHour = 3600;
  constexpr std::int64_t kMost = 48 * kHour;
  if (from < events.kept_from() || from < jobs.options().epoch || to - from > kMost) return std::nullopt;
  LiveCapacity live{from, {}};
  for (std::int64_t hour = from; hour < to; hour += kHour) {
    const std::int64_t end = std::min(hour + kHour, to);
    TresSums used;
    for (const auto& [group, tres] : jobs.RolledUp(hour, end)) used.Add(tres);
    AddHour(events.CapacityWithin(hour, end, rule), used, live);
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
