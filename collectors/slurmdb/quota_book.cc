#include "collectors/slurmdb/quota_book.h"

#include <algorithm>
#include <cmath>

#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {
namespace {

// What is older weighs less than a millionth.
constexpr std::int64_t kHalfLives = 20;

// How far back job rows are needed at least.
std::int64_t Reach(const QuotaPolicy& policy) {
  if (policy.half_life == 0 || policy.half_life > policy.history / kHalfLives) return policy.history;
  return policy.half_life * kHalfLives;
}

bool Names(const UsageReset& reset, const AssociationRow& row) {
  return reset.qos.empty() && LowerCase(reset.account) == LowerCase(row.account) &&
         LowerCase(reset.user) == LowerCase(row.user) &&
         (reset.user.empty() || LowerCase(reset.partition) == LowerCase(row.partition));
}

void Later(std::map<std::uint32_t, std::int64_t>& resets, std::uint32_t id, std::int64_t time) {
  const auto [at, is_new] = resets.emplace(id, time);
  if (!is_new) at->second = std::max(at->second, time);
}

// The row itself and what is above it.
std::vector<const AssociationRow*> LineOf(const AssociationTree& tree, std::uint32_t id) {
  std::vector<const AssociationRow*> line;
  std::set<std::uint32_t> met;
  for (const AssociationRow* row = tree.Find(id); row != nullptr && met.insert(row->id).second;
       row = tree.ParentOf(*row)) {
    line.push_back(row);
  }
  return line;
}

double FactorOf(const QosMap& qos, std::uint32_t id) {
  const auto found = qos.find(id);
  return found == qos.end() ? 1 : found->second.usage_factor;
}

// Whole as long as it can be.
double Scaled(Uint128 amount, double scale) {
  const Uint128 whole = amount / kSecondParts;
  if (scale == 1) return static_cast<double>(whole);
  return static_cast<double>(amount) / kSecondParts * scale;
}

// What a running job may still use: seconds until its time limit. slurmctld's clock for it runs on while the
// job is suspended.
std::int64_t RemainingSeconds(const LiveJob& job, const Moment& moment) {
  const auto phase = job.PhaseAt(moment);
  if (phase != JobState::kRunning && phase != JobState::kSuspended) return 0;
  if (!job.ran || !job.timelimit_minutes) return 0;
  const auto limit = static_cast<std::int64_t>(job.time_start + *job.timelimit_minutes * 60);
  return std::max<std::int64_t>(0, limit - moment.as_of);
}

}  // namespace

QuotaPeriod QuotaPeriodAt(const QuotaPolicy& policy, std::int64_t time) {
  Period period{};
  switch (policy.reset) {
    case ResetPeriod::kNone:
      return {};
    case ResetPeriod::kDaily:
      period = Period::kDay;
      break;
    case ResetPeriod::kWeekly:
      period = Period::kWeek;
      break;
    case ResetPeriod::kMonthly:
      period = Period::kMonth;
      break;
    case ResetPeriod::kQuarterly:
      period = Period::kQuarter;
      break;
    case ResetPeriod::kYearly:
      period = Period::kYear;
      break;
  }
  return {policy.calendar.PeriodStart(period, time), policy.calendar.NextStart(period, time)};
}

double DecayOf(const QuotaPolicy& policy) {
  if (policy.half_life == 0) return 0;
  return -std::log1p(-0.693 / static_cast<double>(policy.half_life));
}

EnforcedWeights WeightsOf(const QuotaPolicy& policy, const AssociationTree& tree, const QosMap& qos) {
  EnforcedWeights weights;
  weights.decay = DecayOf(policy);
  std::map<std::string, std::uint32_t> ids;
  for (const auto& [id, row] : qos) {
    ids.emplace(LowerCase(row.name), id);
    if ((row.flags & QosRow::kNoDecay) != 0) weights.undecayed_qos.insert(id);
  }
  for (const auto& [partition, name] : policy.partition_qos) {
    const auto found = ids.find(LowerCase(name));
    if (found != ids.end()) weights.partition_qos.emplace(partition, found->second);
  }
  bool of_associations = false;
  for (const UsageReset& reset : policy.resets) {
    of_associations |= reset.qos.empty();
    const auto found = reset.qos.empty() ? ids.end() : ids.find(LowerCase(reset.qos));
    if (found != ids.end()) Later(weights.qos_resets, found->second, reset.time);
  }
  if (!of_associations) return weights;
  for (const auto& [id, row] : tree.rows()) {
    for (const AssociationRow* above : LineOf(tree, id)) {
      for (const UsageReset& reset : policy.resets) {
        if (Names(reset, *above)) Later(weights.association_resets, id, reset.time);
      }
    }
  }
  return weights;
}

