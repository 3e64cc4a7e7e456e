#include "exporter/poller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>

#include "exporter/exposition/page.h"

namespace exporter {
namespace {

using namespace std::chrono_literals;
using slurmdb::DatabaseError;
using slurmdb::Reason;
using testing::HasSubstr;
using testing::Not;

// A database that does what a test tells it. The real one is in tests/integration; this one can fail to the
// millisecond.
class FakeSource : public slurmdb::AccountingSource {
 public:
  void StartPoll() override {
    ++polls;
    if (busy.load() > 0ms) {
      const auto until = std::chrono::steady_clock::now() + busy.load();
      while (!interrupted && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
      if (interrupted) throw DatabaseError(Reason::kLost, "interrupted");
    }
    if (unreachable) throw DatabaseError(Reason::kConnect, 2002, "no server");
  }
  const std::vector<slurmdb::ClusterFailure>& Require(slurmdb::Book) override {
    ++requires_;
    if (lost) throw DatabaseError(Reason::kLost, 2013, "lost");
    if (fails) throw DatabaseError(Reason::kTimeout, 1969, "too slow");
    return failures;
  }
  slurmdb::AccountingView View(slurmdb::Book, std::int64_t) const override { return {}; }
  bool up() const override { return !unreachable && !lost; }
  std::uint64_t rows_read() const override { return requires_ * 10; }
  std::string peer() const override {
    if (on_peer) on_peer();
    return "fake";
  }
  std::string server_version() const override { return "1"; }
  std::vector<std::string> missing_columns() const override { return missing; }
  void Interrupt() noexcept override { interrupted = true; }

  std::atomic<int> polls = 0;
  std::uint64_t requires_ = 0;
  std::atomic<bool> unreachable = false;
  std::atomic<bool> fails = false;
  std::atomic<bool> lost = false;  // in the middle of a poll
  std::atomic<std::chrono::milliseconds> busy = 0ms;
  std::atomic<bool> interrupted = false;
  std::vector<slurmdb::ClusterFailure> failures;
  std::vector<std::string> missing;
  std::function<void()> on_peer;  // asked for in the first poll, after the collectors ran
};

std::atomic<int> g_collected = 0;
std::atomic<bool> g_throws = false;

collectors::Families CollectNumbers(const slurmdb::AccountingView&, const collectors::CollectorOptions&) {
  if (g_throws) throw std::logic_error("a fault of ours");
  prometheus::MetricFamily family{"numbers", "Numbers.", prometheus::MetricType::Gauge, {}};
  for (int i = 0; i < 10; ++i) {
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label = {{"n", std::to_string(i)}};
    metric.gauge.value = ++g_collected;
  }
  return {family};
}

const collectors::CollectorInfo kNumbers{"numbers", true, "Numbers.", slurmdb::Book::kJobs, &CollectNumbers};
const collectors::CollectorInfo kSeldom{
    "seldom", true, "Numbers.", slurmdb::Book::kJobs,
    [](const slurmdb::AccountingView&, const collectors::CollectorOptions&) {
      return collectors::Families{};
    }};

const collectors::CollectorInfo kSlow{
    "slow", true, "Numbers.", slurmdb::Book::kJobs,
    [](const slurmdb::AccountingView&, const collectors::CollectorOptions&) {
      std::this_thread::sleep_for(350ms);
      return collectors::Families{};
    }};

class PollerTest : public testing::Test {
 protected:
  PollerTest() : source_(new FakeSource) {
    g_throws = false;
    options_.interval = 20ms;
    options_.collectors = {{&kNumbers, 20ms, 300ms, 0}};
  }

  Poller& Make() {
    poller_ = std::make_unique<Poller>(options_, std::unique_ptr<slurmdb::AccountingSource>(source_), store_,
                                       metrics_, nullptr);
    return *poller_;
  }
  std::string Page() const {
    FamilyList families = store_.Load()->Families();
    Renderer renderer;
    for (const auto& family : metrics_.Collect()) families.push_back(renderer.Render(family).family);
    return exporter::Page(std::move(families), Format::kText).ToString();
  }

