// What quotas are held against, from tables in memory. slurmctld itself is the judge in
// tests/e2e/test_quota.py.
#include "collectors/slurmdb/quota_book.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
// 2024-05-15 10:00 UTC, a Wednesday.
constexpr std::int64_t kNow = 1'715'767'200;
constexpr std::int64_t kToday = kNow - 10 * kHour;
constexpr std::int64_t kMonth = kToday - 14 * kDay;
constexpr std::uint64_t kEpoch = kNow - kDay;

QuotaPolicy Policy(ResetPeriod reset, std::int64_t half_life = 0, const std::string& zone = "UTC") {
  QuotaPolicy policy;
  policy.known = true;
  policy.reset = reset;
  policy.half_life = half_life;
  policy.calendar = Calendar(zone);
  return policy;
}

// root - science - physics - alice, bob; science - chemistry - bob
class QuotaBookTest : public testing::Test {
 protected:
  QuotaBookTest() {
    for (std::uint32_t id = 1; id <= 3; ++id) qos[id].name = "qos" + std::to_string(id);
  }

  QuotaBook Book(const QuotaPolicy& policy, std::int64_t now = kNow) {
    LedgerOptions options;
    options.rule = Rule::kEnforced;
    options.epoch = epoch;
    options.weights = std::make_shared<const EnforcedWeights>(WeightsOf(policy, tree, qos));
    const Moment moment{now, now, true};
    JobLedger ledger(options);
    ledger.Recount(table, moment);
    ledger.Update(table, moment);
    QuotaBook book(policy);
    book.Update(moment, &ledger, tree, qos, earlier);
    return book;
  }

  // Job of an association and QOS that held 2 CPUs and 3 MiB from `start` to `end` after the epoch.
  void Job(std::uint32_t assoc, std::uint32_t qos_id, std::uint64_t start, std::uint64_t end,
           std::uint64_t suspended = 0) {
    FakeJob job;
    job.id_job = static_cast<std::uint32_t>(table.jobs.size() + 1);
    job.start = kEpoch + start;
    job.end = end == 0 ? 0 : kEpoch + end;
    job.state = end == 0 ? 1 : 3;
    job.suspended = suspended;
    job.assoc = assoc;
    job.qos = qos_id;
    job.tres = "1=2,2=3,3=99";
    table.Add(job);
  }

  static double Used(const QuotaBook& book, std::uint32_t id, std::uint32_t tres = kTresCpu) {
    return book.OfAssociation(id, tres).value_or(QuotaAmounts{-1, -1}).used;
  }
  static double UsedOfQos(const QuotaBook& book, std::uint32_t id, std::uint32_t tres = kTresCpu) {
    return book.OfQos(id, tres).value_or(QuotaAmounts{-1, -1}).used;
  }

  std::int64_t epoch = kEpoch;
  FakeJobTable table;
  QosMap qos;
  EarlierUsage earlier;
  AssociationTree tree{{{1, "root", "", "", "", 0, false},
                        {2, "science", "", "", "root", 0, false},
                        {3, "physics", "", "", "science", 0, false},
                        {4, "physics", "alice", "", "", 0, false},
                        {5, "physics", "bob", "", "", 0, true},
                        {6, "chemistry", "", "", "science", 0, false},
                        {7, "chemistry", "bob", "", "", 0, false}}};
};

