// Books of the past that go forward from moment to moment, against books made anew at each. The same against
// a real server is in tests/integration/test_backfill.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "collectors/slurmdb/replayed_costs.h"
#include "collectors/slurmdb/replayed_events.h"
#include "collectors/slurmdb/replayed_jobs.h"
#include "collectors/slurmdb/replayed_transactions.h"
#include "collectors/slurmdb/replayed_usage.h"
#include "fake_events.h"
#include "fake_job_table.h"
#include "fake_transactions.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kEpoch = 1'709'251'200;  // 2024-03-01 00:00 UTC
constexpr std::int64_t kEver = std::int64_t{1} << 60;
constexpr std::uint64_t kDrained = 2 | 0x200;  // idle, and to be drained

Moment Past(std::int64_t time) { return {time, time, false}; }

LedgerOptions Options(Rule rule = Rule::kRealTime) {
  LedgerOptions options;
  options.rule = rule;
  options.epoch = kEpoch;
  options.overlap = 0;
  options.wide_interval = kEver;
  options.recount_interval = kEver;
  options.frozen = true;
  options.histograms = {{{10, 100, 1000}, {60, 600, 6000}, {kRatioParts / 2, kRatioParts}}};
  return options;
}

// A row as JobReader has it, without its steps.
JobRow WithoutSteps(JobRow row) {
  row.steps = {};
  return row;
}

void AddAll(FakeJobTable& table, ReplayedJobs& jobs) {
  const auto add = [&](const JobRow& row) { jobs.Add(WithoutSteps(row)); };
  table.ReadOpen(add);
  table.ReadEnded(1, 0, add);
  for (const Suspension& suspension : table.suspensions) jobs.Add(suspension);
  for (const FakeJob& job : table.jobs) {
    if (job.steps != StepUse{}) jobs.Add(job.db_inx, job.steps);
  }
}

