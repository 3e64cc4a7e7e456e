#include "collectors/slurmdb/audit_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "collectors/slurmdb/value.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kToday = 1'700'006'400;  // midnight, UTC
constexpr std::int64_t kYesterday = kToday - kDay;
constexpr std::int64_t kNow = kToday + 5 * kHour + 120;
constexpr std::uint64_t kY = kYesterday;

class FakeUsage : public UsageSource {
 public:
  bool Has(UsageKind kind) const override { return kind == UsageKind::kAssociation; }
  UsageMarks ReadMarks(const std::vector<UsageWitness>& /*witnesses*/) override { return marks; }
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& /*from*/) override { return {}; }
  void Read(UsageKind /*kind*/, UsageLevel level, std::int64_t from,
            std::optional<std::int64_t> /*changed_after*/, const Sink& sink) override {
    if (level == UsageLevel::kMonth) return;
    for (const UsageRow& row : hours) {
      if (row.time_start >= from) sink(row);
    }
  }

  UsageMarks marks;
  std::vector<UsageRow> hours;
};

class FakeAudit : public AuditSource {
 public:
  std::vector<std::int64_t> ReadHours(std::int64_t from) override {
    ++hours_read;
    std::vector<std::int64_t> found;
    for (const std::int64_t hour : hours) {
      if (hour >= from) found.push_back(hour);
    }
    return found;
  }
  std::map<std::uint32_t, std::uint64_t> ReadNewestSubmits(std::span<const std::uint32_t> ids) override {
    asked.assign(ids.begin(), ids.end());
    return newest;
  }
  std::optional<std::vector<ReservationShare>> ReadReservations(std::int64_t from, std::int64_t to) override {
    ++compared;
    EXPECT_EQ(from, kYesterday);
    EXPECT_EQ(to, kToday);
    return reservations;
  }
  TresSums ReadAllocated(std::int64_t /*from*/, std::int64_t /*to*/) override { return allocated; }
  std::vector<OldestRecord> ReadOldest() override { return {{"job", 5}}; }

  std::vector<std::int64_t> hours;
  std::map<std::uint32_t, std::uint64_t> newest;
  std::optional<std::vector<ReservationShare>> reservations = std::vector<ReservationShare>{};
  TresSums allocated;
  std::vector<std::uint32_t> asked;
  int hours_read = 0;
  int compared = 0;
};

class AuditBookTest : public testing::Test {
 protected:
  AuditBookTest() {
    usage_.marks.last_ran = {kToday + 5 * kHour, kToday, kToday};
    usage_.marks.newest = {kToday + 4 * kHour, 0, 0};
    for (std::int64_t hour = kYesterday - kDay; hour < kToday + 5 * kHour; hour += kHour)
      source_.hours.push_back(hour);
  }

  // Usage of an association in the first hour of yesterday.
  void Charge(std::uint32_t tres, std::uint64_t seconds) {
    usage_.hours.push_back({1, 0, tres, kYesterday, seconds});
  }

  void Poll(std::int64_t now = kNow) {
    const Moment moment{now, now - 60, true};
    rollups_.Update(usage_, moment);
    LedgerOptions options;
    options.rule = Rule::kRollUp;
    options.epoch = kYesterday;
    since_ = std::make_unique<JobLedger>(options);
    since_->Recount(table_, moment);
    since_->Update(table_, moment);
    options.rule = Rule::kRealTime;
    jobs_ = std::make_unique<JobLedger>(options);
    jobs_->Recount(table_, moment);
    jobs_->Update(table_, moment);
    book_.Update(source_, {jobs_.get(), &rollups_, since_.get(), &tree_}, moment);
  }

  // Without a time limit.
  FakeJob& Open(FakeJob job) {
    job.timelimit = kInfinite;
    return table_.Add(job);
  }