std::int64_t CountedFrom(const QuotaPolicy& policy, std::int64_t as_of) {
  const std::int64_t reset = QuotaPeriodAt(policy, as_of).start.value_or(0);
  return policy.half_life == 0 ? reset : std::max(reset, as_of - policy.half_life * kHalfLives);
}

std::int64_t EnforcedEpoch(const QuotaPolicy& policy, std::int64_t as_of) {
  // On a grid, so that every process has the same one: then their sums are the same to the last bit.
  constexpr std::int64_t kWeek = std::int64_t{7} * 86400;
  std::int64_t reach = as_of - Reach(policy);
  if (policy.half_life == 0) {
    reach = policy.calendar.PeriodStart(Period::kDay, reach);
  } else {
    reach -= reach % std::min(policy.half_life, kWeek);
  }
  return std::max({std::int64_t{1}, reach, QuotaPeriodAt(policy, as_of).start.value_or(0)});
}

EarlierUsage EarlierUsageOf(const UsageBook& rollups, const Calendar& calendar,
                            const EnforcedWeights& weights, std::int64_t from, std::int64_t to) {
  EarlierUsage earlier;
  earlier.has_qos = rollups.Has(UsageKind::kQos);
  // Windows in which everything weighs much the same: months, cut where something was reset, on whole days.
  std::set<std::int64_t> borders = {from, to};
  if (weights.decay != 0) {
    for (std::int64_t at = from; at < to; at = calendar.NextStart(Period::kMonth, at)) borders.insert(at);
  }
  for (const auto* resets : {&weights.association_resets, &weights.qos_resets}) {
    for (const auto& [id, time] : *resets) {
      if (time > from && time < to) borders.insert(calendar.PeriodStart(Period::kDay, time));
    }
  }
  const auto is_reset = [](const std::map<std::uint32_t, std::int64_t>& resets, std::uint32_t id,
                           std::int64_t end) {
    const auto found = resets.find(id);
    return found != resets.end() && found->second >= end;
  };
  for (auto begin = borders.begin(); std::next(begin) != borders.end(); ++begin) {
    const std::int64_t end = *std::next(begin);
    const auto length = static_cast<double>(end - *begin);
    // The mean weight of the window, seen from `to`.
    double weight = 1;
    if (weights.decay != 0) {
      weight = std::exp(-weights.decay * static_cast<double>(to - end)) *
               -std::expm1(-weights.decay * length) / (weights.decay * length);
    }
    for (const auto& [key, seconds] : rollups.RolledUp(UsageKind::kAssociation, *begin, end)) {
      earlier.any = true;
      if (key.second == kTresEnergy || is_reset(weights.association_resets, key.first, end)) continue;
      earlier.associations[key] += static_cast<double>(seconds) * weight;
    }
    if (!earlier.has_qos) continue;
    for (const auto& [key, seconds] : rollups.RolledUp(UsageKind::kQos, *begin, end)) {
      if (key.second == kTresEnergy || is_reset(weights.qos_resets, key.first, end)) continue;
      const double own = weights.undecayed_qos.contains(key.first) ? 1 : weight;
      earlier.qos[key] += static_cast<double>(seconds) * own;
    }
  }
  return earlier;
}

std::optional<QuotaAmounts> QuotaBook::OfAssociation(std::uint32_t id, std::uint32_t tres) const {
  if (!has_usage_ || (tres == kTresWall && !has_wall_)) return std::nullopt;
  const auto found = associations_.find({id, tres});
  return found == associations_.end() ? QuotaAmounts{} : found->second;
}

std::optional<QuotaAmounts> QuotaBook::OfQos(std::uint32_t id, std::uint32_t tres) const {
  if (!has_usage_ || !has_qos_ || (tres == kTresWall && !has_wall_)) return std::nullopt;
  const auto found = qos_.find({id, tres});
  return found == qos_.end() ? QuotaAmounts{} : found->second;
}

