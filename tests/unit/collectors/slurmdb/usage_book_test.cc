// Roll-ups, and what jobs add to them, from tables in memory. The same against a real server is in
// tests/integration/test_usage.py.
#include "collectors/slurmdb/usage_book.h"

#include <gtest/gtest.h>

#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/usage_summary.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
// 2024-05-15 10:00 UTC, a Wednesday in the second quarter.
constexpr std::int64_t kNow = 1'715'767'200;
constexpr std::int64_t kToday = kNow - 10 * kHour;
constexpr std::int64_t kMonth = kToday - 14 * kDay;
constexpr std::int64_t kQuarter = kMonth - 30 * kDay;
constexpr std::int64_t kYear = kQuarter - 91 * kDay;

class FakeUsage : public UsageSource {
 public:
  struct Stored {
    UsageRow row;
    std::int64_t mod_time = 0;
    std::int64_t created = 0;
  };

  void Put(UsageLevel level, UsageRow row, std::int64_t mod_time) {
    for (Stored& stored : tables[static_cast<std::size_t>(level)]) {
      if (stored.row.id == row.id && stored.row.qos == row.qos && stored.row.tres == row.tres &&
          stored.row.time_start == row.time_start) {
        stored = {row, mod_time, stored.created};
        return;
      }
    }
    tables[static_cast<std::size_t>(level)].push_back({row, mod_time, mod_time});
  }

  bool Has(UsageKind kind) const override { return kind == has; }

  UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) override {
    UsageMarks marks;
    marks.last_ran = last_ran;
    marks.newest = newest;
    for (std::size_t level = 0; level < kUsageLevels; ++level) {
      if (!has_mod_time) break;
      std::int64_t changed = 0;
      for (const Stored& stored : tables[level]) changed = std::max(changed, stored.mod_time);
      marks.changed[static_cast<std::size_t>(has)][level] = changed;
    }
    for (const UsageWitness& witness : witnesses) {
      auto& created = marks.created[witness];
      for (const Stored& stored : tables[static_cast<std::size_t>(witness.level)]) {
        if (stored.row.id == witness.id && stored.row.tres == witness.tres &&
            stored.row.time_start == witness.time_start) {
          created = stored.created;
        }
      }
    }
    return marks;
  }

  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& from) override {
    EXPECT_FALSE(has_mod_time);
    ByLevel<UsageStamps> found;
    for (std::size_t level = 0; level < kUsageLevels; ++level) {
      found[level].insert(stamps[level].lower_bound(from[level]), stamps[level].end());
    }
    return found;
  }

  void Read(UsageKind, UsageLevel level, std::int64_t from, std::optional<std::int64_t> changed_after,
            const Sink& sink) override {
    if (fails) throw DatabaseError(Reason::kLost, "gone");
    for (const Stored& stored : tables[static_cast<std::size_t>(level)]) {
      if (stored.row.time_start < from || (changed_after && stored.mod_time <= *changed_after)) continue;
      ++rows_read;
      sink(stored.row);
    }
  }

  ByLevel<std::vector<Stored>> tables;
  ByLevel<UsageStamps> stamps;  // of the cluster's own rows
  std::optional<ByLevel<std::int64_t>> last_ran = ByLevel<std::int64_t>{kNow, kToday, kMonth};
  ByLevel<std::int64_t> newest{kNow - kHour, kToday - kDay, kMonth - 30 * kDay};
  UsageKind has = UsageKind::kAssociation;
  bool has_mod_time = true;
  bool fails = false;
  std::size_t rows_read = 0;
};

Moment At(std::int64_t as_of) { return {as_of + 60, as_of, true}; }

UsageOptions Options() { return {Calendar("UTC"), kDay}; }

std::uint64_t Sum(const UsageBook& book, std::int64_t from, std::int64_t to) {
  std::uint64_t sum = 0;
  for (const auto& [key, seconds] : book.RolledUp(UsageKind::kAssociation, from, to)) sum += seconds;
  return sum;
}