// Submitted within [from, to).
FakeJobTable RandomJobs(unsigned seed, int count, std::int64_t from = kEpoch - kDay,
                        std::int64_t to = kEpoch + 6 * kDay) {
  std::mt19937 random(seed);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(std::uniform_int_distribution<std::int64_t>(low, high)(random));
  };
  FakeJobTable table;
  for (int i = 0; i < count; ++i) {
    FakeJob job;
    job.id_job = static_cast<std::uint32_t>(i + 1);
    job.submit = draw(from, to);
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
    if (job.end != 0 && draw(0, 3) != 0) {
      job.steps.any = true;
      job.steps.cpu_microseconds = draw(0, 1'000'000'000'000);
      job.steps.open = draw(0, 4) == 0;
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

TEST(ReplayedJobs, StepsThatHaveNotFinishedAreWaitedForAsInANewLedger) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    FakeJobTable table = RandomJobs(seed, 300);
    ReplayedJobs jobs;
    AddAll(table, jobs);
    LedgerOptions options = Options(Rule::kEfficiency);
    options.overlap = 900;
    options.wide_window = 2 * kDay + options.overlap;
    JobLedger ledger(options);
    std::vector<std::int64_t> times;
    std::mt19937 random(seed);
    for (std::int64_t time = kEpoch; time < kEpoch + 8 * kDay;
         time += std::uniform_int_distribution<std::int64_t>(1, 20 * kHour)(random))
      times.push_back(time);
    for (const FakeJob& job : table.jobs) {  // while it is waited for, and no longer
      const auto end = static_cast<std::int64_t>(job.end);
      if (job.steps.open && end > kEpoch) times.insert(times.end(), {end + 299, end + 300});
    }
    std::sort(times.begin(), times.end());
    std::int64_t before = kEpoch;
    std::size_t waiting = 0;
    for (const std::int64_t time : times) {
      jobs.MoveTo(time, before - 2 * kHour - options.overlap);
      before = time;
      if (ledger.NeedsRecount(Past(time))) ledger.Recount(jobs, Past(time));
      ledger.Update(jobs, Past(time));
      JobLedger fresh(options);
      fresh.Recount(table, Past(time));
      fresh.Update(table, Past(time));
      EXPECT_TRUE(EfficiencyOf(ledger) == EfficiencyOf(fresh)) << seed << " at " << time - kEpoch;
      for (const LiveJob& job : ledger.live())
        waiting += job.time_end != 0 && static_cast<std::int64_t>(job.time_end) <= time ? 1 : 0;
    }
    EXPECT_GT(waiting, 0U);
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

// CPU-seconds by month, for each association.
class CpuMonths : public JobCharges {
 public:
  CpuMonths(Calendar calendar, std::int64_t epoch) : calendar_(std::move(calendar)), epoch_(epoch) {}
  std::optional<std::uint32_t> PayerOf(std::uint32_t id_assoc) const override { return id_assoc; }
  std::string SignatureOf(const JobGroup&) override { return ""; }
  void Charge(const JobGroup&, const ChargedJob& job, const Sink& sink) override {
    for (std::int64_t from = std::max(job.start, epoch_); from < job.end;) {
      const std::int64_t to = std::min(job.end, calendar_.NextStart(Period::kMonth, from));
      for (const TresCount& tres : *job.tres_alloc) {
        sink(calendar_.PeriodStart(Period::kMonth, from), tres.id,
             Uint128{tres.count} * static_cast<std::uint64_t>(to - from));
      }
      from = to;
    }
  }

 private:
  Calendar calendar_;
  std::int64_t epoch_;
};

class CpuTariff : public Tariff {
 public:
  explicit CpuTariff(Calendar calendar) : calendar_(std::move(calendar)) {}
  std::int64_t EpochAt(std::int64_t time) const override {
    const std::int64_t month = calendar_.PeriodStart(Period::kMonth, time);
    return std::min(calendar_.PeriodStart(Period::kYear, time),
                    calendar_.PeriodStart(Period::kMonth, month - 1));
  }
  std::shared_ptr<JobCharges> ChargesOf(const ClusterNames&, std::int64_t epoch) const override {
    return std::make_shared<CpuMonths>(calendar_, epoch);
  }

 private:
  Calendar calendar_;
};

// By association, month and TRES.
std::map<std::tuple<std::uint32_t, std::int64_t, std::uint32_t>, std::uint64_t> ChargedBy(
    const JobLedger& ledger) {
  std::map<std::tuple<std::uint32_t, std::int64_t, std::uint32_t>, std::uint64_t> charged;
  for (std::size_t group = 0; group < ledger.groups().size(); ++group) {
    for (const auto& [id, amount] : ledger.totals()[group].tres_seconds.entries())
      charged[{ledger.groups()[group].id_assoc, ledger.groups()[group].hour, id}] +=
          static_cast<std::uint64_t>(amount);
  }
  return charged;
}

class ReplayedCostsTest : public testing::Test {
 protected:
  std::int64_t At(int year, unsigned month, unsigned day) const {
    return calendar_.Midnight(year, month, day);
  }

  const Calendar calendar_{"Europe/Paris"};
  std::shared_ptr<const CpuTariff> tariff_ = std::make_shared<CpuTariff>(calendar_);
};

TEST_F(ReplayedCostsTest, EachMomentIsThatOfANewLedger) {
  FakeJobTable table = RandomJobs(7, 3000, At(2023, 11, 1), At(2025, 3, 20));
  ReplayedJobs jobs;
  AddAll(table, jobs);
  const std::int64_t from = At(2024, 9, 10) + 12345;
  const std::int64_t to = At(2025, 3, 20);
  ReplayedCosts costs(tariff_, Options(), {}, {0, {}}, calendar_, from, to);
  ASSERT_EQ(costs.first_epoch(), At(2024, 1, 1));
  std::set<std::int64_t> epochs;
  std::size_t most = 0;
  std::size_t kept = 0;
  std::int64_t before = costs.first_epoch();
  for (std::int64_t day = before; day < to; day = calendar_.NextStart(Period::kDay, day)) {
    jobs.MoveTo(day, before - 2 * kHour);
    costs.EndDay(jobs, day);
    most = std::max(most, costs.size());
    before = day;
    for (const std::int64_t time : {day, day + 7 * kHour, calendar_.NextStart(Period::kDay, day) - 1}) {
      if (time < from || time > to) continue;
      jobs.MoveTo(time, day - 2 * kHour);
      costs.MoveTo(jobs, time);
      kept = std::max(kept, jobs.size());
      LedgerOptions options = Options(Rule::kCharged);
      options.epoch = tariff_->EpochAt(time);
      options.charges = tariff_->ChargesOf({}, options.epoch);
      epochs.insert(options.epoch);
      JobLedger fresh(options);
      fresh.Recount(table, Past(time));
      fresh.Update(table, Past(time));
      ASSERT_EQ(ChargedBy(*costs.ledger()), ChargedBy(fresh)) << time;
      ASSERT_EQ(costs.ledger()->options().epoch, options.epoch);
      EXPECT_EQ(costs.charged_from(), options.epoch);
    }
  }
  EXPECT_EQ(epochs, (std::set<std::int64_t>{At(2024, 1, 1), At(2024, 12, 1), At(2025, 1, 1)}));
  EXPECT_EQ(most, 2U);
  EXPECT_LT(kept, table.jobs.size() / 2);  // the others were forgotten, though they count still
}

TEST_F(ReplayedCostsTest, PurgedJobsAreKnownOfFromSomeMomentOn) {
  ReplayedJobs jobs;
  const std::int64_t from = At(2024, 1, 1);
  const std::int64_t oldest = At(2024, 4, 10) + 77;
  const std::int64_t known = At(2024, 3, 5) + 4242;
  int asked = 0;
  PurgedJobs purged{oldest, [&](std::int64_t epoch, std::int64_t time) {
                      ++asked;
                      return epoch < At(2024, 1, 2) && time >= known;
                    }};
  ReplayedCosts costs(tariff_, Options(), {}, purged, calendar_, from, At(2024, 5, 1));
  for (std::int64_t day = costs.first_epoch(); day < At(2024, 5, 1);
       day = calendar_.NextStart(Period::kDay, day)) {
    costs.EndDay(jobs, day);
    for (const std::int64_t time : {day, day + 4241, day + 4242}) {
      if (time < from) continue;
      costs.MoveTo(jobs, time);
      EXPECT_EQ(costs.charged_from(), time < known ? tariff_->EpochAt(time) : oldest) << time;
    }
  }
  EXPECT_LE(asked, 2 * 30);
}

TEST_F(ReplayedCostsTest, WithoutAnyJobNothingIsKnownOnceThereIsUsage) {
  ReplayedJobs jobs;
  const std::int64_t from = At(2024, 3, 3);
  PurgedJobs purged{std::nullopt, [&](std::int64_t, std::int64_t time) { return time > At(2024, 3, 4); }};
  ReplayedCosts costs(tariff_, Options(), {}, purged, calendar_, from, At(2024, 3, 9));
  for (std::int64_t day = costs.first_epoch(); day <= At(2024, 3, 8);
       day = calendar_.NextStart(Period::kDay, day)) {
    costs.EndDay(jobs, day);
    if (day < from) continue;
    costs.MoveTo(jobs, day);
    EXPECT_EQ(costs.charged_from(), day > At(2024, 3, 4) ? day : At(2024, 1, 1));
  }
}

TEST(ReplayedEvents, EachMomentIsThatOfANewBook) {
  const Calendar calendar("Europe/Paris");
  std::mt19937 random(3);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  FakeEvents events;
  const std::int64_t begin = kEpoch - 200 * kDay;
  const std::int64_t last = kEpoch + 200 * kDay;
  events.Register(begin, "1=16", "n[0-9]");
  events.Down("n0", begin + kDay);
  for (std::int64_t time = begin + 2 * kDay; time < last; time += 600 + below(40'000)) {
    std::string node = "n";
    node += std::to_string(1 + below(9));
    switch (below(20)) {
      case 0:
        events.Register(time, below(2) == 0 ? "1=20" : "1=16", "n[0-9]");
        break;
      case 1:
        events.Up(node, time);
        break;
      default:
        events.Down(node, time, below(2) == 0 ? 1 : kDrained);
    }
  }
  events.Up("n0", kEpoch + 100 * kDay);
  ReplayedEvents replayed(
      events,
      [&](std::int64_t from, std::int64_t to, const EventSource::Sink& sink) {
        events.ReadWithin(from, to, sink);
      },
      calendar);
  std::size_t told = 0;
  std::size_t moments = 0;
  for (std::int64_t time = kEpoch; time < last; time += 1 + below(100'000), ++moments) {
    events.told = 0;
    replayed.MoveTo(time);
    told += events.told;
    const EventBook& book = *replayed.book();
    EventBook fresh(calendar, LedgerOptions{});
    fresh.Update(events, Past(time));
    const auto away = [&](const EventBook& one) {
      std::vector<std::tuple<std::string, std::string_view, std::int64_t>> found;
      for (const Unavailable& node : one.unavailable(time))
        found.emplace_back(node.node, node.state, node.since);
      return found;
    };
    ASSERT_EQ(away(book), away(fresh)) << time;
    ASSERT_EQ(book.registration(time)->tres, fresh.registration(time)->tres);
    ASSERT_EQ(book.kept_from(), fresh.kept_from());
    for (const UsageWindow& window : fresh.windows())
      ASSERT_EQ(book.Away(window.from, window.to), fresh.Away(window.from, window.to)) << window.name;
    ASSERT_EQ(book.windows().size(), fresh.windows().size());
    for (std::size_t i = 0; i < book.windows().size(); ++i)
      ASSERT_EQ(book.windows()[i].from, fresh.windows()[i].from);
  }
  EXPECT_GT(moments, 100U);
  EXPECT_LT(told, 5 * events.rows.size());  // each is in the books of two months or three, not of each moment
}

TEST(ReplayedTransactions, EachMomentIsThatOfANewBook) {
  std::mt19937 random(11);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  FakeTransactions table;
  for (std::uint64_t id = 1; id <= 12'000; ++id) {
    const std::int64_t written = kEpoch + static_cast<std::int64_t>(id) * 700;
    table.rows[id] = {written - below(2) * below(4000), 1400 + static_cast<std::uint32_t>(below(5)),
                      below(2) == 0 ? "root" : "ada", below(3) == 0 ? "beta" : "alpha"};
  }
  const auto accepts = [](std::string_view cluster) { return cluster != "beta"; };
  table.rows[2469].timestamp = kEpoch + 29 * kDay;  // counts in the period that begins then
  ReplayedTransactions replayed(accepts);
  const std::int64_t from = kEpoch + 20 * kDay;
  const std::int64_t to = kEpoch + 60 * kDay;
  replayed.Read(table, table.newest(), from, to);
  std::vector<std::int64_t> times = {from + 9 * kDay, from + 18 * kDay};  // the ends of periods
  for (std::int64_t time = from + 1; time <= to; time += 1 + below(150'000)) times.push_back(time);
  std::sort(times.begin(), times.end());
  for (const std::int64_t time : times) {
    LedgerOptions options;
    options.epoch = from + (time - from - 1) / (9 * kDay) * (9 * kDay);
    options.until = options.epoch + 9 * kDay;
    replayed.MoveTo({options.epoch, options.until}, time);
    TransactionBook fresh(options, accepts);
    fresh.Update(table, table.newest(), Past(time));
    ASSERT_EQ(replayed.book()->counts(), fresh.counts()) << time;
    ASSERT_EQ(replayed.book()->options().epoch, options.epoch);
  }
}

}  // namespace
}  // namespace slurmdb