TEST(QuotaPeriodTest, BeginsAndEndsWhereSlurmctldIs) {
  struct Case {
    ResetPeriod reset;
    std::int64_t start;
    std::int64_t end;
  };
  const Case cases[] = {
      {ResetPeriod::kDaily, kToday, kToday + kDay},
      {ResetPeriod::kWeekly, kToday - 3 * kDay, kToday + 4 * kDay},  // Sunday
      {ResetPeriod::kMonthly, kMonth, kMonth + 31 * kDay},
      {ResetPeriod::kQuarterly, kMonth - 30 * kDay, kMonth + 61 * kDay},
      {ResetPeriod::kYearly, kMonth - 121 * kDay, kMonth + 245 * kDay},
  };
  for (const Case& c : cases) {
    const QuotaPeriod period = QuotaPeriodAt(Policy(c.reset), kNow);
    EXPECT_EQ(period.start, c.start);
    EXPECT_EQ(period.end, c.end);
    // The first and the last second of it.
    EXPECT_EQ(QuotaPeriodAt(Policy(c.reset), c.start).start, c.start);
    EXPECT_EQ(QuotaPeriodAt(Policy(c.reset), c.end - 1).start, c.start);
    EXPECT_EQ(QuotaPeriodAt(Policy(c.reset), c.end).start, c.end);
  }
  EXPECT_FALSE(QuotaPeriodAt(Policy(ResetPeriod::kNone), kNow).start.has_value());
  EXPECT_FALSE(QuotaPeriodAt(Policy(ResetPeriod::kNone), kNow).end.has_value());
  // A month begins five and a half hours earlier in India, and lasts an hour less with a clock change.
  EXPECT_EQ(QuotaPeriodAt(Policy(ResetPeriod::kMonthly, 0, "Asia/Kolkata"), kNow).start,
            kMonth - 5 * kHour - kHour / 2);
  const QuotaPeriod march =
      QuotaPeriodAt(Policy(ResetPeriod::kMonthly, 0, "Europe/Berlin"), kMonth - 45 * kDay);
  EXPECT_EQ(*march.end - *march.start, 31 * kDay - kHour);
}

TEST(QuotaPeriodTest, JobsAreReadNoFurtherBackThanTheyCount) {
  QuotaPolicy policy = Policy(ResetPeriod::kMonthly);
  EXPECT_EQ(EnforcedEpoch(policy, kNow), kMonth);
  policy.history = kDay;
  EXPECT_EQ(EnforcedEpoch(policy, kNow), kToday - kDay);
  EXPECT_EQ(CountedFrom(policy, kNow), kMonth);
  policy = Policy(ResetPeriod::kNone);
  EXPECT_EQ(EnforcedEpoch(policy, kNow), kToday - 400 * kDay);
  EXPECT_EQ(CountedFrom(policy, kNow), 0);
  // With decay as far as it matters, and up to a half-life further, so that it stays for a while.
  policy = Policy(ResetPeriod::kNone, 2 * kDay);
  EXPECT_EQ(CountedFrom(policy, kNow), kNow - 40 * kDay);
  std::set<std::int64_t> epochs;
  for (std::int64_t time = kNow; time < kNow + 4 * kDay; time += kHour) {
    const std::int64_t epoch = EnforcedEpoch(policy, time);
    EXPECT_LE(epoch, CountedFrom(policy, time));
    EXPECT_GT(epoch, CountedFrom(policy, time) - 2 * kDay);
    epochs.insert(epoch);
  }
  EXPECT_LE(epochs.size(), 3U);
  policy = Policy(ResetPeriod::kMonthly, 2 * kDay);
  EXPECT_EQ(EnforcedEpoch(policy, kNow), kMonth);
  policy = Policy(ResetPeriod::kNone, 100 * kDay);
  EXPECT_NEAR(static_cast<double>(EnforcedEpoch(policy, kNow)), kNow - 400.0 * kDay, 7.0 * kDay);
}

TEST_F(QuotaBookTest, CountsForEveryoneAbove) {
  Job(4, 1, 0, 100);
  Job(5, 1, 50, 60, 5);  // of an association that is deleted; suspended time counts
  Job(7, 2, 0, 1000);
  const QuotaBook book = Book(Policy(ResetPeriod::kNone));
  EXPECT_EQ(Used(book, 4), 200);
  EXPECT_EQ(Used(book, 5), 20);
  EXPECT_EQ(Used(book, 3), 220);
  EXPECT_EQ(Used(book, 3, kTresMem), 330);
  EXPECT_EQ(Used(book, 3, kTresWall), 110);
  EXPECT_EQ(Used(book, 3, kTresEnergy), 0);
  EXPECT_EQ(Used(book, 6), 2000);
  EXPECT_EQ(Used(book, 1), 2220);
  EXPECT_EQ(UsedOfQos(book, 1), 220);
  EXPECT_EQ(UsedOfQos(book, 2, kTresWall), 1000);
  EXPECT_EQ(UsedOfQos(book, 3), 0);
  EXPECT_TRUE(book.exact());
}

