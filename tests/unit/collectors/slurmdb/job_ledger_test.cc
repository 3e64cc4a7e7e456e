#include "collectors/slurmdb/job_ledger.h"

#include <gtest/gtest.h>

#include "collectors/slurmdb/upkeep.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kEpoch = 1'700'000'000;  // not on an hour

LedgerOptions Options() {
  LedgerOptions options;
  options.epoch = kEpoch;
  return options;
}

Moment At(std::int64_t as_of, std::int64_t settle = 60) { return {as_of + settle, as_of, true}; }

void Poll(JobLedger& ledger, JobSource& source, const Moment& moment) {
  if (ledger.NeedsRecount(moment)) ledger.Recount(source, moment);
  ledger.Update(source, moment);
}

std::uint64_t Cpu(const JobLedger& ledger) {
  Uint128 sum = 0;
  for (const JobTotals& totals : ledger.totals()) {
    for (const auto& [id, amount] : totals.tres_seconds.entries()) {
      if (id == kTresCpu) sum += amount;
    }
  }
  return static_cast<std::uint64_t>(sum);
}

std::uint64_t Started(const JobLedger& ledger) {
  std::uint64_t sum = 0;
  for (const JobTotals& totals : ledger.totals()) sum += totals.started;
  return sum;
}

std::uint64_t Ended(const JobLedger& ledger, JobState state) {
  std::uint64_t sum = 0;
  for (const JobTotals& totals : ledger.totals()) sum += totals.ended[static_cast<std::size_t>(state)];
  return sum;
}

// One row, seen by a ledger whose totals are those of kEpoch + 10,000 s.
struct RowCase {
  const char* what;
  FakeJob job;
  std::vector<Suspension> suspensions;
  std::uint64_t cpu_seconds;
  std::uint64_t started;
};

