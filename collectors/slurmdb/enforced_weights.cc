#include "collectors/slurmdb/enforced_weights.h"

#include <algorithm>
#include <cmath>

namespace slurmdb {
namespace {

// The weight of [from, to) in kSecondParts, seen from the epoch.
Uint128 WeightOf(double decay, std::int64_t epoch, std::int64_t from, std::int64_t to) {
  if (from >= to) return 0;
  if (decay == 0) return static_cast<Uint128>(to - from) * kSecondParts;
  const double length = std::expm1(decay * static_cast<double>(to - from)) / decay;
  return static_cast<Uint128>(
      std::round(length * std::exp(decay * static_cast<double>(from - epoch)) * kSecondParts));
}

std::int64_t ResetOf(const std::map<std::uint32_t, std::int64_t>& resets, std::uint32_t id,
                     std::int64_t epoch) {
  const auto found = resets.find(id);
  return found == resets.end() ? epoch : std::max(epoch, found->second);
}

}  // namespace

void AddEnforced(const EnforcedWeights& weights, std::int64_t epoch, std::uint32_t id_assoc,
                 std::uint32_t id_qos, std::uint32_t partition_qos, const TresCounts& tres_alloc,
                 std::int64_t start, std::int64_t end, TresSums& sums) {
  const auto add = [&](double decay, std::int64_t from, std::uint32_t part) {
    const Uint128 weight = WeightOf(decay, epoch, std::max(start, from), end);
    if (weight == 0) return;
    sums.Add(kTresWall + part, weight);
    for (const TresCount& tres : tres_alloc) {
      if (tres.id != kTresEnergy) sums.Add(tres.id + part, weight * tres.count);
    }
  };
  add(weights.decay, ResetOf(weights.association_resets, id_assoc, epoch), 0);
  const auto add_own = [&](std::uint32_t qos, std::uint32_t part) {
    if (qos == 0 || !weights.UsesOwnPart(qos)) return;
    add(weights.undecayed_qos.contains(qos) ? 0 : weights.decay, ResetOf(weights.qos_resets, qos, epoch),
        part);
  };
  add_own(id_qos, kOfQos);
  add_own(partition_qos, kOfPartitionQos);
}

}  // namespace slurmdb
