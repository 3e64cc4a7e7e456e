#include "exporter/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "exporter/exposition/page.h"
#include "tests/unit/exporter/exposition/families.h"

namespace exporter {
namespace {

using prometheus::MetricType;
using testing::ElementsAre;

std::shared_ptr<const RenderedFamily> Gauge(const std::string& name, double value = 1) {
  return Rendered(Family(MetricType::Gauge, name, {Sample({}, value)}));
}

std::vector<std::string> Names(const FamilyList& families) {
  std::vector<std::string> names;
  for (const auto& family : families) names.push_back(family->name);
  return names;
}

TEST(SnapshotTest, SelectsTheFamiliesOfCollectors) {
  const Snapshot snapshot{{{"jobs", {Gauge("b"), Gauge("a")}}, {"nodes", {Gauge("c")}}, {"idle", {}}}};
  EXPECT_THAT(Names(snapshot.Families()), ElementsAre("b", "a", "c"));
  EXPECT_THAT(Names(snapshot.Families([](std::string_view name) { return name == "nodes"; })),
              ElementsAre("c"));
  EXPECT_THAT(Names(snapshot.Families([](std::string_view name) { return name == "idle"; })), ElementsAre());
}

TEST(SnapshotTest, ShowsNoPageThatHasExpired) {
  const std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  const auto later = now + std::chrono::nanoseconds(1);
  const Snapshot snapshot{
      {{"old", {Gauge("a")}, now}, {"fresh", {Gauge("b")}, later}, {"for ever", {Gauge("c")}}}};
  EXPECT_THAT(Names(snapshot.Families({}, now)), ElementsAre("b", "c"));
  EXPECT_THAT(Names(snapshot.Families({}, later)), ElementsAre("c"));
}

TEST(SnapshotTest, TellsFamiliesThatTwoCollectorsClaim) {
  const auto counter = Rendered(Family(MetricType::Counter, "c_total", {Sample({}, 1)}));
  const Snapshot snapshot{{{"first", {Gauge("a"), Gauge("b"), nullptr, counter}},
                           {"second", {Gauge("b"), Gauge("d"), nullptr}},
                           {"third", {Gauge("c")}}}};
  const std::vector<FamilyClash> clashes = FindClashes(snapshot);
  ASSERT_EQ(clashes.size(), 2u);
  EXPECT_EQ(clashes[0].family, "b");
  EXPECT_EQ(clashes[0].kept, "first");
  EXPECT_EQ(clashes[0].dropped, "second");
  EXPECT_EQ(clashes[1].family, "c");
  EXPECT_EQ(clashes[1].kept, "first");
  EXPECT_EQ(clashes[1].dropped, "third");
}

TEST(SnapshotTest, KeepsTheFirstCollectorsFamilyOnThePage) {
  const Snapshot snapshot{{{"z", {Gauge("a", 1)}}, {"b", {Gauge("a", 2)}}}};
  EXPECT_EQ(Page(snapshot.Families(), Format::kText).ToString(), "# HELP a Help.\n# TYPE a gauge\na 1\n");
}

TEST(SnapshotStoreTest, IsEmptyAtFirstAndNeverNull) {
  SnapshotStore store;
  EXPECT_TRUE(store.Load()->pages.empty());
  store.Store(nullptr);
  EXPECT_TRUE(store.Load()->pages.empty());
}

TEST(SnapshotStoreTest, KeepsASnapshotAliveForWhoeverLoadedIt) {
  SnapshotStore store;
  store.Store(std::make_shared<Snapshot>(Snapshot{{{"jobs", {Gauge("a")}}}}));
  const std::shared_ptr<const Snapshot> loaded = store.Load();
  store.Store(std::make_shared<Snapshot>());
  EXPECT_EQ(loaded->pages.at(0).collector, "jobs");
  EXPECT_TRUE(store.Load()->pages.empty());
}

TEST(SnapshotStoreTest, ShowsEachReaderAWholeSnapshot) {
  SnapshotStore store;
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  readers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const std::shared_ptr<const Snapshot> snapshot = store.Load();
        ASSERT_THAT(snapshot->pages.size(), testing::AnyOf(0u, 2u));
        if (!snapshot->pages.empty()) {
          ASSERT_EQ(snapshot->pages[0].families[0]->body.plain, snapshot->pages[1].families[0]->body.plain);
        }
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    const auto family = Gauge("a", i);
    store.Store(std::make_shared<Snapshot>(Snapshot{{{"x", {family}}, {"y", {family}}}}));
  }
  done = true;
}

}  // namespace
}  // namespace exporter
