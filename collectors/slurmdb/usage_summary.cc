#include "collectors/slurmdb/usage_summary.h"

#include <algorithm>
#include <set>

namespace slurmdb {
namespace {

std::uint32_t IdOf(const JobGroup& group, UsageKind kind) {
  switch (kind) {
    case UsageKind::kAssociation:
      return group.id_assoc;
    case UsageKind::kWckey:
      return group.id_wckey;
    case UsageKind::kQos:
      break;
  }
  return group.id_qos;
}

}  // namespace

UsageWindows UsageWindowsAt(const Calendar& calendar, std::int64_t time) {
  static constexpr struct {
    Period period;
    const char* name;
    const char* last;
  } kNames[] = {{Period::kDay, "day", "last_day"},
                {Period::kMonth, "month", "last_month"},
                {Period::kQuarter, "quarter", "last_quarter"},
                {Period::kYear, "year", "last_year"}};
  UsageWindows windows;
  std::size_t at = 0;
  for (const auto& [period, name, last] : kNames) {
    const std::int64_t start = calendar.PeriodStart(period, time);
    windows[at] = {name, start, time};
    windows[at + kUsageWindows / 2] = {last, calendar.PeriodStart(period, start - 1), start};
    ++at;
  }
  return windows;
}

UsageSummary::UsageSummary(Calendar calendar) : calendar_(std::move(calendar)) {}

void UsageSummary::SumRollups(const UsageBook& book) {
  for (const UsageKind kind : kAllUsageKinds) {
    UsageLines& lines = rolled_[static_cast<std::size_t>(kind)];
    lines.clear();
    if (!book.Has(kind)) continue;
    for (std::size_t w = 0; w < kUsageWindows; ++w) {
      const UsageWindow& window = windows_[w];
      for (const auto& [key, seconds] : book.RolledUp(kind, window.from, window.to))
        lines[key].rolled_up[w] = seconds;
      if (!has_totals_) continue;
      const std::int64_t settled = std::min(window.to, live_since_);
      if (settled <= window.from) continue;
      for (const auto& [key, seconds] : book.RolledUp(kind, window.from, settled))
        lines[key].total[w] = seconds;
    }
  }
}

void UsageSummary::Update(const UsageBook& book, const JobLedger* jobs) {
  const UsageWindows windows = UsageWindowsAt(calendar_, book.moment().as_of);
  const bool same_day = windows[0].from == windows_[0].from;
  const std::int64_t live_since = std::max(book.hours_from(), book.settled_until());
  const bool has_totals = jobs != nullptr && book.rolled_up_until() != 0;
  const bool again = !same_day || revision_ != book.revision() || live_since != live_since_ ||
                     has_totals != has_totals_ ||
                     rolled_up_until_ != book.rolled_up_until();  // of the past, that alone may move on
  windows_ = windows;
  moment_ = book.moment();
  rolled_up_until_ = book.rolled_up_until();
  days_agree_ = book.DaysAgree();
  live_since_ = live_since;
  has_totals_ = has_totals;
  for (const UsageKind kind : kAllUsageKinds) has_[static_cast<std::size_t>(kind)] = book.Has(kind);
  if (again) {
    SumRollups(book);
    revision_ = book.revision();
  }
  lines_ = rolled_;
  if (!has_totals_) return;
  // The pieces between live_since and now in which no window begins or ends.
  std::set<std::int64_t> borders = {live_since_, moment_.as_of};
  for (const UsageWindow& window : windows_) {
    if (window.from > live_since_) borders.insert(window.from);
  }
  for (auto from = borders.begin(); std::next(from) != borders.end(); ++from) {
    const std::int64_t to = *std::next(from);
    for (const auto& [group, tres] : jobs->RolledUp(*from, to)) {
      for (const UsageKind kind : kAllUsageKinds) {
        const std::uint32_t id = IdOf(group, kind);
        if (id == 0 || !Has(kind)) continue;
        UsageLines& lines = lines_[static_cast<std::size_t>(kind)];
        for (const auto& [tres_id, amount] : tres.entries()) {
          UsageLine& line = lines[{id, tres_id}];
          for (std::size_t w = 0; w < kUsageWindows; ++w) {
            if (windows_[w].from <= *from && to <= windows_[w].to)
              line.total[w] += static_cast<std::uint64_t>(amount);
          }
        }
      }
    }
  }
}

}  // namespace slurmdb