  Discrepancy Of(std::uint32_t tres) const {
    const auto& all = book_.discrepancies();
    return all && all->contains(tres) ? all->at(tres) : Discrepancy{-1, -1, -1, -1};
  }
  std::uint64_t Suspected(RunawayReason reason) const { return book_.runaways()->at(reason); }
  std::uint64_t Suspected() const {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : *book_.runaways()) sum += count;
    return sum;
  }

  FakeUsage usage_;
  FakeJobTable table_;
  FakeAudit source_;
  UsageBook rollups_{{Calendar("UTC"), 86400}};
  std::unique_ptr<JobLedger> since_;
  std::unique_ptr<JobLedger> jobs_;
  AssociationTree tree_{{{1, "physics", "ada", "", "", 0, false}, {2, "physics", "bob", "", "", 0, true}}};
  AuditBook book_{Calendar("UTC"), {}};
};

TEST_F(AuditBookTest, NothingIsWrongWithAnEmptyCluster) {
  Poll();
  EXPECT_EQ(book_.gap(), 0);
  EXPECT_EQ(Suspected(), 0);
  EXPECT_EQ(book_.pending_since(), std::nullopt);
  EXPECT_THAT(*book_.discrepancies(), IsEmpty());
  EXPECT_EQ(book_.oldest().size(), 1);
}

TEST_F(AuditBookTest, WithoutTheOtherBooksNothingIsKnown) {
  book_.Update(source_, {}, {kNow, kNow, true});
  EXPECT_FALSE(book_.gap());
  EXPECT_FALSE(book_.runaways());
  EXPECT_FALSE(book_.discrepancies());
}

TEST_F(AuditBookTest, PendingFromWhereTheLastRollupWentBackTo) {
  usage_.marks.last_ran = {kToday + 2 * kHour + 500, kToday, kToday};
  Poll();
  EXPECT_EQ(book_.pending_since(), kToday + 2 * kHour);
}

TEST_F(AuditBookTest, GapsAreWholeHoursWithoutARow) {
  source_.hours.erase(source_.hours.begin() + 3, source_.hours.begin() + 5);
  source_.hours[10] += 900;  // registered within the hour, and once more
  source_.hours.insert(source_.hours.begin() + 11, source_.hours[10] + 60);
  Poll();
  EXPECT_EQ(book_.gap(), 2 * kHour);
  source_.hours.pop_back();  // what is rolled up and has no row
  usage_.marks.last_ran = {kToday + 5 * kHour + 1, kToday, kToday};
  Poll(kNow + kDay);
  EXPECT_EQ(book_.gap(), 3 * kHour);
}

TEST_F(AuditBookTest, HoursAreReadWhenSomethingWasRolledUp) {
  Poll();
  Poll(kNow + 60);
  EXPECT_EQ(source_.hours_read, 1);
  usage_.marks.last_ran = {kToday + 6 * kHour, kToday, kToday};
  usage_.marks.newest[0] += kHour;
  Poll(kNow + kHour);
  EXPECT_EQ(source_.hours_read, 2);
  EXPECT_EQ(book_.gap(), kHour);  // the newest is not among the hours here
}

TEST_F(AuditBookTest, UsageThatJobsAccountForIsNoDiscrepancy) {
  table_.Add({0, 1, kY, kY + 100, kY + 400, 3, 0, 1, "1=2,2=10,4=1"});
  Charge(1, 600);
  Charge(2, 3000);
  Charge(4, 300);
  source_.allocated.Add(1, 600);
  source_.allocated.Add(2, 3000);
  Poll();
  for (const std::uint32_t tres : {1U, 2U, 4U}) {
    EXPECT_EQ(Of(tres).unexplained, 0) << tres;
    EXPECT_EQ(Of(tres).clipping, 0) << tres;
    EXPECT_EQ(Of(tres).suspension, 0) << tres;
    EXPECT_EQ(Of(tres).reservation, 0) << tres;
  }
}