TEST_F(QuotaBookTest, OnlyWhatLiesAfterTheEpoch) {
  FakeJob job{0, 1, kEpoch - 500, kEpoch - 400, kEpoch + 10, 3, 0, 4, "1=1"};
  table.Add(job);
  table.Add({0, 2, kEpoch - 500, kEpoch - 400, kEpoch - 10, 3, 0, 4, "1=1"});
  EXPECT_EQ(Used(Book(Policy(ResetPeriod::kNone)), 1), 10);
}

TEST_F(QuotaBookTest, TheFactorOfTheQosAppliesEverywhere) {
  qos[1].usage_factor = 2.5;
  qos[2].usage_factor = 0;
  Job(4, 1, 0, 100);
  Job(4, 2, 0, 100);
  Job(4, 3, 0, 100);
  const QuotaBook book = Book(Policy(ResetPeriod::kNone));
  EXPECT_EQ(Used(book, 1), 700);
  EXPECT_EQ(Used(book, 4, kTresWall), 350);
  EXPECT_EQ(UsedOfQos(book, 1), 500);
  EXPECT_EQ(UsedOfQos(book, 2), 0);
}

TEST_F(QuotaBookTest, AChangedFactorMakesItAnEstimate) {
  Job(4, 1, 0, 100);
  QuotaPolicy policy = Policy(ResetPeriod::kMonthly);
  qos[1].changed = kMonth - 1;
  qos[2].changed = kNow;  // nobody uses it
  EXPECT_TRUE(Book(policy).exact());
  qos[1].changed = kMonth + 1;
  EXPECT_FALSE(Book(policy).exact());
  qos[1].changed = 0;
  policy.known = false;
  EXPECT_FALSE(Book(policy).exact());
}

TEST_F(QuotaBookTest, AResizedJobMakesItAnEstimate) {
  table.Add({0, 1, kEpoch, kEpoch + 10, kEpoch + 30, 8192, 0, 4, "1=4"});
  // The row that goes on has the start of the one before.
  FakeJob rest{0, 1, kEpoch + 30, kEpoch + 10, kEpoch + 50, 3, 0, 4, "1=2"};
  table.Add(rest);
  const QuotaBook book = Book(Policy(ResetPeriod::kNone));
  EXPECT_EQ(Used(book, 1), 4 * 20 + 2 * 20);
  EXPECT_FALSE(book.exact());
}

TEST_F(QuotaBookTest, WhatRunsIsCountedAndCommitted) {
  qos[1].usage_factor = 2;
  Job(4, 1, kDay - 600, 0);  // an hour's limit
  Job(7, 3, kDay - 2 * kHour, 0);
  const QuotaBook book = Book(Policy(ResetPeriod::kNone));
  EXPECT_EQ(Used(book, 3), 2 * 600 * 2);
  EXPECT_EQ(book.OfAssociation(3, kTresCpu)->committed, 2 * 3000 * 2);
  EXPECT_EQ(book.OfAssociation(3, kTresWall)->committed, 3000 * 2);
  EXPECT_EQ(book.OfAssociation(6, kTresCpu)->committed, 0);  // over its limit
  EXPECT_EQ(book.OfAssociation(1, kTresMem)->committed, 3 * 3000 * 2);
  EXPECT_EQ(book.OfQos(1, kTresCpu)->committed, 2 * 3000 * 2);
}