TEST(JobLedgerTest, WhatOneRowCounts) {
  const std::uint64_t e = kEpoch;
  const std::uint64_t infinite = 4294967295;
  const std::vector<RowCase> cases = {
      {"running", {0, 1, e, e + 1000, 0, 1}, {}, 18000, 1},
      {"completed", {0, 1, e, e + 1000, e + 1500, 3}, {}, 1000, 1},
      {"ends at as_of", {0, 1, e, e + 1000, e + 10000, 3}, {}, 18000, 1},
      {"ends after as_of", {0, 1, e, e + 1000, e + 10001, 3}, {}, 18000, 1},
      {"starts at as_of", {0, 1, e, e + 10000, 0, 1}, {}, 0, 1},
      {"starts after as_of", {0, 1, e, e + 10001, 0, 1}, {}, 0, 0},
      {"began before the epoch", {0, 1, e - 5000, e - 4000, e + 100, 3}, {}, 200, 0},
      {"began before the epoch, runs", {0, 1, e - 5000, e - 4000, 0, 1}, {}, 20000, 0},
      {"over before the epoch", {0, 1, e - 5000, e - 4000, e - 1, 3}, {}, 0, 0},
      {"starts at the epoch", {0, 1, e, e, e + 10, 3}, {}, 20, 1},
      {"pending", {0, 1, e, 0, 0, 0}, {}, 0, 0},
      {"pending with a forecast in the past", {0, 1, e, e + 10, 0, 0}, {}, 0, 0},
      {"cancelled while pending", {0, 1, e, 0, e + 10, 4, 0, 1, ""}, {}, 0, 0},
      {"cancelled while pending, inserted at its end", {0, 1, e, e + 10, e + 10, 4, 0, 1, ""}, {}, 0, 0},
      {"cancelled while pending, forecast before its end", {0, 1, e, e + 5, e + 10, 4, 0, 1, ""}, {}, 0, 0},
      {"cancelled while pending, its end not written yet", {0, 1, e, e + 5, 0, 4, 0, 1, ""}, {}, 0, 0},
      {"started, start record lost", {0, 1, e, e + 5, e + 10, 3, 0, 1, ""}, {}, 0, 1},
      {"starts after it ends", {0, 1, e, e + 100, e + 90, 3}, {}, 0, 1},
      {"no time at all", {0, 1, e, e + 100, e + 100, 5}, {}, 0, 1},
      {"requeued", {0, 1, e, e + 100, e + 200, 1024}, {}, 200, 1},
      {"resized", {0, 1, e, e + 100, e + 200, 8192}, {}, 200, 1},
      {"revoked sibling", {0, 1, e, 0, e + 200, 524288, 0, 1, ""}, {}, 0, 0},
      {"end far in the future", {0, 1, e, e + 1000, infinite, 3}, {}, 18000, 1},
      {"suspended once, ended", {7, 1, e, e + 1000, e + 2000, 3, 300}, {{7, e + 1100, e + 1400}}, 1400, 1},
      {"suspended once, ended, row of suspend_table gone",
       {7, 1, e, e + 1000, e + 2000, 3, 300},
       {},
       1400,
       1},
      {"suspended longer than it ran", {7, 1, e, e + 1000, e + 2000, 3, 30000}, {}, 0, 1},
      {"suspended and running again", {7, 1, e, e + 1000, 0, 1, 300}, {{7, e + 1100, e + 1400}}, 17400, 1},
      {"suspended now", {7, 1, e, e + 1000, 0, 2, e + 6000}, {{7, e + 6000, 0}}, 10000, 1},
      // suspended at +6000 after 500 s of an earlier suspension
      {"suspended now, row of suspend_table gone", {7, 1, e, e + 1000, 0, 2, e + 5500}, {}, 9000, 1},
      {"suspended after as_of", {7, 1, e, e + 1000, 0, 2, e + 10030}, {{7, e + 10030, 0}}, 18000, 1},
      {"suspended across the epoch",
       {7, 1, e, e - 1000, e + 1000, 3, 1000},
       {{7, e - 900, e + 100}},
       1800,
       0},
  };
  for (const RowCase& c : cases) {
    FakeJobTable table;
    table.Add(c.job);
    table.suspensions = c.suspensions;
    JobLedger ledger(Options());
    Poll(ledger, table, At(kEpoch + 10000));
    EXPECT_EQ(Cpu(ledger), c.cpu_seconds) << c.what;
    EXPECT_EQ(Started(ledger), c.started) << c.what;
  }
}

TEST(JobLedgerTest, ResourcesOfEveryKindAndTheirExtremes) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 200, 3, 0, 1, "1=4,2=1000,3=500,1001=1"});
  table.Add({0, 2, e, e + 100, e + 200, 3, 0, 1, "1=18446744073709551612,3=18446744073709551614"});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 10000));
  const JobTotals& totals = ledger.totals().at(0);
  const auto sum = [&](std::uint32_t id) {
    for (const auto& [tres, amount] : totals.tres_seconds.entries()) {
      if (tres == id) return amount;
    }
    return Uint128{0};
  };
  EXPECT_EQ(sum(1), (Uint128{18446744073709551612ULL} + 4) * 100);  // beyond 64 bits
  EXPECT_EQ(sum(2), 100000);
  EXPECT_EQ(sum(1001), 100);
  EXPECT_EQ(sum(kTresEnergy), 0);  // joules are not multiplied by time
  EXPECT_EQ(totals.energy_joules, 500);
}

TEST(JobLedgerTest, EndedStatesAreCountedOnce) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  JobLedger ledger(Options());
  for (int i = 0; i < 3; ++i) {
    table.Add({0, static_cast<std::uint32_t>(i), e + static_cast<std::uint64_t>(i), e + 100, e + 200, 6});
  }
  for (int poll = 0; poll < 20; ++poll) {
    Poll(ledger, table, At(kEpoch + 250 + poll * 60));
    EXPECT_EQ(Ended(ledger, JobState::kTimeout), 3U);
  }
}

