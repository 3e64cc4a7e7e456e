// Official usage of one cluster over the periods people ask for: what slurmdbd has rolled up, and that with
// what jobs have done since.
//
//   UsageSummary summary(calendar);
//   summary.Update(book, &jobs_since);   // after both were brought up to date in one snapshot
//   summary.lines(UsageKind::kAssociation);
//
// Rolled up alone is what sreport says. The total takes roll-ups as far as they are settled (see
// UsageBook::settled_until) and job rows, by the roll-up's own rule, from there on. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

inline constexpr std::size_t kUsageWindows = 8;

// [from, to), of slurmdbd's calendar.
struct UsageWindow {
  const char* name = "";  // "day", …, "last_day", …
  std::int64_t from = 0;
  std::int64_t to = 0;
};
using UsageWindows = std::array<UsageWindow, kUsageWindows>;

// Day, month, quarter and year up to `time`, and the complete ones before them.
UsageWindows UsageWindowsAt(const Calendar& calendar, std::int64_t time);

// TRES-seconds by window, modulo 2^64.
struct UsageLine {
  std::array<std::uint64_t, kUsageWindows> rolled_up{};
  std::array<std::uint64_t, kUsageWindows> total{};
};
using UsageLines = std::map<std::pair<std::uint32_t, std::uint32_t>, UsageLine>;  // by id and TRES

class UsageSummary {
 public:
  explicit UsageSummary(Calendar calendar);

  // `jobs`: a ledger of rule kRollUp whose epoch is the book's hours_from(). Null when it would have to reach
  // back too far: then there are no totals.
  void Update(const UsageBook& book, const JobLedger* jobs);

  const UsageWindows& windows() const { return windows_; }
  std::int64_t rolled_up_until() const { return rolled_up_until_; }
  // See UsageBook::DaysAgree.
  std::optional<bool> days_agree() const { return days_agree_; }
  bool has_totals() const { return has_totals_; }
  // Jobs are counted from here on.
  std::int64_t live_since() const { return live_since_; }
  bool Has(UsageKind kind) const { return has_[static_cast<std::size_t>(kind)]; }
  const UsageLines& lines(UsageKind kind) const { return lines_[static_cast<std::size_t>(kind)]; }
  // The instant it is about.
  const Moment& moment() const { return moment_; }

 private:
  void SumRollups(const UsageBook& book);

  Calendar calendar_;
  Moment moment_;
  UsageWindows windows_;
  std::int64_t rolled_up_until_ = 0;
  std::int64_t live_since_ = 0;
  std::optional<bool> days_agree_;
  bool has_totals_ = false;
  std::array<bool, kUsageKinds> has_{};
  std::array<UsageLines, kUsageKinds> rolled_;  // totals: what is settled
  std::array<UsageLines, kUsageKinds> lines_;
  std::uint64_t revision_ = 0;  // of the book, when the roll-ups were summed
};

}  // namespace slurmdb
