// When nodes were away, from a table in memory. The same against a real server and every release is in
// tests/integration/test_capacity.py.
#include "collectors/slurmdb/event_book.h"

#include <gtest/gtest.h>

#include <random>

#include "collectors/slurmdb/cluster_status.h"
#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/node_state.h"
#include "fake_events.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kDay = 86400;
// 2024-05-15 10:00 UTC; the last month began on April 1st.
constexpr std::int64_t kNow = 1'715'767'200;
constexpr std::int64_t kMonth = kNow - 10 * 3600 - 14 * kDay;
constexpr std::int64_t kLastMonth = kMonth - 30 * kDay;

Moment At(std::int64_t now) { return {now, now, true}; }

EventBook NewBook() { return {Calendar("UTC"), LedgerOptions{}}; }

// "node state reason since", a line a node.
std::vector<std::string> Told(const EventBook& book, std::int64_t at) {
  std::vector<std::string> lines;
  for (const Unavailable& one : book.unavailable(at)) {
    lines.push_back(one.node + " " + std::string(one.state) + " " + one.reason + " " +
                    std::to_string(one.since - kNow));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(NodeStateTest, OneWordForEach) {
  EXPECT_EQ(NodeStateName(1), "down");
  EXPECT_EQ(NodeStateName(1 | 0x800), "down");
  EXPECT_EQ(NodeStateName(2 | kNodeDrain), "drained");
  EXPECT_EQ(NodeStateName(1 | kNodeDrain), "drained");
  EXPECT_EQ(NodeStateName(3 | kNodeDrain), "draining");
  EXPECT_EQ(NodeStateName(2 | kNodeDrain | kNodeCompleting), "draining");
  EXPECT_EQ(NodeStateName(2 | kNodeFail), "fail");
  EXPECT_EQ(NodeStateName(2 | kNodeMaint), "maint");
  EXPECT_EQ(NodeStateName(1 | kNodeMaint), "down");
  EXPECT_EQ(NodeStateName(2 | kNodeMaint | kNodeDrain), "drained");
  EXPECT_EQ(NodeStateName(2 | kNodeCloud | kNodePoweredDown), "powered_down");
  EXPECT_EQ(NodeStateName(2 | kNodeInvalid | kNodeDrain), "inval");
  EXPECT_EQ(NodeStateName(kNodeFuture), "future");
  EXPECT_EQ(NodeStateName(15), "unknown");
}

TEST(EventBookTest, ANodeIsAwaySinceTheFirstOfItsRowsWithoutAGap) {
  FakeEvents events;
  events.Register(kLastMonth - 50 * kDay, "1=16", "n[1-4]");
  events.Down("n1", kNow - 7000);
  events.Down("n1", kNow - 6000, 2 | kNodeDrain, "repair");
  events.Down("n2", kNow - 5000);
  events.Up("n2", kNow - 4000);
  events.Down("n2", kNow - 3999);
  events.Down("n3", kNow - 3000);
  events.Register(kNow - 2000, "1=20", "n[1-5]");
  events.Up("n3", kNow - 1000);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  EXPECT_EQ(Told(book, kNow), (Lines{"n1 drained repair -7000", "n2 down broken -3999"}));
  EXPECT_EQ(Told(book, kNow - 1500),
            (Lines{"n1 drained repair -7000", "n2 down broken -3999", "n3 down broken -3000"}));
  EXPECT_EQ(Told(book, kNow - 6500), (Lines{"n1 down broken -7000"}));
  EXPECT_EQ(book.registration(kNow)->tres, ParseTres("1=20"));
  EXPECT_EQ(book.registration(kNow)->since, kNow - 2000);
  EXPECT_EQ(book.registration(kNow - 2001)->nodes, "n[1-4]");
}

TEST(EventBookTest, WhatBeganLongAgoIsFollowedToItsBeginning) {
  FakeEvents events;
  events.Register(kLastMonth - 900 * kDay, "1=16", "n[1-4]");
  events.Down("n1", kLastMonth - 800 * kDay);
  events.Down("n2", kLastMonth - 800 * kDay);
  events.Up("n2", kLastMonth - 799 * kDay);
  for (int day = 700; day > 0; day -= 100)
    events.Register(kLastMonth - day * kDay, "1=" + std::to_string(day), "n[1-4]");
  events.Down("n2", kNow - 5);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  const std::string since = std::to_string(kLastMonth - 800 * kDay - kNow);
  EXPECT_EQ(Told(book, kNow), (Lines{"n1 down broken " + since, "n2 down broken -5"}));
  EXPECT_EQ(book.kept_from(), kLastMonth - 100 * kDay);
}

TEST(EventBookTest, OfThePastWhatHasEndedSinceIsFollowedToItsBeginningToo) {
  FakeEvents events;
  events.Register(kLastMonth - 900 * kDay, "1=16", "n[1-4]");
  for (const char* node : {"n1", "n2", "n3"}) events.Down(node, kLastMonth - 800 * kDay);
  events.Register(kLastMonth - 100 * kDay, "1=20", "n[1-4]");
  events.Up("n2", kNow - 3 * kDay);
  events.Down("n2", kNow - 2 * kDay);
  events.Up("n3", kNow + kDay);
  events.Up("n2", kNow + kDay);
  EventBook book = NewBook();
  book.Update(events, {kNow, kNow, false});
  const std::string since = std::to_string(kLastMonth - 800 * kDay - kNow);
  EXPECT_EQ(Told(book, kNow), (Lines{"n1 down broken " + since, "n2 down broken " + std::to_string(-2 * kDay),
                                     "n3 down broken " + since}));
  EXPECT_EQ(events.asked_before, (std::vector<std::string>{"n1", "n3"}));
}

TEST(EventBookTest, NodesThatWereRemovedAreLeftOut) {
  FakeEvents events;
  events.Register(kNow - 9000, "1=16", "n[1-4]");
  events.Down("n4", kNow - 8000);
  events.rows[{"", kNow - 7000}] = {0,      0,        "Cluster Registered TRES",
                                    "1=12", "n[1-3]", 0};  // the rest was lost
  events.Down("n3", kNow - 6000);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  EXPECT_EQ(Told(book, kNow), (Lines{"n3 down broken -6000"}));
  EXPECT_EQ(Told(book, kNow - 7500), (Lines{"n4 down broken -8000"}));
}

TEST(EventBookTest, APollReadsWhatIsNewAndWhatWasOpen) {
  FakeEvents events;
  events.Register(kNow - 40 * kDay, "1=16", "n[1-9]");
  for (int i = 0; i < 1000; ++i) {
    events.Down("n5", kNow - 30 * kDay + i * 100);
    events.Up("n5", kNow - 30 * kDay + i * 100 + 50);
  }
  events.Down("n1", kNow - 20 * kDay);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  events.told = 0;
  events.Up("n1", kNow + 30);
  events.Down("n2", kNow + 40);
  book.Update(events, At(kNow + 60));
  EXPECT_LE(events.told, 5U);
  EXPECT_EQ(Told(book, kNow + 60), (Lines{"n2 down broken 40"}));
  // A record that comes late is found within the hour; one that is gone is gone.
  events.Down("n3", kNow - 5 * 3600);
  events.rows.erase({"n2", kNow + 40});
  book.Update(events, At(kNow + 120));
  EXPECT_EQ(Told(book, kNow + 120), Lines{});
  book.Update(events, At(kNow + 3700));
  EXPECT_EQ(Told(book, kNow + 3700), (Lines{"n3 down broken -18000"}));
  events.fails = true;
  EXPECT_THROW(book.Update(events, At(kNow + 3760)), DatabaseError);
  EXPECT_EQ(Told(book, kNow + 3700), (Lines{"n3 down broken -18000"}));
}

TEST(EventBookTest, PollingEqualsReadingAnew) {
  std::mt19937 chance(7);
  const auto below = [&](int n) { return static_cast<int>(chance() % static_cast<unsigned>(n)); };
  FakeEvents events;
  events.Register(kLastMonth - 5 * kDay, "1=16", "n[0-9]");
  EventBook book = NewBook();
  std::int64_t now = kLastMonth + 29 * kDay;  // over the end of a month
  for (int step = 0; step < 400; ++step) {
    const std::string node = "n" + std::to_string(below(10));
    switch (below(5)) {
      case 0:
        events.Register(now, "1=" + std::to_string(below(100)), "n[0-9]");
        break;
      case 1:
      case 2:
        events.Up(node, now);
        break;
      default:
        events.Down(node, now - below(600), below(2) == 0 ? 1 : 2 | kNodeDrain);
    }
    now += 60 + below(900);
    book.Update(events, At(now));
    EventBook fresh = NewBook();
    fresh.Update(events, At(now));
    ASSERT_EQ(Told(book, now), Told(fresh, now)) << step;
    ASSERT_EQ(book.Away(kLastMonth, now), fresh.Away(kLastMonth, now)) << step;
    ASSERT_EQ(book.registration(now)->tres, fresh.registration(now)->tres) << step;
  }
}

TEST(EventBookTest, TimeAwayIsCutToThePeriod) {
  FakeEvents events;
  events.Register(kNow - 9000, "1=16", "n[1-4]");
  events.Down("n1", kNow - 8000);
  events.Up("n1", kNow - 7000);
  events.Down("n2", kNow - 6000);
  events.Down("n3", kNow - 500, 2 | kNodeDrain);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  const std::map<std::string_view, std::int64_t> away = {{"down", 500 + 6000}, {"drained", 500}};
  EXPECT_EQ(book.Away(kNow - 7500, kNow), away);
  EXPECT_TRUE(book.Away(kNow - 6900, kNow - 6100).empty());
}

TEST(EstimateTest, CapacityIsSharedOutAsTheRollUpDoes) {
  FakeEvents events;
  events.Register(kNow - 9000, "1=16,2=1000,3=0,4=4,5=16", "n[1-4]");
  events.Down("n1", kNow - 400);
  events.Down("n2", kNow - 300, 2 | kNodeCloud | kNodePoweredDown);
  events.Down("n3", kNow - 200, 2 | kNodeMaint);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  FakeJobTable table;
  table.Add({0, 1, kNow - 2000, kNow - 2000, 0, 1, 0, 1, "1=4,2=5000,4=1"});
  LedgerOptions options;
  options.rule = Rule::kRollUp;
  options.epoch = kNow - 3600;
  JobLedger jobs(options);
  jobs.Recount(table, At(kNow));
  jobs.Update(table, At(kNow));
  const auto of = [&](PlannedDown rule, std::uint32_t tres, CapacityKind kind) {
    const auto live = EstimateCapacity(book, rule, jobs, kNow - 3600, kNow);
    const auto found = live->tres_seconds.find({tres, kind});
    return found == live->tres_seconds.end() ? std::int64_t{-1} : static_cast<std::int64_t>(found->second);
  };
  EXPECT_EQ(of(PlannedDown::kCloud, kTresCpu, CapacityKind::kAllocated), 4 * 2000);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresCpu, CapacityKind::kDown), 4 * 400);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresCpu, CapacityKind::kPlannedDown), 4 * 300);
  EXPECT_EQ(of(PlannedDown::kNone, kTresCpu, CapacityKind::kDown), 4 * 700);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresCpu, CapacityKind::kIdle), 16 * 3600 - 4 * 2700);
  // More is used than there is: that is all, and nothing is left to be down.
  EXPECT_EQ(of(PlannedDown::kCloud, kTresMem, CapacityKind::kAllocated), 1000 * 3600);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresMem, CapacityKind::kDown), 0);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresNode, CapacityKind::kIdle), -1);
  EXPECT_EQ(of(PlannedDown::kCloud, kTresEnergy, CapacityKind::kIdle), -1);
  EXPECT_EQ(EstimateCapacity(book, PlannedDown::kNone, jobs, kNow - 7200, kNow).has_value(), false);
}