TEST(JobLedgerTest, AnOrdinaryPollReadsOnlyTheWindow) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  for (std::uint32_t i = 0; i < 1000; ++i) table.Add({0, i, e + i, e + i, e + 100 + i * 80, 3});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 80000));
  table.ended_rows_read = 0;
  Poll(ledger, table, At(kEpoch + 80060));
  EXPECT_GT(table.ended_rows_read, 0U);
  EXPECT_LE(table.ended_rows_read, (900 + 60 + 300) / 80 + 1);
}

// Consumption goes on to the last second; what happens at the instant itself belongs to what comes next.
TEST(JobLedgerTest, APeriodThatHasEndedIsShownAsAWhole) {
  FakeJobTable table;
  const std::uint64_t until = kEpoch + 10'000;
  table.Add({0, 1, until - 5000, until - 1000, 0, 1});          // runs on: 1000 s
  table.Add({0, 2, until - 5000, until - 500, until - 1, 3});   // 499 s
  table.Add({0, 3, until - 5000, until - 300, until, 5});       // 300 s, and has not failed in this period
  table.Add({0, 4, until - 5000, until - 200, until + 30, 3});  // 200 s
  table.Add({0, 5, until - 5000, until, 0, 1});                 // has not started in it
  table.Add({0, 6, until - 5000, until + 10, until + 20, 3});
  LedgerOptions options = Options();
  options.until = static_cast<std::int64_t>(until);
  for (const std::int64_t later : {0, 1, 30, 4000}) {
    JobLedger ledger(options);
    Poll(ledger, table, At(options.until - 40));
    EXPECT_EQ(Started(ledger), 4U);
    Poll(ledger, table, At(options.until + later));
    EXPECT_EQ(Cpu(ledger), 2U * (1000 + 499 + 300 + 200)) << later;
    EXPECT_EQ(Started(ledger), 4U) << later;
    EXPECT_EQ(Ended(ledger, JobState::kCompleted), 1U) << later;
    EXPECT_EQ(Ended(ledger, JobState::kFailed), 0U) << later;
  }
}

TEST(CounterPeriodTest, AnInstantBelongsToWhatEndsThere) {
  const Calendar calendar("UTC");
  const std::int64_t january = 1'735'689'600;  // 2025
  const std::int64_t february = january + std::int64_t{31} * 86400;
  for (const std::int64_t as_of : {january + 1, february - 1, february}) {
    const CounterPeriod period = CounterPeriodAt(Period::kMonth, calendar, as_of);
    EXPECT_EQ(period.epoch, january) << as_of;
    EXPECT_EQ(period.until, february) << as_of;
  }
  EXPECT_EQ(CounterPeriodAt(Period::kMonth, calendar, february + 1).epoch, february);
  EXPECT_EQ(CounterPeriodAt(Period::kYear, calendar, january).until, january);
  EXPECT_EQ(CounterPeriodAt(kEpoch, calendar, february).epoch, kEpoch);
  EXPECT_EQ(CounterPeriodAt(kEpoch, calendar, february).until, kEver);
}

TEST(CounterPeriodTest, ABookShowsItsOwnPeriodFirst) {
  const CounterPeriod january{1000, 2000};
  const CounterPeriod february{2000, 3000};
  LedgerOptions options;
  SetPeriod<JobLedger>(nullptr, january, 1500, options);
  EXPECT_EQ(options.epoch, january.epoch);
  EXPECT_EQ(options.until, january.until);
  FakeJobTable table;
  JobLedger ledger(options);
  const auto epoch_at = [&](std::int64_t as_of, const CounterPeriod& period) {
    LedgerOptions next;
    SetPeriod(&ledger, period, as_of, next);
    ledger.Update(table, At(as_of));
    return next.epoch;
  };
  ledger.Update(table, At(1500));
  EXPECT_EQ(epoch_at(1900, january), 1000);
  EXPECT_EQ(epoch_at(2050, february), 1000);
  EXPECT_EQ(epoch_at(2100, february), 2000);
  JobLedger to_the_second(options);
  to_the_second.Update(table, At(2000));
  SetPeriod(&to_the_second, february, 2050, options);
  EXPECT_EQ(options.epoch, 2000);
}