// One unit a level, in different decimal places, so that a sum tells what it was made of.
FakeUsage OneOfEach() {
  FakeUsage usage;
  usage.Put(UsageLevel::kMonth, {7, 0, 1, kYear, 1'000'000}, kNow);
  usage.Put(UsageLevel::kMonth, {7, 0, 1, kQuarter, 100'000}, kNow);
  usage.Put(UsageLevel::kDay, {7, 0, 1, kQuarter + kDay, 90'000}, kNow);  // part of April's
  usage.Put(UsageLevel::kDay, {7, 0, 1, kMonth + kDay, 10'000}, kNow);
  usage.Put(UsageLevel::kDay, {7, 0, 1, kToday - kDay, 1'000}, kNow);
  usage.Put(UsageLevel::kHour, {7, 0, 1, kToday - kHour, 700}, kNow);  // part of yesterday's
  usage.Put(UsageLevel::kHour, {7, 0, 1, kToday + kHour, 100}, kNow);
  usage.Put(UsageLevel::kHour, {7, 0, 1, kNow - kHour, 10}, kNow);
  return usage;
}

TEST(UsageBookTest, PeriodsArePutTogetherFromTheCoarsestThatAreThere) {
  FakeUsage usage = OneOfEach();
  UsageBook book(Options());
  book.Update(usage, At(kNow + 600));
  EXPECT_EQ(book.rolled_up_until(), kNow);
  EXPECT_EQ(Sum(book, kToday, kNow + 600), 110U);
  EXPECT_EQ(Sum(book, kMonth, kNow + 600), 11'110U);
  EXPECT_EQ(Sum(book, kQuarter, kNow + 600), 111'110U);
  EXPECT_EQ(Sum(book, kYear, kNow + 600), 1'111'110U);
  EXPECT_EQ(Sum(book, kToday - kDay, kToday), 1'000U);
  EXPECT_EQ(Sum(book, kQuarter, kMonth), 100'000U);
  EXPECT_EQ(Sum(book, kToday - kDay, kToday - kHour), 0U);
  EXPECT_EQ(Sum(book, kToday - kDay, kToday - kHour + 1), 700U);
}

TEST(UsageBookTest, AWrongTimeZoneShows) {
  FakeUsage usage = OneOfEach();
  UsageBook right(Options());
  right.Update(usage, At(kNow + 600));
  EXPECT_EQ(right.DaysAgree(), true);
  for (const char* zone : {"Europe/Paris", "Asia/Kolkata", "America/New_York"}) {
    UsageBook wrong({Calendar(zone), kDay});
    wrong.Update(usage, At(kNow + 600));
    EXPECT_EQ(wrong.DaysAgree(), false) << zone;
  }
  FakeUsage nothing;
  UsageBook fresh(Options());
  fresh.Update(nothing, At(kNow + 600));
  EXPECT_EQ(fresh.DaysAgree(), std::nullopt);
}

TEST(UsageBookTest, WhatIsNotSummedUpYetIsTakenFromFinerRows) {
  FakeUsage usage = OneOfEach();
  // Yesterday is over but not summed up: its hours count, and the month's day does not.
  usage.last_ran = ByLevel<std::int64_t>{kNow, kToday - kDay, kMonth};
  usage.newest = {kNow - kHour, kToday - 2 * kDay, kQuarter};
  UsageBook book(Options());
  book.Update(usage, At(kNow + 600));
  EXPECT_EQ(Sum(book, kToday - kDay, kToday), 700U);
  EXPECT_EQ(Sum(book, kMonth, kNow + 600), 10'810U);
}

TEST(UsageBookTest, OnlyWhatChangedIsReadAgain) {
  for (const bool has_mod_time : {true, false}) {
    FakeUsage usage = OneOfEach();
    usage.has_mod_time = has_mod_time;
    UsageBook book(Options());
    book.Update(usage, At(kNow + 600));
    usage.rows_read = 0;
    const std::uint64_t revision = book.revision();
    book.Update(usage, At(kNow + 660));
    EXPECT_EQ(usage.rows_read, 0U);
    EXPECT_EQ(book.revision(), revision);
    usage.Put(UsageLevel::kHour, {7, 0, 1, kNow, 5}, kNow + kHour + 1);
    usage.last_ran = ByLevel<std::int64_t>{kNow + kHour, kToday, kMonth};
    usage.newest[0] = kNow;
    book.Update(usage, At(kNow + kHour + 60));
    EXPECT_EQ(Sum(book, kToday, kNow + 2 * kHour), 115U);
    EXPECT_LE(usage.rows_read, has_mod_time ? 1U : 4U);
    EXPECT_NE(book.revision(), revision);
  }
}

TEST(UsageBookTest, AReRollIsFollowed) {
  for (const bool has_mod_time : {true, false}) {
    FakeUsage usage = OneOfEach();
    usage.has_mod_time = has_mod_time;
    UsageBook book(Options());
    book.Update(usage, At(kNow + 600));
    // Something about yesterday came in ...
    usage.last_ran = ByLevel<std::int64_t>{kToday - 1800, kToday - 1800, kToday - 1800};
    book.Update(usage, At(kNow + 660));
    EXPECT_EQ(book.rolled_up_until(), kNow);
    EXPECT_EQ(book.settled_until(), kToday - kHour);
    EXPECT_EQ(Sum(book, kToday - kDay, kToday), 1'000U);
    // ... and is rolled up, downwards.
    usage.Put(UsageLevel::kHour, {7, 0, 1, kToday - kHour, 600}, kNow + kHour);
    usage.Put(UsageLevel::kDay, {7, 0, 1, kToday - kDay, 900}, kNow + kHour);
    usage.last_ran = ByLevel<std::int64_t>{kNow + kHour, kToday, kMonth};
    book.Update(usage, At(kNow + kHour + 60));
    EXPECT_EQ(Sum(book, kToday - kDay, kToday), 900U);
    EXPECT_EQ(book.settled_until(), kNow + kHour);
  }
}

TEST(UsageBookTest, ARollUpThatLastRanTellsNothingAboutIsFollowed) {
  for (const bool moved : {true, false}) {
    FakeUsage usage = OneOfEach();
    usage.has_mod_time = false;
    usage.stamps = {UsageStamps{{kToday - kHour, 1}, {kToday + kHour, 1}, {kNow - kHour, 1}},
                    UsageStamps{{kMonth + kDay, 1}, {kToday - kDay, 1}}, UsageStamps{{kQuarter, 1}}};
    UsageBook book(Options());
    book.Update(usage, At(kNow + 600));
    const std::uint64_t revision = book.revision();
    usage.rows_read = 0;
    book.Update(usage, At(kNow + 660));
    EXPECT_EQ(usage.rows_read, 0U);
    EXPECT_EQ(book.revision(), revision);
    // By command; or a record came and was rolled up since the last poll, together with a new hour.
    usage.Put(UsageLevel::kHour, {7, 0, 1, kToday + kHour, 50}, kNow + 700);
    usage.Put(UsageLevel::kDay, {7, 0, 1, kToday - kDay, 900}, kNow + 700);
    usage.stamps[0][kToday + kHour] = usage.stamps[0][kNow - kHour] = 2;
    usage.stamps[1][kToday - kDay] = 2;
    if (moved) usage.last_ran = ByLevel<std::int64_t>{kNow + kHour, kToday, kMonth};
    book.Update(usage, At(kNow + kHour + 60));
    EXPECT_EQ(Sum(book, kToday, kNow + kHour), 60U);
    EXPECT_EQ(Sum(book, kToday - kDay, kToday), 900U);
    EXPECT_EQ(Sum(book, kMonth, kToday), 10'900U);
    EXPECT_LE(usage.rows_read, 4U);
    EXPECT_NE(book.revision(), revision);
    usage.rows_read = 0;
    book.Update(usage, At(kNow + kHour + 120));
    EXPECT_EQ(usage.rows_read, 0U);
  }
}

TEST(UsageBookTest, ASecondRollUpWithinTheSameSecondIsFollowed) {
  for (const bool has_mod_time : {true, false}) {
    FakeUsage usage = OneOfEach();
    usage.has_mod_time = has_mod_time;
    UsageBook book(Options());
    const auto roll_up = [&](std::uint64_t seconds) {
      usage.Put(UsageLevel::kHour, {7, 0, 1, kNow - kHour, seconds}, kNow + 660);
      usage.stamps[0][kNow - kHour] = kNow + 660;
    };
    roll_up(20);
    book.Update(usage, At(kNow + 600));
    roll_up(30);
    book.Update(usage, At(kNow + 660));
    EXPECT_EQ(Sum(book, kToday, kNow + kHour), 130U);
    usage.rows_read = 0;
    book.Update(usage, At(kNow + 720));
    EXPECT_EQ(usage.rows_read, 0U);
  }
}

TEST(UsageBookTest, RowsThatAreRemovedAreMissed) {
  for (const bool has_mod_time : {true, false}) {
    FakeUsage usage = OneOfEach();
    usage.has_mod_time = has_mod_time;
    UsageBook book(Options());
    book.Update(usage, At(kNow + 600));
    for (auto& table : usage.tables)
      std::erase_if(table, [](const auto& stored) { return stored.row.time_start >= kMonth; });
    book.Update(usage, At(kNow + 660));
    EXPECT_EQ(Sum(book, kYear, kNow + 600), 1'100'000U);
  }
}

TEST(UsageBookTest, RowsThatAreRemovedAndRolledUpAnewInBetweenAreMissed) {
  FakeUsage usage = OneOfEach();
  usage.Put(UsageLevel::kHour, {8, 0, 1, kToday + 2 * kHour, 3}, kNow);  // by a runaway job alone
  UsageBook book(Options());
  book.Update(usage, At(kNow + 600));
  book.Update(usage, At(kNow + 660));
  EXPECT_EQ(Sum(book, kToday, kNow), 113U);
  for (auto& table : usage.tables)
    std::erase_if(table, [](const auto& stored) { return stored.row.time_start >= kMonth; });
  usage.Put(UsageLevel::kDay, {7, 0, 1, kMonth + kDay, 10'000}, kNow + 700);
  usage.Put(UsageLevel::kDay, {7, 0, 1, kToday - kDay, 1'000}, kNow + 700);
  usage.Put(UsageLevel::kHour, {7, 0, 1, kToday - kHour, 700}, kNow + 700);
  usage.Put(UsageLevel::kHour, {7, 0, 1, kToday + kHour, 100}, kNow + 700);
  usage.Put(UsageLevel::kHour, {7, 0, 1, kNow - kHour, 10}, kNow + 700);
  book.Update(usage, At(kNow + 720));
  EXPECT_EQ(Sum(book, kToday, kNow), 110U);
}

TEST(UsageBookTest, AFailureLeavesTheOldBook) {
  FakeUsage usage = OneOfEach();
  UsageBook book(Options());
  book.Update(usage, At(kNow + 600));
  usage.Put(UsageLevel::kHour, {7, 0, 1, kNow, 5}, kNow + kHour + 1);
  usage.last_ran = ByLevel<std::int64_t>{kNow + kHour, kToday, kMonth};
  usage.fails = true;
  EXPECT_THROW(book.Update(usage, At(kNow + kHour + 60)), DatabaseError);
  EXPECT_EQ(Sum(book, kToday, kNow + 2 * kHour), 110U);
  EXPECT_EQ(book.rolled_up_until(), kNow);
  usage.fails = false;
  book.Update(usage, At(kNow + kHour + 60));
  EXPECT_EQ(Sum(book, kToday, kNow + 2 * kHour), 115U);
}

TEST(UsageBookTest, AQosIsTheSumOverAssociationsWhicheverOfThemChanged) {
  FakeUsage usage;
  usage.has = UsageKind::kQos;
  usage.Put(UsageLevel::kHour, {7, 3, 1, kToday, 100}, kNow);
  usage.Put(UsageLevel::kHour, {8, 3, 1, kToday, 20}, kNow);
  usage.Put(UsageLevel::kHour, {8, 4, 1, kToday, 1}, kNow);
  UsageBook book(Options());
  book.Update(usage, At(kNow + 600));
  usage.Put(UsageLevel::kHour, {8, 3, 1, kToday, 30}, kNow + 700);
  book.Update(usage, At(kNow + 720));
  const UsageSums expected = {{{3, 1}, 130}, {{4, 1}, 1}};
  EXPECT_EQ(book.RolledUp(UsageKind::kQos, kToday, kNow), expected);
}

TEST(UsageBookTest, NothingRolledUpIsNoError) {
  FakeUsage usage;
  usage.last_ran.reset();
  usage.newest = {};
  UsageBook book(Options());
  book.Update(usage, At(kNow));
  EXPECT_EQ(book.rolled_up_until(), 0);
  EXPECT_EQ(Sum(book, kYear, kNow), 0U);
}

TEST(UsageBookTest, InThePastRollUpsHadComeNoFurther) {
  FakeUsage usage = OneOfEach();
  UsageBook book(Options());
  book.Update(usage, {kToday + 90 * 60, kToday + 90 * 60, false});
  EXPECT_EQ(book.rolled_up_until(), kToday + kHour);
  EXPECT_EQ(Sum(book, kToday, kToday + 90 * 60), 0U);
}

TEST(UsageWindowsTest, ArePeriodsToDateAndTheOnesBefore) {
  const UsageWindows windows = UsageWindowsAt(Calendar("UTC"), kNow);
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_name;
  for (const UsageWindow& window : windows) by_name[window.name] = {window.from, window.to};
  EXPECT_EQ(by_name.at("day"), std::pair(kToday, kNow));
  EXPECT_EQ(by_name.at("month"), std::pair(kMonth, kNow));
  EXPECT_EQ(by_name.at("quarter"), std::pair(kQuarter, kNow));
  EXPECT_EQ(by_name.at("year"), std::pair(kYear, kNow));
  EXPECT_EQ(by_name.at("last_day"), std::pair(kToday - kDay, kToday));
  EXPECT_EQ(by_name.at("last_month"), std::pair(kQuarter, kMonth));
  EXPECT_EQ(by_name.at("last_quarter"), std::pair(kYear, kQuarter));
  EXPECT_EQ(by_name.at("last_year"), std::pair(kYear - 365 * kDay, kYear));
}

// What roll-ups and jobs come to, as of kNow.
UsageSummary Summarized(FakeUsage& usage, FakeJobTable& jobs) {
  UsageBook book(Options());
  book.Update(usage, At(kNow));
  LedgerOptions options;
  options.rule = Rule::kRollUp;
  options.epoch = book.hours_from();
  JobLedger ledger(options);
  ledger.Recount(jobs, At(kNow));
  ledger.Update(jobs, At(kNow));
  UsageSummary summary{Calendar("UTC")};
  summary.Update(book, &ledger);
  return summary;
}

struct LiveCase {
  const char* what;
  FakeJob job;
  std::vector<Suspension> suspensions;
  std::uint64_t day;  // TRES-seconds of cpu today
  std::uint64_t day_mem;
  std::uint64_t last_day;  // of cpu yesterday
};

// What jobs add to roll-ups that end at kNow - 2 h, or yesterday at 23:00; the job has 2 CPUs and 10 MiB.
TEST(UsageSummaryTest, WhatJobsAddSinceTheRollUps) {
  const std::uint64_t now = kNow;
  const std::uint64_t hour = kHour;
  const char* tres = "1=2,2=10";
  const std::vector<LiveCase> cases = {
      {"ended before", {0, 1, now - 5 * hour, now - 4 * hour, now - 2 * hour, 3, 0, 1, tres}, {}, 0, 0, 0},
      {"ended across", {0, 1, now - 5 * hour, now - 3 * hour, now - hour, 3, 0, 1, tres}, {}, 7200, 36000, 0},
      {"runs", {0, 1, now - 5 * hour, now - hour, 0, 1, 0, 1, tres}, {}, 7200, 36000, 0},
      {"ended within", {0, 1, now - hour, now - 1800, now - 1799, 3, 0, 1, tres}, {}, 2, 10, 0},
      {"only cpu is stopped by a suspension",
       {9, 1, now - hour, now - hour, now, 3, 600, 1, tres},
       {{9, now - 900, now - 300}},
       6000,
       36000,
       0},
      {"suspended across the hour",
       {9, 1, now - 3 * hour, now - 3 * hour, now, 3, 600, 1, tres},
       {{9, now - hour - 100, now - hour + 500}},
       2 * (7200 - 600),
       72000,
       0},
      {"suspended now",
       {9, 1, now - hour, now - hour, 0, 2, now - 600, 1, tres},
       {{9, now - 600, 0}},
       6000,
       36000,
       0},
      // Submitted and eligible at half past; its start is the one from before the resize.
      {"goes on after a resize", {0, 1, now - 1800, now - 3 * hour, 0, 1, 0, 1, tres}, {}, 7200, 36000, 0},
      {"never started", {0, 1, now - hour, 0, now - 10, 4, 0, 1, ""}, {}, 0, 0, 0},
  };
  for (const LiveCase& c : cases) {
    FakeUsage usage = OneOfEach();
    usage.tables = {};
    usage.last_ran = ByLevel<std::int64_t>{kNow - 2 * kHour, kToday, kMonth};
    usage.newest[0] = kNow - 3 * kHour;
    FakeJobTable jobs;
    jobs.Add(c.job);
    jobs.suspensions = c.suspensions;
    const UsageSummary summary = Summarized(usage, jobs);
    UsageLine cpu;
    UsageLine mem;
    for (const auto& [key, line] : summary.lines(UsageKind::kAssociation)) {
      if (key.second == kTresCpu) cpu = line;
      if (key.second == kTresMem) mem = line;
    }
    EXPECT_EQ(cpu.total[0], c.day) << c.what;
    EXPECT_EQ(mem.total[0], c.day_mem) << c.what;
    EXPECT_EQ(cpu.total[1], c.day) << c.what;  // the month's
    EXPECT_EQ(cpu.total[4], c.last_day) << c.what;
    EXPECT_EQ(cpu.rolled_up[0], 0U) << c.what;
  }
}

TEST(UsageSummaryTest, FromTheHourThatWillBeRolledUpOnceMore) {
  FakeUsage usage = OneOfEach();
  // Something about yesterday came in: from 23:00 on jobs count, hours before it stand.
  usage.last_ran = ByLevel<std::int64_t>{kToday - 1800, kToday - 1800, kToday - 1800};
  usage.Put(UsageLevel::kHour, {7, 0, 1, kToday - 2 * kHour, 300}, kNow);
  FakeJobTable jobs;
  const std::uint64_t start = kToday - 2 * kHour;
  jobs.Add({0, 1, start, start, start + 3 * kHour, 3, 0, 7, "1=2"});
  const UsageSummary summary = Summarized(usage, jobs);
  EXPECT_EQ(summary.live_since(), kToday - kHour);
  const UsageLine& line = summary.lines(UsageKind::kAssociation).at({7, 1});
  EXPECT_EQ(line.total[0], 7200U);
  EXPECT_EQ(line.total[4], 300U + 7200U);
  EXPECT_EQ(line.total[1], 10'000U + 300U + 14'400U);
  EXPECT_EQ(line.rolled_up[0], 110U);
  EXPECT_EQ(line.rolled_up[4], 1'000U);
  EXPECT_EQ(line.rolled_up[1], 11'110U);
}

}  // namespace
}  // namespace slurmdb
