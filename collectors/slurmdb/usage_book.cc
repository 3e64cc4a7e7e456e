#include "collectors/slurmdb/usage_book.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
// Stamps are seconds: what was written so short a time ago may be written once more with the same one.
constexpr std::int64_t kYoung = 10;
constexpr std::size_t kHours = 0;
constexpr std::size_t kDays = 1;
constexpr std::size_t kMonths = 2;

}  // namespace

std::int64_t HourStart(const Calendar& calendar, std::int64_t time) {
  return time - (time - calendar.PeriodStart(Period::kDay, time)) % kHour;
}

ByLevel<std::int64_t> RolledUpUntil(const UsageMarks& marks, const Calendar& calendar, std::int64_t as_of) {
  const auto floor_hour = [&](std::int64_t time) { return HourStart(calendar, time); };
  const ByLevel<std::int64_t> last_ran = marks.last_ran.value_or(ByLevel<std::int64_t>{});
  ByLevel<std::int64_t> until{};
  // The cluster's newest row counts as well as last_ran, which comes later and goes back when something about
  // the past comes in. A row of the newest hour may start within it (a controller that registered anew).
  if (marks.newest[kHours] != 0) until[kHours] = floor_hour(marks.newest[kHours]) + kHour;
  if (marks.newest[kDays] != 0) until[kDays] = calendar.NextStart(Period::kDay, marks.newest[kDays]);
  if (marks.newest[kMonths] != 0) until[kMonths] = calendar.NextStart(Period::kMonth, marks.newest[kMonths]);
  until[kHours] = std::max(until[kHours], floor_hour(last_ran[kHours]));
  until[kDays] = std::max(until[kDays], calendar.PeriodStart(Period::kDay, last_ran[kDays]));
  until[kMonths] = std::max(until[kMonths], calendar.PeriodStart(Period::kMonth, last_ran[kMonths]));
  // In the past they had come no further than that; and a clock that was ahead must not hide the present.
  until[kHours] = std::min(until[kHours], floor_hour(as_of));
  until[kDays] = std::min({until[kDays], calendar.PeriodStart(Period::kDay, as_of), until[kHours]});
  until[kMonths] = std::min({until[kMonths], calendar.PeriodStart(Period::kMonth, as_of), until[kDays]});
  return until;
}

UsageBook::UsageBook(UsageOptions options) : options_(std::move(options)) {}

std::int64_t UsageBook::FloorHour(std::int64_t time) const { return HourStart(options_.calendar, time); }

std::vector<UsageWitness> UsageBook::Witnesses() const {
  std::vector<UsageWitness> witnesses;
  const Kind& kind = kinds_[0];
  for (const UsageLevel level : kAllUsageLevels) {
    const Bins& bins = kind.bins[static_cast<std::size_t>(level)];
    const auto add = [&](const auto& bin) {
      if (bin.second.empty()) return;
      const auto& [id, qos, tres] = kind.slots[bin.second.front().first];
      witnesses.push_back({level, id, tres, bin.first});
    };
    if (bins.empty()) continue;
    add(*bins.begin());
    add(*bins.rbegin());
  }
  return witnesses;
}

bool UsageBook::Missing(const UsageMarks& marks) const {
  return std::any_of(marks.created.begin(), marks.created.end(), [&](const auto& witness) {
    if (!witness.second) return true;
    const auto before = marks_->created.find(witness.first);
    return before != marks_->created.end() && before->second != witness.second;
  });
}

std::optional<std::int64_t> UsageBook::FirstWritten(std::size_t level, const UsageStamps& stamps) const {
  const UsageStamps& known = stamps_[level];
  for (const auto& [start, stamp] : stamps) {
    const auto at = known.find(start);
    if (at == known.end() || at->second != stamp) return start;
  }
  return std::nullopt;
}

std::int64_t UsageBook::Floor(UsageLevel level, std::int64_t time) const {
  if (level == UsageLevel::kHour) return FloorHour(time);
  return options_.calendar.PeriodStart(level == UsageLevel::kDay ? Period::kDay : Period::kMonth, time);
}