TEST(JobLedgerTest, ARowThatGoesIsLookedUp) {
  const std::uint64_t e = kEpoch;
  for (const bool can_look_up : {true, false}) {
    FakeJobTable table;
    table.can_look_up = can_look_up;
    table.Add({0, 1, e, e + 100, 0, 1});
    JobLedger ledger(Options());
    Poll(ledger, table, At(kEpoch + 50000));
    // The runaway fix: the end is long ago.
    table.jobs[0].end = e + 200;
    table.jobs[0].state = 3;
    Poll(ledger, table, At(kEpoch + 50060));
    EXPECT_EQ(Cpu(ledger), can_look_up ? 200U : 0U);
  }
}

TEST(JobLedgerTest, ARecordThatComesLateIsFound) {
  const std::uint64_t e = kEpoch;
  for (const bool can_see_inserted : {true, false}) {
    FakeJobTable table;
    table.can_see_inserted = can_see_inserted;
    JobLedger ledger(Options());
    Poll(ledger, table, At(kEpoch + 50000));
    table.Add({0, 1, e + 5, e + 100, e + 200, 3});
    Poll(ledger, table, At(kEpoch + 50060));
    EXPECT_EQ(Cpu(ledger), can_see_inserted ? 200U : 0U);
    // Without that way, a wide window finds it within the hour.
    for (std::int64_t at = 50120; at <= 54000; at += 60) Poll(ledger, table, At(kEpoch + at));
    EXPECT_EQ(Cpu(ledger), 200U);
  }
}

TEST(JobLedgerTest, ACorrectedEndMovesTheRowAndDoesNotDoubleIt) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 200, 3});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 50000));
  table.jobs[0].end = e + 49900;  // into the window
  Poll(ledger, table, At(kEpoch + 50060));
  EXPECT_EQ(Cpu(ledger), 2 * 49800U);
  table.jobs[0].end = e + 300;  // and out of it
  Poll(ledger, table, At(kEpoch + 50120));
  EXPECT_EQ(Cpu(ledger), 400U);
}

TEST(JobLedgerTest, AReRollMakesTheWindowWide) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 40000, 3});
  table.Add({0, 2, e, e + 100, e + 50000, 3});
  table.last_rollup = kEpoch + 80000;
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 80000));
  table.jobs[0].end = e + 40010;  // old, and staying old: nothing else would notice
  Poll(ledger, table, At(kEpoch + 80060));
  EXPECT_EQ(Cpu(ledger), 2 * (39900U + 49900U));
  table.last_rollup = kEpoch + 40010;
  Poll(ledger, table, At(kEpoch + 80120));
  Poll(ledger, table, At(kEpoch + 81000));  // a signal is answered within a quarter of the wide interval
  EXPECT_EQ(Cpu(ledger), 2 * (39910U + 49900U));
}

TEST(JobLedgerTest, AReRollFromBeforeTheWideWindowAsksForARecount) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 200, 3});
  table.last_rollup = kEpoch + 190000;
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 190000));
  table.jobs[0].end = e + 210;
  table.last_rollup = kEpoch + 200;
  bool recounted = false;
  for (std::int64_t at = 190060; at <= 194000; at += 60) {
    recounted |= ledger.NeedsRecount(At(kEpoch + at));
    Poll(ledger, table, At(kEpoch + at));
  }
  EXPECT_TRUE(recounted);
  EXPECT_EQ(Cpu(ledger), 220U);
}

TEST(JobLedgerTest, TheRecountFindsWhatNothingElseCan) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 200, 3});
  table.Add({0, 2, e, e + 100, e + 300, 3});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 200000));
  table.jobs.erase(table.jobs.begin());  // purged
  Poll(ledger, table, At(kEpoch + 200060));
  EXPECT_EQ(Cpu(ledger), 600U);
  Poll(ledger, table, At(kEpoch + 200000 + 86400));
  EXPECT_EQ(Cpu(ledger), 400U);
}

