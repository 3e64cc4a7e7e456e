// Books of the past that go forward from moment to moment, against books made anew at each. The same against
// a real server is in tests/integration/test_backfill.py.
#include <gtest/gtest.h>

#include <random>

#include "collectors/slurmdb/replayed_jobs.h"
#include "collectors/slurmdb/replayed_usage.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kEpoch = 1'709'251'200;  // 2024-03-01 00:00 UTC
constexpr std::int64_t kEver = std::int64_t{1} << 60;

Moment Past(std::int64_t time) { return {time, time, false}; }

LedgerOptions Options(Rule rule = Rule::kRealTime) {
  LedgerOptions options;
  options.rule = rule;
  options.epoch = kEpoch;
  options.overlap = 0;
  options.wide_interval = kEver;
  options.recount_interval = kEver;
  options.histograms = {{{10, 100, 1000}, {60, 600, 6000}, {kRatioParts / 2, kRatioParts}}};
  return options;
}

void AddAll(FakeJobTable& table, ReplayedJobs& jobs) {
  const auto add = [&](const JobRow& row) { jobs.Add(row); };
  table.ReadOpen(add);
  table.ReadEnded(1, 0, add);
  for (const Suspension& suspension : table.suspensions) jobs.Add(suspension);
}

FakeJobTable RandomJobs(unsigned seed, int count) {
  std::mt19937 random(seed);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(std::uniform_int_distribution<std::int64_t>(low, high)(random));
  };
  FakeJobTable table;
  for (int i = 0; i < count; ++i) {
    FakeJob job;
    job.id_job = static_cast<std::uint32_t>(i + 1);
    job.submit = draw(kEpoch - kDay, kEpoch + 6 * kDay);
    job.assoc = static_cast<std::uint32_t>(draw(1, 9));
    job.qos = static_cast<std::uint32_t>(draw(0, 3));
    job.tres = "";
    if (draw(0, 9) != 0) {
      job.start = job.submit + draw(0, 3) * draw(0, 9000);
      job.state = 1;
      job.tres = draw(0, 1) == 0 ? "1=4,2=100" : "1=1,1001=2";
      if (draw(0, 9) != 0) {
        job.end = job.start + draw(0, 1) * draw(0, 200'000);
        job.state = draw(3, 6);
      }
    } else if (draw(0, 1) == 0) {
      job.end = job.submit + draw(0, 5000);
      job.state = 4;
    }
    FakeJob& added = table.Add(job);
    if (added.end > added.start + 1000 && draw(0, 3) == 0) {
      added.suspended = draw(1, 900);
      table.suspensions.push_back({added.db_inx, added.start + 50, added.start + 50 + added.suspended});
    }
  }
  return table;
}

TEST(ReplayedJobs, EachMomentIsThatOfANewLedger) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    FakeJobTable table = RandomJobs(seed, 300);
    ReplayedJobs jobs;
    AddAll(table, jobs);
    std::mt19937 random(seed);
    JobLedger ledger(Options());
    std::int64_t before = kEpoch;
    for (std::int64_t time = kEpoch; time < kEpoch + 8 * kDay;
         time += std::uniform_int_distribution<std::int64_t>(1, 20 * kHour)(random)) {
      jobs.MoveTo(time, before - 2 * kHour);
      before = time;
      if (ledger.NeedsRecount(Past(time))) ledger.Recount(jobs, Past(time));
      ledger.Update(jobs, Past(time));
      auto plain = PlainTotals(table, kEpoch, time);
      std::erase_if(plain, [](const auto& entry) { return entry.second == JobTotals{}; });
      EXPECT_TRUE(TotalsOf(ledger) == plain) << seed << " at " << time - kEpoch;
      EXPECT_TRUE(HistogramsOf(ledger) == PlainHistograms(table, Options().histograms, kEpoch, time)) << seed;
      JobLedger fresh(Options());
      fresh.Recount(table, Past(time));
      fresh.Update(table, Past(time));
      EXPECT_EQ(ledger.groups().size(), fresh.groups().size()) << seed << " at " << time - kEpoch;
      EXPECT_EQ(ledger.live().size(), fresh.live().size());
    }
    EXPECT_LT(jobs.size(), table.jobs.size() / 2);  // the others were forgotten
  }
}