TEST_F(QuotaBookTest, DecaysByHalfInAHalfLife) {
  constexpr std::int64_t kHalfLife = 6 * kHour;
  Job(4, 1, 0, 1);
  Job(7, 2, kHour, 3 * kHour);
  const QuotaPolicy policy = Policy(ResetPeriod::kNone, kHalfLife);
  const double decay = DecayOf(policy);
  EXPECT_NEAR(std::exp(-decay * kHalfLife), 0.5, 2e-4);
  const QuotaBook book = Book(policy);
  // One second's two CPUs, a day ago: four half-lives.
  EXPECT_NEAR(Used(book, 4), 2 * std::exp(-decay * (kDay - 0.5)), 1e-4);
  // Second by second.
  double sum = 0;
  for (std::int64_t age = kDay - 3 * kHour; age < kDay - kHour; ++age)
    sum += 2 * std::exp(-decay * (static_cast<double>(age) + 0.5));
  EXPECT_NEAR(Used(book, 7), sum, sum * 1e-6);
  EXPECT_NEAR(Used(book, 1), Used(book, 4) + Used(book, 7), 1e-6);
  EXPECT_FALSE(book.exact());
}

TEST_F(QuotaBookTest, AQosWithNoDecayKeepsItsOwn) {
  qos[1].flags = QosRow::kNoDecay;
  Job(4, 1, 0, 100);
  Job(4, 2, 0, 100);
  const QuotaBook book = Book(Policy(ResetPeriod::kNone, 6 * kHour));
  EXPECT_EQ(UsedOfQos(book, 1), 200);
  EXPECT_LT(UsedOfQos(book, 2), 20);
  EXPECT_NEAR(Used(book, 4), 2 * UsedOfQos(book, 2), 1e-3);  // the association's share of it decays
}

TEST_F(QuotaBookTest, ThePartitionsQosCountsToo) {
  QuotaPolicy policy = Policy(ResetPeriod::kNone, 6 * kHour);
  policy.partition_qos["main"] = "QOS3";
  qos[1].usage_factor = 2;
  qos[3].flags = QosRow::kNoDecay;
  Job(4, 1, 0, 100);
  Job(4, 3, 0, 100);  // the same QOS: once
  Job(4, 1, kDay - 60, 0);
  const QuotaBook book = Book(policy);
  // The job's factor is taken, the other QOS's flag.
  EXPECT_EQ(UsedOfQos(book, 3), 2 * (100 * 2 + 100 + 60 * 2));
  EXPECT_EQ(book.OfQos(3, kTresCpu)->committed, 2 * (kHour - 60) * 2);
  EXPECT_EQ(book.OfQos(1, kTresCpu)->committed, 2 * (kHour - 60) * 2);
  EXPECT_EQ(book.OfAssociation(1, kTresCpu)->committed, 2 * (kHour - 60) * 2);
}

TEST_F(QuotaBookTest, AResetByHandTakesWhatWasBefore) {
  Job(4, 1, 0, 100);
  Job(7, 1, 0, 100);
  QuotaPolicy policy = Policy(ResetPeriod::kNone);
  policy.resets.push_back({"Physics", "", "", "", static_cast<std::int64_t>(kEpoch) + 90});
  QuotaBook book = Book(policy);
  EXPECT_EQ(Used(book, 4), 20);
  EXPECT_EQ(Used(book, 3), 20);
  EXPECT_EQ(Used(book, 2), 220);  // taken off above, and nowhere else
  EXPECT_EQ(UsedOfQos(book, 1), 400);
  policy.resets.push_back({"", "", "", "qos1", static_cast<std::int64_t>(kEpoch) + 99});
  book = Book(policy);
  EXPECT_EQ(UsedOfQos(book, 1), 4);
  EXPECT_EQ(Used(book, 1), 220);
  // A user in one account only; the later of two resets holds.
  policy.resets = {{"chemistry", "bob", "", "", static_cast<std::int64_t>(kEpoch) + 50},
                   {"chemistry", "", "", "", static_cast<std::int64_t>(kEpoch) + 10}};
  EXPECT_EQ(Used(Book(policy), 7), 100);
}