TEST(JobLedgerTest, APrimaryKeyMayChange) {
  FakeJobTable table;
  const std::uint64_t e = kEpoch;
  table.Add({5, 1, e, e + 100, 0, 1});
  table.Add({6, 2, e, e + 100, e + 200, 3});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 400));
  for (FakeJob& job : table.jobs) job.db_inx = 18446744073709551000ULL + job.id_job;
  Poll(ledger, table, At(kEpoch + 460));
  EXPECT_EQ(Cpu(ledger), 2 * 360 + 200U);
}

class FailingSource : public FakeJobTable {
 public:
  void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) override {
    FakeJobTable::ReadEnded(from, to, sink);
    if (fails) throw std::runtime_error("lost");
  }
  bool fails = false;
};

TEST(JobLedgerTest, AFailureLeavesTheBookAsItWas) {
  FailingSource table;
  const std::uint64_t e = kEpoch;
  table.Add({0, 1, e, e + 100, e + 200, 3});
  JobLedger ledger(Options());
  Poll(ledger, table, At(kEpoch + 400));
  table.Add({0, 2, e, e + 300, e + 500, 3});
  table.fails = true;
  for (int i = 1; i < 100; ++i) {
    EXPECT_THROW(Poll(ledger, table, At(kEpoch + 400 + i * 600)), std::runtime_error);
    EXPECT_EQ(Cpu(ledger), 200U);
  }
  table.fails = false;
  Poll(ledger, table, At(kEpoch + 400 + 100 * 600));
  EXPECT_EQ(Cpu(ledger), 600U);
}

TEST(LiveJobTest, PhasesNowAndInThePast) {
  const std::uint64_t e = kEpoch;
  FakeJobTable table;
  table.Add({1, 1, e + 10, e + 100, e + 500, 3});        // ran from +100 to +500
  table.Add({2, 2, e + 10, e + 100, 0, 2, e + 300});     // suspended since +300
  table.Add({3, 3, e + 10, 0, 0, 0, 0, 1, "", 10});      // an array of ten, pending
  table.Add({4, 4, e + 10, e + 90000, 0, 0, 0, 1, ""});  // pending with a forecast
  table.Add({5, 5, e + 10, e + 100, 0, 3});              // ended, but without an end: neither here nor there
  table.suspensions = {{2, e + 300, 0}};
  const auto phases = [&](const Moment& moment) {
    JobLedger ledger(Options());
    Poll(ledger, table, moment);
    std::map<std::uint32_t, std::string> out;
    for (const LiveJob& job : ledger.live()) {
      if (const auto phase = job.PhaseAt(moment)) out[job.key.id_job] = JobStateName(*phase);
    }
    return out;
  };
  using Phases = std::map<std::uint32_t, std::string>;
  EXPECT_EQ(phases(At(kEpoch + 1000)), (Phases{{2, "suspended"}, {3, "pending"}, {4, "pending"}}));
  const auto past = [](std::int64_t at) { return Moment{at, at, false}; };
  EXPECT_EQ(phases(past(kEpoch + 400)),
            (Phases{{1, "running"}, {2, "suspended"}, {3, "pending"}, {4, "pending"}, {5, "running"}}));
  EXPECT_EQ(phases(past(kEpoch + 200)),
            (Phases{{1, "running"}, {2, "running"}, {3, "pending"}, {4, "pending"}, {5, "running"}}));
  EXPECT_EQ(phases(past(kEpoch + 50)),
            (Phases{{1, "pending"}, {2, "pending"}, {3, "pending"}, {4, "pending"}, {5, "pending"}}));
  EXPECT_EQ(phases(past(kEpoch + 5)), Phases{});
}

}  // namespace
}  // namespace slurmdb
