#include "collectors/slurmdb/replayed_costs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "collectors/slurmdb/upkeep.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

ReplayedCosts::ReplayedCosts(std::shared_ptr<const Tariff> tariff, LedgerOptions options, ClusterNames names,
                             PurgedJobs purged, const Calendar& calendar, std::int64_t from, std::int64_t to)
    : tariff_(std::move(tariff)),
      options_(std::move(options)),
      names_(std::move(names)),
      purged_(std::move(purged)),
      from_(from),
      to_(to) {
  options_.rule = Rule::kCharged;
  for (std::int64_t day = from; day <= to; day = calendar.NextStart(Period::kDay, day))
    epochs_.insert(tariff_->EpochAt(day));
}

// The first moment at which rows are missed.
std::int64_t ReplayedCosts::PurgedAt(std::int64_t epoch) const {
  if (purged_.oldest_end && *purged_.oldest_end <= epoch) return kNever;
  std::int64_t known = to_;
  if (!purged_.since(epoch, known)) return kNever;
  for (std::int64_t unknown = epoch; known - unknown > 1;) {
    const std::int64_t middle = unknown + (known - unknown) / 2;
    (purged_.since(epoch, middle) ? known : unknown) = middle;
  }
  return known;
}

ReplayedCosts::Count ReplayedCosts::Begin(JobSource& rows, std::int64_t epoch, const Moment& moment) const {
  LedgerOptions options = options_;
  options.epoch = epoch;
  options.charges = tariff_->ChargesOf(names_, epoch);
  return {FreshLedger(nullptr, options, rows, moment), PurgedAt(epoch)};
}

void ReplayedCosts::EndDay(JobSource& rows, std::int64_t midnight) {
  const Moment moment{midnight, midnight, false};
  const std::int64_t current = tariff_->EpochAt(std::max(from_, midnight));
  std::erase_if(counts_, [&](const auto& count) { return count.first < current; });
  for (auto epoch = epochs_.lower_bound(current); epoch != epochs_.end() && *epoch <= midnight; ++epoch) {
    const auto [count, is_new] = counts_.try_emplace(*epoch);
    if (is_new) count->second = Begin(rows, *epoch, moment);
    count->second.ledger->Update(rows, moment);
  }
}

void ReplayedCosts::MoveTo(JobSource& rows, std::int64_t time) {
  const std::int64_t epoch = tariff_->EpochAt(time);
  const Count& count = counts_.at(epoch);
  count.ledger->Update(rows, {time, time, false});
  shown_ = count.ledger.get();
  charged_from_ = time < count.purged_at ? epoch : purged_.oldest_end.value_or(time);
}

}  // namespace slurmdb