TEST_F(QuotaBookTest, WithoutALedgerNothingIsKnown) {
  QuotaBook book(Policy(ResetPeriod::kMonthly));
  book.Update({kNow, kNow, true}, nullptr, tree, qos, {});
  EXPECT_FALSE(book.OfAssociation(1, kTresCpu).has_value());
  EXPECT_FALSE(book.OfQos(1, kTresCpu).has_value());
  EXPECT_EQ(book.period().start, kMonth);
}

TEST_F(QuotaBookTest, EarlierUsageIsAddedAndDecays) {
  Job(4, 1, 0, 100);
  earlier.any = true;
  earlier.has_qos = true;
  earlier.associations[{4, kTresCpu}] = 1000;
  earlier.qos[{1, kTresCpu}] = 300;
  qos[1].usage_factor = 2;
  QuotaBook book = Book(Policy(ResetPeriod::kNone));
  EXPECT_EQ(Used(book, 1), 400 + 1000);
  EXPECT_EQ(UsedOfQos(book, 1), 400 + 600);
  EXPECT_FALSE(book.exact());
  EXPECT_FALSE(book.OfAssociation(1, kTresWall).has_value());  // roll-ups do not have it
  const QuotaPolicy policy = Policy(ResetPeriod::kNone, 6 * kHour);
  table.jobs.clear();
  book = Book(policy);
  EXPECT_NEAR(Used(book, 2), 1000 * std::exp(-DecayOf(policy) * kDay), 1e-9);
}

// Months and days of one association, by a book that has them.
class FakeRollups : public UsageSource {
 public:
  bool Has(UsageKind kind) const override { return kind == UsageKind::kAssociation; }
  UsageMarks ReadMarks(const std::vector<UsageWitness>&) override {
    UsageMarks marks;
    marks.last_ran = ByLevel<std::int64_t>{kNow, kToday, kMonth};
    return marks;
  }
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>&) override { return {}; }
  void Read(UsageKind, UsageLevel level, std::int64_t from, std::optional<std::int64_t>,
            const Sink& sink) override {
    const auto put = [&](std::int64_t start, std::uint64_t seconds) {
      if (start >= from) sink({4, 0, kTresCpu, start, seconds});
    };
    if (level == UsageLevel::kMonth) {
      put(kMonth - 500 * kDay - (kMonth - 500 * kDay) % kDay, 5);
      put(kMonth - 30 * kDay, 1000);
    }
    if (level == UsageLevel::kDay) put(kMonth + kDay, 100);
  }
};

TEST(EarlierUsageTest, IsPutTogetherFromRollUps) {
  const Calendar utc("UTC");
  FakeRollups source;
  UsageBook rollups({utc, kDay, 0});
  rollups.Update(source, {kNow, kNow, true});
  const auto used = [&](const EnforcedWeights& weights, std::int64_t from) {
    const EarlierUsage earlier = EarlierUsageOf(rollups, utc, weights, from, kMonth + 2 * kDay);
    const auto found = earlier.associations.find({4, kTresCpu});
    return found == earlier.associations.end() ? 0 : found->second;
  };
  EnforcedWeights weights;
  EXPECT_EQ(used(weights, 0), 1105);
  EXPECT_EQ(used(weights, kMonth), 100);
  EXPECT_FALSE(EarlierUsageOf(rollups, utc, weights, kMonth + 2 * kDay, kMonth + 2 * kDay).any);
  // What was reset in between is gone, on the day.
  weights.association_resets[4] = kMonth + kHour;
  EXPECT_EQ(used(weights, 0), 100);
  weights.association_resets.clear();
  // April's usage as if it were spread over the month: it is between two and 32 days old.
  weights.decay = std::log(2.0) / (10 * kDay);
  const double april = 1000 * (std::exp2(-0.2) - std::exp2(-3.2)) / (3.0 * std::log(2.0));
  const double may = 100 * (1 - std::exp2(-0.2)) / (0.2 * std::log(2.0));
  EXPECT_NEAR(used(weights, kMonth - 30 * kDay), april + may, 1e-6);
}

}  // namespace
}  // namespace slurmdb