TEST_F(AuditBookTest, UsageWithoutJobsAndJobsWithoutUsageAreUnexplained) {
  table_.Add({0, 1, kY, kY + 100, kY + 400, 3, 0, 1, "1=2,2=10"});
  Charge(1, 700);
  Poll();
  EXPECT_EQ(Of(1).unexplained, 100);
  EXPECT_EQ(Of(2).unexplained, -3000);
}

TEST_F(AuditBookTest, SuspensionIsTold) {
  table_.Add({77, 1, kY, kY + 100, kY + 400, 3, 50, 1, "1=2,2=10"});
  table_.suspensions = {{77, kY + 200, kY + 250}};
  Charge(1, 500);
  Charge(2, 3000);
  Poll();
  EXPECT_EQ(Of(1).unexplained, 0);
  EXPECT_EQ(Of(2).unexplained, 0);
  EXPECT_EQ(Of(1).suspension, 0);
  EXPECT_EQ(Of(2).suspension, 500);
}

TEST_F(AuditBookTest, WhatAReservationLeavesIdleIsShared) {
  // Half an hour of 8 CPUs, from within an hour; a job was in it for 600 s, with 3 of them, and went on.
  source_.reservations = {{9, kYesterday + 1800, kYesterday + 3600, 0, 7, {{1, 8}, {4, 1}}}};
  table_.Add({0, 1, kY, kY + 3000, kY + 4200, 3, 0, 1, "1=3,4=1"}).resv = 9;
  constexpr std::uint64_t kIdle = 8 * (1800 - 600) / 7 * 7;
  Charge(1, 3 * 1200 + kIdle);
  Charge(4, 1200);
  source_.allocated.Add(1, 8 * 1800);
  Poll();
  EXPECT_EQ(Of(1).reservation, kIdle);
  EXPECT_EQ(Of(1).unexplained, 0);
  EXPECT_EQ(Of(1).clipping, 0);
  EXPECT_EQ(Of(4).reservation, 0);
  EXPECT_EQ(Of(4).unexplained, 0);
}

TEST_F(AuditBookTest, AReservationWithJobsAllTheTimeIsNotIdle) {
  source_.reservations = {{9, kYesterday, kYesterday + 3600, 0, 1, {{1, 8}}}};
  for (std::uint32_t id = 1; id <= 3; ++id) table_.Add({0, id, kY, kY, kY + 1800, 3, 0, 1, "1=1"}).resv = 9;
  Charge(1, 5400);
  Poll();
  EXPECT_EQ(Of(1).reservation, 0);
  EXPECT_EQ(Of(1).unexplained, 0);
}

TEST_F(AuditBookTest, ReservationsThatIgnoreJobsAreNotTheClusters) {
  source_.reservations = {{9, kYesterday, kYesterday + 3600, 0x40, 1, {{1, 8}}}};
  table_.Add({0, 1, kY, kY + 3000, kY + 3100, 3, 0, 1, "1=3"}).resv = 9;
  Charge(1, 300 + 8 * 3500);
  source_.allocated.Add(1, 300);
  Poll();
  EXPECT_EQ(Of(1).reservation, 8 * 3500);
  EXPECT_EQ(Of(1).unexplained, 0);
  EXPECT_EQ(Of(1).clipping, 0);
}

TEST_F(AuditBookTest, WhatTheClusterDoesNotHaveIsClipped) {
  table_.Add({0, 1, kY, kY, kY + 1000, 3, 0, 1, "1=8"});
  Charge(1, 8000);
  source_.allocated.Add(1, 6000);
  Poll();
  EXPECT_EQ(Of(1).clipping, 2000);
  EXPECT_EQ(Of(1).unexplained, 0);
}

TEST_F(AuditBookTest, NothingIsComparedBeforeTheDayIsRolledUp) {
  Charge(1, 8000);
  usage_.marks.last_ran = {kToday - kHour, kYesterday, kToday};
  Poll();
  EXPECT_FALSE(book_.discrepancies());
  usage_.marks.last_ran = {kToday + 5 * kHour, kToday, kToday};
  Poll(kNow + 60);
  EXPECT_EQ(Of(1).unexplained, 8000);
}