TEST(EstimateTest, EachHourIsCutForItself) {
  FakeEvents events;
  events.Register(kNow - 9000, "1=4", "n[1-4]");
  events.Down("n1", kNow - 7200);
  EventBook book = NewBook();
  book.Update(events, At(kNow));
  FakeJobTable table;
  table.Add({0, 1, kNow - 7200, kNow - 7200, kNow - 3600, 3, 0, 1, "1=4"});
  LedgerOptions options;
  options.rule = Rule::kRollUp;
  options.epoch = kNow - 7200;
  JobLedger jobs(options);
  jobs.Recount(table, At(kNow));
  jobs.Update(table, At(kNow));
  const auto live = EstimateCapacity(book, PlannedDown::kNone, jobs, kNow - 7200, kNow);
  const auto of = [&](CapacityKind kind) {
    return static_cast<int>(live->tres_seconds.at({kTresCpu, kind}));
  };
  EXPECT_EQ(of(CapacityKind::kAllocated), 4 * 3600);
  EXPECT_EQ(of(CapacityKind::kDown), 4 * 3600);  // in the other hour there was no room
  EXPECT_EQ(of(CapacityKind::kIdle), 0);
}

TEST(EstimateTest, ReleasesByTheirProtocol) {
  EXPECT_EQ(ReleaseOfProtocol(9216), "20.11");
  EXPECT_EQ(ReleaseOfProtocol(9728), "22.05");
  EXPECT_EQ(ReleaseOfProtocol(11520), "26.05");
  EXPECT_EQ(ReleaseOfProtocol(0), "");
  EXPECT_EQ(ReleaseOfProtocol(8960), "");
  EXPECT_EQ(ReleaseOfProtocol(11776), "");
}

}  // namespace
}  // namespace slurmdb