ByLevel<std::int64_t> UsageBook::KeepFrom(const ByLevel<std::int64_t>& until, std::int64_t as_of) const {
  const Calendar& calendar = options_.calendar;
  const std::int64_t today = calendar.PeriodStart(Period::kDay, as_of);
  const std::int64_t yesterday = calendar.PeriodStart(Period::kDay, today - 1);
  const std::int64_t year = calendar.PeriodStart(Period::kYear, as_of);
  ByLevel<std::int64_t> keep;
  keep[kMonths] = std::min(options_.months_from, calendar.PeriodStart(Period::kYear, year - 1));
  // Finer rows from where the coarser ones end; never older than those, so that a roll-up that has never run
  // or stood still for years costs nothing.
  keep[kHours] = yesterday;
  if (until[kDays] > keep[kMonths]) keep[kHours] = std::min(yesterday, until[kDays]);
  keep[kDays] = calendar.PeriodStart(Period::kMonth, keep[kHours]);
  if (until[kMonths] > keep[kMonths]) keep[kDays] = std::min(keep[kDays], until[kMonths]);
  return keep;
}

void UsageBook::Store(const Change& change) {
  Kind& kind = kinds_[static_cast<std::size_t>(change.kind)];
  Bins& bins = kind.bins[static_cast<std::size_t>(change.level)];
  bins.erase(bins.lower_bound(change.replaced_from), bins.end());
  for (const auto& [start, rows] : change.rows) {
    Rows added;
    added.reserve(rows.size());
    for (const auto& [key, seconds] : rows) {
      const auto [at, is_new] = kind.index.try_emplace(key, static_cast<Slot>(kind.slots.size()));
      if (is_new) kind.slots.push_back(key);
      added.emplace_back(at->second, seconds);
    }
    std::sort(added.begin(), added.end());
    Rows& old = bins[start];
    Rows merged;
    merged.reserve(old.size() + added.size());
    // The first of two equals stays: the new one.
    std::set_union(added.begin(), added.end(), old.begin(), old.end(), std::back_inserter(merged),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
    old = std::move(merged);
  }
}

void UsageBook::Update(UsageSource& source, const Moment& moment) {
  const UsageMarks marks = source.ReadMarks(Witnesses());
  ByLevel<std::int64_t> until = RolledUpUntil(marks, options_.calendar, moment.as_of);
  const bool all = !marks_ || Missing(marks) || moment.now - read_all_at_ >= options_.recount_interval ||
                   moment.now < moment_.now;
  // Before that no roll-up is undone: without rows of the cluster's own, last_ran alone says how far it came.
  if (!all) {
    for (std::size_t level = 0; level < kUsageLevels; ++level) {
      until[level] = std::max(until[level], std::min(until_[level], moment.as_of));
    }
  }
  const ByLevel<std::int64_t> keep = KeepFrom(until, moment.as_of);

  // Where rows are found by time alone, those of the last roll-up begin where last_ran had gone back to.
  std::int64_t lowest = lowest_last_ran_;
  bool moved = false;
  if (!all && marks.last_ran) {
    const std::int64_t before = marks_->last_ran ? (*marks_->last_ran)[kHours] : 0;
    moved = marks.last_ran != marks_->last_ran && (*marks.last_ran)[kHours] >= before;
    lowest = std::min(lowest, (*marks.last_ran)[kHours]);
  }
  std::array<bool, kUsageKinds> has{};
  bool by_time = false;  // some rows are not found by mod_time
  for (const UsageKind kind : kAllUsageKinds) {
    const auto k = static_cast<std::size_t>(kind);
    has[k] = source.Has(kind);
    by_time |= has[k] && std::any_of(marks.changed[k].begin(), marks.changed[k].end(),
                                     [](const auto& changed) { return !changed; });
  }
  // A roll-up by command leaves last_ran alone, and one between two polls cannot be seen in it.
  ByLevel<UsageStamps> stamps;
  if (by_time) stamps = source.ReadStamps(keep);
  std::vector<Change> changes;
  for (const UsageKind kind : kAllUsageKinds) {
    const auto k = static_cast<std::size_t>(kind);
    if (!has[k]) continue;
    for (const UsageLevel level : kAllUsageLevels) {
      const auto l = static_cast<std::size_t>(level);
      const auto& changed = marks.changed[k][l];
      Change change{kind, level, keep[l], {}};
      std::int64_t from = keep[l];
      std::optional<std::int64_t> changed_after;
      if (!all && keep[l] >= keep_[l] && has_[k]) {
        if (changed) {
          changed_after = marks_->changed[k][l].value_or(0);
          if (changed == changed_after) continue;
          change.replaced_from = std::numeric_limits<std::int64_t>::max();
        } else {
          const std::optional<std::int64_t> written = FirstWritten(l, stamps[l]);
          if (!moved && !written) continue;
          const std::int64_t first = !moved ? *written : std::min(lowest, written.value_or(lowest));
          from = change.replaced_from = std::max(keep[l], Floor(level, first));
        }
      }
      source.Read(kind, level, from, changed_after, [&](const UsageRow& row) {
        change.rows[row.time_start][{row.id, row.qos, row.tres}] = row.seconds;
      });
      changes.push_back(std::move(change));
    }
  }

  // Nothing below fails on account of the database: from here on the new book stands.
  if (all) kinds_ = {};
  for (const Change& change : changes) Store(change);
  for (Kind& kind : kinds_) {
    for (std::size_t level = 0; level < kUsageLevels; ++level) {
      Bins& bins = kind.bins[level];
      bins.erase(bins.begin(), bins.lower_bound(keep[level]));
    }
  }
  has_ = has;
  until_ = until;
  keep_ = keep;
  settled_ = until[kHours];
  if (marks.last_ran) settled_ = std::min(settled_, FloorHour((*marks.last_ran)[kHours]));
  if (all) read_all_at_ = moment.now;
  if ((all || moved) && marks.last_ran) lowest = (*marks.last_ran)[kHours];
  lowest_last_ran_ = lowest;
  if (all || moved || !changes.empty() || !(marks_->last_ran == marks.last_ran)) ++revision_;
  marks_ = marks;
  for (ByLevel<std::optional<std::int64_t>>& levels : marks_->changed) {
    for (std::optional<std::int64_t>& changed : levels) {
      if (changed) changed = std::min(*changed, moment.now - kYoung);
    }
  }
  stamps_ = std::move(stamps);
  for (UsageStamps& level : stamps_) {
    std::erase_if(level, [&](const auto& row) { return row.second > moment.now - kYoung; });
  }
  moment_ = moment;
}

std::optional<bool> UsageBook::DaysAgree() const {
  // A week: in a wrong zone that is right by chance for half of the year, the others are of that half.
  constexpr int kLatest = 7;
  const Bins& days = kinds_[static_cast<std::size_t>(UsageKind::kAssociation)].bins[kDays];
  // Those that had been rolled up by then.
  auto day = std::make_reverse_iterator(days.lower_bound(until_[kDays]));
  if (day == days.rend()) return std::nullopt;
  for (int i = 0; i < kLatest && day != days.rend(); ++i, ++day) {
    if (Floor(UsageLevel::kDay, day->first) != day->first) return false;
  }
  return true;
}

UsageSums UsageBook::RolledUp(UsageKind of, std::int64_t from, std::int64_t to) const {
  const Kind& kind = kinds_[static_cast<std::size_t>(of)];
  const Calendar& calendar = options_.calendar;
  std::vector<std::uint64_t> sums(kind.slots.size());
  const auto add = [&](std::size_t level, std::int64_t begin, std::int64_t end) {
    const Bins& bins = kind.bins[level];
    for (auto at = bins.lower_bound(begin); at != bins.end() && at->first < end; ++at) {
      for (const auto& [slot, seconds] : at->second) sums[slot] += seconds;
    }
  };
  const std::int64_t months_to =
      std::max(from, std::min(until_[kMonths], calendar.PeriodStart(Period::kMonth, to)));
  const std::int64_t days_to =
      std::max(months_to, std::min(until_[kDays], calendar.PeriodStart(Period::kDay, to)));
  const bool whole_months = calendar.PeriodStart(Period::kMonth, from) == from;
  const std::int64_t days_from = whole_months ? months_to : from;
  if (whole_months) add(kMonths, from, months_to);
  add(kDays, days_from, days_to);
  add(kHours, std::max(days_from, days_to), std::min(to, until_[kHours]));
  UsageSums all;
  for (Slot slot = 0; slot < sums.size(); ++slot) {
    if (sums[slot] == 0) continue;
    const auto& [id, qos, tres] = kind.slots[slot];
    all[{of == UsageKind::kQos ? qos : id, tres}] += sums[slot];
  }
  return all;
}

}  // namespace slurmdb
