// How slurmctld counts what limits such as GrpTRESMins are held against: every TRES × time, each second with
// the weight that is left of it. quota_book.h tells where that comes from.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "collectors/slurmdb/job_totals.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

// Not a TRES, but the time a job ran (what GrpWall limits).
inline constexpr std::uint32_t kTresWall = 0;
inline constexpr std::uint32_t kSecondParts = 1024;
// Added to the id of a TRES: the same as the job's QOS has it, where that differs from the association.
inline constexpr std::uint32_t kOfQos = 0x80000000;
// And as the partition's QOS has it.
inline constexpr std::uint32_t kOfPartitionQos = 0x40000000;

// How much a second counts.
struct EnforcedWeights {
  // A second counts exp(decay × (its time − epoch)); as seen at a time T, exp(-decay × (T − epoch)) of that.
  double decay = 0;
  std::set<std::uint32_t> undecayed_qos;  // their own usage does not decay
  // What was used before counts for nothing: by association, by QOS.
  std::map<std::uint32_t, std::int64_t> association_resets;
  std::map<std::uint32_t, std::int64_t> qos_resets;

  std::map<std::string, std::uint32_t, std::less<>> partition_qos;  // QOS by partition

  // The QOS of a partition unless it is the job's own anyway; 0 for none.
  std::uint32_t PartitionQos(std::string_view partition, std::uint32_t job_qos) const {
    const auto found = partition_qos.find(partition);
    return found == partition_qos.end() || found->second == job_qos ? 0 : found->second;
  }
  // Does a job count differently for this QOS than for its association?
  bool UsesOwnPart(std::uint32_t qos) const {
    return !association_resets.empty() || qos_resets.contains(qos) ||
           (decay != 0 && undecayed_qos.contains(qos));
  }
  bool operator==(const EnforcedWeights&) const = default;
};

// What a job of this association, QOS and QOS of its partition (0: none of its own) adds that held resources
// within [start, end): in units of 1/kSecondParts of a second at the epoch.
void AddEnforced(const EnforcedWeights& weights, std::int64_t epoch, std::uint32_t id_assoc,
                 std::uint32_t id_qos, std::uint32_t partition_qos, const TresCounts& tres_alloc,
                 std::int64_t start, std::int64_t end, TresSums& sums);

}  // namespace slurmdb