std::vector<std::uint32_t> Shown(ReplayedJobs& jobs, std::int64_t from, std::int64_t to) {
  std::vector<std::uint32_t> ids;
  jobs.ReadEnded(from, to, [&](const JobRow& row) { ids.push_back(row.key.id_job); });
  return ids;
}

JobRow Row(std::uint32_t id, std::uint64_t submit, std::uint64_t end) {
  JobRow row;
  row.key = {id, submit};
  row.db_inx = id;
  row.time_end = end;
  row.tres_alloc = "1=2";
  return row;
}

TEST(ReplayedJobs, ARowIsThereFromItsSubmissionUntilItIsForgotten) {
  ReplayedJobs jobs;
  jobs.Add(Row(1, 100, 300));
  jobs.Add(Row(2, 200, 400));
  jobs.MoveTo(199, 0);
  EXPECT_EQ(Shown(jobs, 1, 0), (std::vector<std::uint32_t>{1}));
  jobs.MoveTo(200, 0);
  EXPECT_EQ(Shown(jobs, 1, 0), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(Shown(jobs, 300, 400), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(Shown(jobs, 301, 0), (std::vector<std::uint32_t>{2}));
  jobs.MoveTo(500, 301);
  EXPECT_EQ(Shown(jobs, 1, 0), (std::vector<std::uint32_t>{2}));
  EXPECT_EQ(jobs.size(), 1U);
}

TEST(ReplayedJobs, WhatWasOpenWhenItWasReadStaysOpen) {
  ReplayedJobs jobs;
  EXPECT_TRUE(jobs.Add(Row(1, 100, 0)));
  EXPECT_FALSE(jobs.Add(Row(1, 100, 300)));
  EXPECT_TRUE(jobs.Add(Row(1, 200, 300)));  // requeued
  jobs.MoveTo(1000, 0);
  EXPECT_EQ(Shown(jobs, 1, 0).size(), 1U);
  std::size_t open = 0;
  jobs.ReadOpen([&](const JobRow& row) {
    ++open;
    EXPECT_EQ(row.tres_alloc, "1=2");
  });
  EXPECT_EQ(open, 1U);
}

TEST(ReplayedJobs, SuspensionsGoWithTheirRow) {
  ReplayedJobs jobs;
  jobs.Add(Row(7, 100, 300));
  jobs.Add(Suspension{7, 150, 160});
  const std::uint64_t key = 7;
  jobs.MoveTo(1000, 0);
  EXPECT_EQ(jobs.ReadSuspensions({&key, 1}).size(), 1U);
  jobs.MoveTo(1000, 301);
  EXPECT_TRUE(jobs.ReadSuspensions({&key, 1}).empty());
}

TEST(JobLedger, OfThePastKnowsNothingOfWhatWasSubmittedLater) {
  FakeJobTable table;
  table.Add(
      {.id_job = 1, .submit = kEpoch + 10, .start = kEpoch + 20, .end = kEpoch + 50, .state = 3, .assoc = 1});
  table.Add({.id_job = 2, .submit = kEpoch + 90, .start = kEpoch + 95, .state = 1, .assoc = 2});
  for (const std::size_t groups : {std::size_t{1}, std::size_t{2}}) {
    const Moment moment = Past(kEpoch + (groups == 1 ? 60 : 90));
    JobLedger ledger(Options());
    ledger.Recount(table, moment);
    ledger.Update(table, moment);
    EXPECT_EQ(ledger.groups().size(), groups);
  }
}

// Roll-ups of two associations, all of it rolled up long after.
class Rolled : public UsageSource {
 public:
  bool Has(UsageKind kind) const override { return kind == UsageKind::kAssociation; }
  UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) override {
    UsageMarks marks;
    marks.last_ran = ByLevel<std::int64_t>{kLast, kLast, kLast - 15 * kDay};
    marks.newest = {kLast - kHour, kLast - kDay, kLast - 46 * kDay};
    for (const UsageWitness& witness : witnesses) marks.created[witness] = 1;
    return marks;
  }
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>&) override { return {}; }
  void Read(UsageKind, UsageLevel level, std::int64_t from, std::optional<std::int64_t>,
            const Sink& sink) override {
    Within(level, from, kEver, sink);
  }

  void Within(UsageLevel level, std::int64_t from, std::int64_t to, const Sink& sink) {
    const Calendar calendar("Europe/Paris");
    static constexpr Period kPeriods[] = {Period::kDay, Period::kDay, Period::kMonth};
    const Period period = kPeriods[static_cast<std::size_t>(level)];
    std::int64_t time = level == UsageLevel::kHour ? kFirst : calendar.PeriodStart(period, kFirst);
    while (time < kLast) {
      const std::int64_t next = level == UsageLevel::kHour ? time + kHour : calendar.NextStart(period, time);
      if (time >= from && time < to) {
        ++rows;
        const auto hours =
            static_cast<std::uint64_t>((std::min(next, kLast) - std::max(time, kFirst)) / kHour);
        for (const std::uint32_t id : {1U, 2U}) sink({id, 0, kTresCpu, time, hours * id});
      }
      time = next;
    }
  }

  static constexpr std::int64_t kFirst = kEpoch - 40 * kDay - kHour;  // a midnight in Paris
  static constexpr std::int64_t kLast = kEpoch + 45 * kDay + 5 * kHour;
  std::size_t rows = 0;
};