void QuotaBook::Update(const Moment& moment, const JobLedger* jobs, const AssociationTree& tree,
                       const QosMap& qos, const EarlierUsage& earlier) {
  moment_ = moment;
  period_ = QuotaPeriodAt(policy_, moment.as_of);
  has_usage_ = jobs != nullptr;
  has_wall_ = !earlier.any;
  has_qos_ = !earlier.any || earlier.has_qos;
  associations_.clear();
  qos_.clear();
  exact_ = policy_.known && policy_.half_life == 0 && !earlier.any;
  if (jobs == nullptr) return;

  const EnforcedWeights& weights = *jobs->options().weights;
  const double faded = std::exp(-weights.decay * static_cast<double>(moment.as_of - jobs->options().epoch));
  Sums leaves;
  const auto add = [&](const JobGroup& group, std::uint32_t tres, double QuotaAmounts::*what, double amount) {
    // The job's own factor is used for the partition's QOS too.
    amount *= FactorOf(qos, group.id_qos);
    const std::uint32_t part = tres & (kOfQos | kOfPartitionQos);
    const std::uint32_t id = tres & ~part;
    const std::uint32_t partition_qos = weights.PartitionQos(group.partition, group.id_qos);
    if (part == 0 && group.id_assoc != 0) leaves[{group.id_assoc, id}].*what += amount;
    const bool of_qos = part == kOfQos || (part == 0 && !weights.UsesOwnPart(group.id_qos));
    if (of_qos && group.id_qos != 0) qos_[{group.id_qos, id}].*what += amount;
    const bool of_partition = part == kOfPartitionQos || (part == 0 && !weights.UsesOwnPart(partition_qos));
    if (of_partition && partition_qos != 0) qos_[{partition_qos, id}].*what += amount;
  };
  const std::vector<JobGroup>& groups = jobs->groups();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::uint32_t partition_qos = weights.PartitionQos(groups[g].partition, groups[g].id_qos);
    for (const auto& [tres, amount] : jobs->totals()[g].tres_seconds.entries()) {
      const bool undecayed = ((tres & kOfQos) != 0 && weights.undecayed_qos.contains(groups[g].id_qos)) ||
                             ((tres & kOfPartitionQos) != 0 && weights.undecayed_qos.contains(partition_qos));
      add(groups[g], tres, &QuotaAmounts::used, Scaled(amount, undecayed || weights.decay == 0 ? 1 : faded));
    }
    // When a job is resized slurmctld counts some of the time since its last period twice.
    if (jobs->totals()[g].ended[static_cast<std::size_t>(JobState::kResizing)] != 0) exact_ = false;
    // A factor that was changed since: what it was before is not known.
    const auto used_qos = qos.find(groups[g].id_qos);
    if (used_qos != qos.end() && used_qos->second.changed > period_.start.value_or(0)) exact_ = false;
  }
  const auto add_committed = [&](const LiveJob& job, std::uint32_t tres, double amount) {
    const JobGroup& group = groups[job.group];
    add(group, tres, &QuotaAmounts::committed, amount);
    if (weights.UsesOwnPart(group.id_qos)) add(group, tres + kOfQos, &QuotaAmounts::committed, amount);
    const std::uint32_t partition_qos = weights.PartitionQos(group.partition, group.id_qos);
    if (partition_qos != 0 && weights.UsesOwnPart(partition_qos))
      add(group, tres + kOfPartitionQos, &QuotaAmounts::committed, amount);
  };
  for (const LiveJob& job : jobs->live()) {
    const auto remaining = static_cast<double>(RemainingSeconds(job, moment));
    if (remaining <= 0) continue;
    add_committed(job, kTresWall, remaining);
    for (const TresCount& tres : job.tres_alloc) {
      if (tres.id != kTresEnergy) add_committed(job, tres.id, remaining * static_cast<double>(tres.count));
    }
  }
  for (const auto& [key, seconds] : earlier.associations) leaves[key].used += seconds * faded;
  for (const auto& [key, seconds] : earlier.qos) {
    const double own = weights.undecayed_qos.contains(key.first) ? 1 : faded;
    qos_[key].used += seconds * own * FactorOf(qos, key.first);
  }

  std::uint32_t last = 0;
  std::vector<const AssociationRow*> line;
  for (const auto& [key, amounts] : leaves) {
    if (key.first != last || line.empty()) line = LineOf(tree, last = key.first);
    for (const AssociationRow* row : line) {
      QuotaAmounts& sum = associations_[{row->id, key.second}];
      sum.used += amounts.used;
      sum.committed += amounts.committed;
    }
  }
}

}  // namespace slurmdb