TEST_F(AuditBookTest, NothingIsSaidWithoutReservations) {
  Charge(1, 8000);
  source_.reservations.reset();
  Poll();
  EXPECT_FALSE(book_.discrepancies());
}

TEST_F(AuditBookTest, ComparesAgainEachHourOnly) {
  Poll();
  Poll(kNow + 60);
  EXPECT_EQ(source_.compared, 1);
  Poll(kNow + 3600);
  EXPECT_EQ(source_.compared, 2);
}

TEST_F(AuditBookTest, AnOpenRowWhoseIdWasGivenAwayIsARunaway) {
  Open({0, 7, kY, kY + 10, 0, 1});
  Open({0, 8, kY, kY + 10, 0, 1});
  source_.newest = {{7, kY + 5000}, {8, kY}};
  Poll();
  EXPECT_THAT(source_.asked, ElementsAre(7, 8));
  EXPECT_EQ(Suspected(RunawayReason::kSuperseded), 1);
  EXPECT_EQ(Suspected(), 1);
}

TEST_F(AuditBookTest, AnotherRowThatHasJustComeIsNoEvidence) {
  Open({0, 7, kY, kY + 10, 0, 1});
  source_.newest = {{7, kNow - 100}};
  Poll();
  EXPECT_EQ(Suspected(), 0);
}

TEST_F(AuditBookTest, AnOpenRowInAFinalState) {
  Open({0, 7, kY, kY + 10, 0, 7});
  Poll();
  EXPECT_EQ(Suspected(RunawayReason::kFinalState), 1);
}

TEST_F(AuditBookTest, RunningBeyondTheTimeLimitByMoreThanTheGrace) {
  const auto add = [&](std::uint32_t id, std::int64_t ran, std::uint64_t minutes) -> FakeJob& {
    const auto start = static_cast<std::uint64_t>(kNow - 60 - ran);
    FakeJob& job = Open({0, id, start, start, 0, 1});
    job.timelimit = minutes;
    return job;
  };
  add(1, 60 * 60 + 3600, 60);
  add(2, 60 * 60 + 3601, 60);
  add(3, 30 * kDay, kInfinite);
  add(4, 30 * kDay, kNoVal);
  Poll();
  EXPECT_EQ(Suspected(RunawayReason::kOverTimeLimit), 1);
  EXPECT_EQ(Suspected(), 1);
}

TEST_F(AuditBookTest, SuspendedTimeIsNotRunTime) {
  FakeJob& job = Open({5, 1, kY, kY, 0, 1, 7200});
  job.timelimit = static_cast<std::uint64_t>(kNow - 60 - kYesterday - 7200) / 60;
  table_.suspensions = {{5, kY + 10, kY + 7210}};
  Poll();
  EXPECT_EQ(Suspected(), 0);
}

TEST_F(AuditBookTest, OfADeletedAssociation) {
  Open({0, 1, kY, kY, 0, 1, 0, 2});
  Open({0, 2, kY, kY, 0, 1, 0, 0});  // none: not enforced
  Poll();
  EXPECT_EQ(Suspected(RunawayReason::kAssociationDeleted), 1);
  EXPECT_EQ(Suspected(), 1);
}

TEST_F(AuditBookTest, PendingForMonthsUnlessThrottled) {
  const std::uint64_t long_ago = kY - 91 * kDay;
  Open({0, 1, long_ago, 0, 0, 0});
  Open({0, 2, kY - 88 * kDay, 0, 0, 0});
  Open({0, 4, long_ago, 0, 0, 0}).eligible = kInfinite;
  Poll();
  EXPECT_EQ(Suspected(RunawayReason::kPendingForLong), 1);
  EXPECT_EQ(Suspected(), 1);
}

}  // namespace
}  // namespace slurmdb