  SnapshotStore store_;
  SelfMetrics metrics_{{"numbers"}};
  FakeSource* source_;  // owned by the poller
  PollerOptions options_;
  std::unique_ptr<Poller> poller_;
};

TEST_F(PollerTest, PublishesWhatACollectorReturns) {
  Poller& poller = Make();
  EXPECT_FALSE(poller.polled());
  EXPECT_TRUE(poller.PollOnce());
  EXPECT_TRUE(poller.polled());
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_up 1\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_scrape_collector_success{collector=\"numbers\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_exporter_collector_series{collector=\"numbers\"} 10\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_exporter_collector_rows_read_total{collector=\"numbers\"} 10\n"));
}

TEST_F(PollerTest, AFailureKeepsTheLastPageUntilItIsStale) {
  Poller& poller = Make();
  poller.PollOnce();
  source_->unreachable = true;
  EXPECT_FALSE(poller.PollOnce());
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_up 0\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_scrape_collector_success{collector=\"numbers\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("errors_total{collector=\"numbers\",reason=\"connect\"} 1\n"));
  // Even when no poll comes any more.
  std::this_thread::sleep_for(350ms);
  EXPECT_THAT(Page(), Not(HasSubstr("numbers{n=")));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_up 0\n"));
  source_->unreachable = false;
  EXPECT_TRUE(poller.PollOnce());
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
}

TEST_F(PollerTest, ReasonsAreCountedAndAnyExceptionIsCaught) {
  Poller& poller = Make();
  source_->fails = true;
  EXPECT_FALSE(poller.PollOnce());
  source_->fails = false;
  g_throws = true;
  EXPECT_FALSE(poller.PollOnce());
  EXPECT_THAT(Page(), HasSubstr("errors_total{collector=\"numbers\",reason=\"timeout\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("errors_total{collector=\"numbers\",reason=\"internal\"} 1\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_up 1\n"));
}

TEST_F(PollerTest, AClusterThatFailsIsToldAndTheOthersStay) {
  source_->failures = {{"beta", Reason::kPrivilege, "SELECT denied"}};
  Poller& poller = Make();
  EXPECT_FALSE(poller.PollOnce());
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_scrape_collector_success{collector=\"numbers\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_exporter_cluster_success{cluster=\"beta\"} 0\n"));
  EXPECT_THAT(Page(), HasSubstr("errors_total{collector=\"numbers\",reason=\"privilege\"} 1\n"));
  source_->failures.clear();
  poller.PollOnce();
  EXPECT_THAT(Page(), Not(HasSubstr("cluster=\"beta\"")));
}

TEST_F(PollerTest, AClusterCannotBeReadOnceTheConnectionIsLost) {
  source_->failures = {{"beta", Reason::kPrivilege, "SELECT denied"}};
  Poller& poller = Make();
  poller.PollOnce();
  source_->lost = true;
  EXPECT_FALSE(poller.PollOnce());
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_up 0\n"));
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_exporter_cluster_success{cluster=\"beta\"} 0\n"));
}

TEST_F(PollerTest, APageAgesFromWhenItCanBeSeen) {
  options_.collectors.push_back({&kSlow, 20ms, 300ms, 0});
  Make().PollOnce();
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
}

TEST_F(PollerTest, SeriesOverTheLimitAreLeftOutAndCounted) {
  options_.collectors[0].max_series = 4;
  Poller& poller = Make();
  poller.PollOnce();
  std::this_thread::sleep_for(20ms);
  poller.PollOnce();
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"3\"}"));
  EXPECT_THAT(Page(), Not(HasSubstr("numbers{n=\"4\"}")));
  EXPECT_THAT(Page(), HasSubstr("series_dropped_total{collector=\"numbers\",reason=\"limit\"} 12\n"));
}

TEST_F(PollerTest, ACollectorRunsAtItsOwnInterval) {
  options_.collectors.push_back({&kSeldom, 1h, 3h, 0});
  Poller& poller = Make();
  for (int i = 0; i < 5; ++i) {
    poller.PollOnce();
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(source_->requires_, 6U);
}

TEST_F(PollerTest, MissingColumnsAreCounted) {
  source_->missing = {"alpha_job_table.timelimit"};
  Make().PollOnce();
  EXPECT_THAT(Page(), HasSubstr("slurmdbd_exporter_missing_columns 1\n"));
}

TEST_F(PollerTest, TellsOfAPollOnceItsPageCanBeSeen) {
  source_->missing = {"alpha_job_table.timelimit"};
  int asked = 0;
  source_->on_peer = [&] {
    ++asked;
    EXPECT_EQ(store_.Load()->pages.size(), 0U);
    for (const char* told : {"missing_columns 1\n", "slurmdbd_up 1\n", "success{collector=\"numbers\"} 1\n"})
      EXPECT_THAT(Page(), Not(HasSubstr(told)));
  };
  Make().PollOnce();
  EXPECT_EQ(asked, 1);
}

TEST_F(PollerTest, PollsAtAFixedRateAndStopsAtOnce) {
  Poller& poller = Make();
  poller.Start();
  std::this_thread::sleep_for(410ms);
  EXPECT_TRUE(poller.Stop(5s));
  const int polls = source_->polls;
  EXPECT_GE(polls, 2);
  EXPECT_LE(polls, 22);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(source_->polls, polls);
}

TEST_F(PollerTest, StoppingInterruptsAStatement) {
  Poller& poller = Make();
  source_->busy = 1h;
  poller.Start();
  std::this_thread::sleep_for(20ms);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(poller.Stop(10s));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
}

TEST_F(PollerTest, ANewPollerTakesOverThePages) {
  Make().PollOnce();
  poller_.reset();
  source_ = new FakeSource;
  source_->unreachable = true;
  Make().PollOnce();
  EXPECT_THAT(Page(), HasSubstr("numbers{n=\"0\"}"));
}

TEST_F(PollerTest, ScrapesGoOnWhilePollsComeAndGo) {
  Poller& poller = Make();
  poller.Start();
  std::vector<std::thread> scrapers;
  std::atomic<bool> done = false;
  std::atomic<int> scrapes = 0;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&] {
      while (!done) {
        Page();
        ++scrapes;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    source_->unreachable = i % 3 == 0;
    std::this_thread::sleep_for(10ms);
  }
  done = true;
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_GT(scrapes, 0);
  EXPECT_TRUE(poller.Stop(5s));
}

}  // namespace
}  // namespace exporter