TEST(ReplayedUsage, EachMomentIsThatOfANewBook) {
  const Calendar calendar("Europe/Paris");  // whose clocks change on March 31st
  Rolled tables;
  ReplayedUsage replayed(
      tables,
      [&](UsageKind, UsageLevel level, std::int64_t from, std::int64_t to, const UsageSource::Sink& sink) {
        tables.Within(level, from, to, sink);
      },
      calendar, Rolled::kLast);
  UsageBook book({calendar, kEver});
  std::size_t rows_for_others = 0;
  for (std::int64_t time = kEpoch + 7 * kDay; time < Rolled::kLast; time += 7 * kHour + 1234) {
    replayed.MoveTo(time);
    book.Update(replayed, Past(time));
    const std::size_t rows = tables.rows;
    UsageBook fresh({calendar, kDay});
    fresh.Update(tables, Past(time));
    rows_for_others += tables.rows - rows;
    EXPECT_EQ(book.rolled_up_until(), fresh.rolled_up_until());
    EXPECT_EQ(book.settled_until(), fresh.settled_until());
    EXPECT_EQ(book.hours_from(), fresh.hours_from());
    for (const Period period : {Period::kDay, Period::kMonth, Period::kQuarter, Period::kYear}) {
      const std::int64_t start = calendar.PeriodStart(period, time);
      const std::int64_t last = calendar.PeriodStart(period, start - 1);
      EXPECT_EQ(book.RolledUp(UsageKind::kAssociation, start, time),
                fresh.RolledUp(UsageKind::kAssociation, start, time))
          << time;
      EXPECT_EQ(book.RolledUp(UsageKind::kAssociation, last, start),
                fresh.RolledUp(UsageKind::kAssociation, last, start))
          << time;
    }
  }
  // Each row once: hours from the day before on, days from the month before on, and months.
  const std::size_t rows = tables.rows - rows_for_others;
  EXPECT_LE(rows, 40U * 24U + 76U + 3U);
  EXPECT_GE(rows, 38U * 24U + 45U + 2U);
}

}  // namespace
}  // namespace slurmdb
