// When the database is read. The one place that times, catches, logs and counts what a collector does.
//
// Polls come at a fixed rate, never two at a time; a tick that is missed is skipped. While the database
// cannot be reached, attempts come sooner than the next tick and then further and further apart, up to the
// interval.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collectors/registry.h"
#include "collectors/slurmdb/accounting_source.h"
#include "exporter/exposition/family.h"
#include "exporter/high_water.h"
#include "exporter/self_metrics.h"
#include "exporter/snapshot.h"

namespace exporter {

struct CollectorPlan {
  const collectors::CollectorInfo* info = nullptr;
  std::chrono::milliseconds interval{};
  std::chrono::milliseconds staleness{};  // how long its families outlive its last success
  std::size_t max_series = 0;             // 0: no limit
};

struct PollerOptions {
  std::chrono::milliseconds interval{60000};
  std::vector<CollectorPlan> collectors;
  collectors::CollectorOptions collector_options;
};

class Poller {
 public:
  // `store` and `metrics` are kept by reference and may be shared with other threads. `marks` may be null:
  // then counters are what the books say, even when that is less than before.
  Poller(PollerOptions options, std::unique_ptr<slurmdb::AccountingSource> source, SnapshotStore& store,
         SelfMetrics& metrics, std::shared_ptr<HighWater> marks);
  ~Poller();  // stops
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Runs the collectors that are due, in the calling thread. True when all of them succeeded for every
  // cluster.
  bool PollOnce();

  // Polls in a thread of its own until Stop.
  void Start();
  // Cuts a statement under way short and waits for the thread, but not longer than `limit`: false when it is
  // still busy then (it can be inside a connect, which nothing interrupts).
  bool Stop(std::chrono::milliseconds limit);

  // True once a poll is over, whatever came of it.
  bool polled() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    CollectorPlan plan;
    Clock::time_point due{};
    FamilyList families;
    std::optional<bool> succeeded;  // in this poll; none: it did not run
    bool is_new = false;            // `families` have not been shown yet
    Clock::time_point expires{};
    std::string trouble;  // the last failure logged; empty when it is well
  };

  void Run();
  // True when the collector succeeded for every cluster.
  bool Execute(State& state);
  void Publish(State& state, std::vector<prometheus::MetricFamily> families);
  // The cluster's part of the page stays; `told` when the log has it already.
  void Fail(State& state, slurmdb::Reason reason, const std::string& message, bool told = false);
  void LogTrouble(State& state, const std::string& trouble, slurmdb::Reason reason);
  void SaveMarks();
  void StoreSnapshot();

  PollerOptions options_;
  std::unique_ptr<slurmdb::AccountingSource> source_;
  SnapshotStore& store_;
  SelfMetrics& metrics_;
  std::shared_ptr<HighWater> marks_;
  bool marks_saved_ = true;
  std::vector<State> states_;
  std::map<std::string, bool> clusters_;  // whether they could be read when a collector last ran
  std::string trouble_;                   // why the database cannot be reached, as logged; empty when it can
  std::size_t missing_columns_logged_ = 0;
  bool was_up_ = false;
  bool reached_ = false;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  bool stopping_ = false;
  bool polling_ = false;
  bool polled_ = false;
  bool finished_ = true;
  std::thread thread_;
};

}  // namespace exporter
