#include "exporter/poller.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "collectors/audit.h"
#include "exporter/log.h"
#include "exporter/series_limit.h"

namespace exporter {
namespace {

using slurmdb::DatabaseError;
using slurmdb::Reason;

constexpr std::chrono::milliseconds kFirstRetry{1000};

double Seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Poller::Poller(PollerOptions options, std::unique_ptr<slurmdb::AccountingSource> source, SnapshotStore& store,
               SelfMetrics& metrics, std::shared_ptr<HighWater> marks)
    : options_(std::move(options)),
      source_(std::move(source)),
      store_(store),
      metrics_(metrics),
      marks_(std::move(marks)) {
  const std::shared_ptr<const Snapshot> last = store_.Load();
  for (const CollectorPlan& plan : options_.collectors) {
    State& state = states_.emplace_back();
    state.plan = plan;
    // After a reload the pages of the poller before this one stay until there are new ones.
    for (const CollectorPage& page : last->pages) {
      if (page.collector != plan.info->name) continue;
      state.families = page.families;
      state.expires = page.expires;
    }
  }
  metrics_.SetPollInterval(Seconds(options_.interval));
}

Poller::~Poller() { Stop(std::chrono::hours(1)); }

bool Poller::polled() const {
  const std::lock_guard lock(mutex_);
  return polled_;
}

void Poller::Start() {
  const std::lock_guard lock(mutex_);
  finished_ = false;
  thread_ = std::thread(&Poller::Run, this);
}

bool Poller::Stop(std::chrono::milliseconds limit) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    // An idle connection is left alone: it gets its proper goodbye.
    if (polling_) source_->Interrupt();
    if (!wake_.wait_for(lock, limit, [&] { return finished_; })) return false;
  }
  if (thread_.joinable()) thread_.join();
  return true;
}

void Poller::Run() {
  Clock::time_point tick = Clock::now();
  std::chrono::milliseconds retry = kFirstRetry;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    polling_ = true;
    lock.unlock();
    PollOnce();
    lock.lock();
    polling_ = false;
    const Clock::time_point now = Clock::now();
    while (tick <= now) tick += options_.interval;
    Clock::time_point next = tick;
    if (reached_) {
      retry = kFirstRetry;
    } else {
      next = std::min(next, now + retry);
      retry = std::min(retry * 2, options_.interval);
    }
    wake_.wait_until(lock, next, [&] { return stopping_; });
  }
  finished_ = true;
  wake_.notify_all();
}

bool Poller::PollOnce() {
  bool all_well = true;
  std::optional<DatabaseError> unreachable;
  const Clock::time_point started = Clock::now();
  try {
    source_->StartPoll();
  } catch (const DatabaseError& error) {
    unreachable = error;
  } catch (const std::exception& error) {
    unreachable = DatabaseError(Reason::kInternal, error.what());
  }
  {
    // Another poller may have taken over; what this one was interrupted in is not its business.
    const std::lock_guard lock(mutex_);
    if (stopping_ && unreachable) return false;
  }
  const std::string trouble = unreachable ? unreachable->what() : "";
  if (trouble != trouble_) {
    if (unreachable) {
      log::Error("the database cannot be read",
                 {{"reason", slurmdb::ReasonName(unreachable->reason())}, {"error", trouble}});
    } else {
      log::Info("the database can be read again");
    }
    trouble_ = trouble;
  }
  std::optional<std::map<std::string, bool>> clusters_before;  // once a collector has run
  // A tick comes a little early or late; half of one is not worth skipping a collector for.
  const Clock::time_point due = started + options_.interval / 2;
  for (State& state : states_) {
    if (unreachable) {
      Fail(state, unreachable->reason(), unreachable->what(), true);
      all_well = false;
    } else if (state.due <= due) {
      if (!clusters_before) clusters_before = std::exchange(clusters_, {});
      if (Execute(state)) {
        state.due = started + state.plan.interval;
      } else {
        all_well = false;
      }
    }
  }
  reached_ = source_->up();
  if (!reached_) {  // lost on the way: then no cluster could be read, those it did not come to included
    if (clusters_before) clusters_.merge(*clusters_before);
    for (auto& [cluster, success] : clusters_) success = false;
  }
  const std::vector<std::string> missing = source_->missing_columns();
  if (missing.size() != missing_columns_logged_) {
    for (const std::string& column : missing) {
      log::Warn("a column is not there or not granted; what needs it is left out", {{"column", column}});
    }
    missing_columns_logged_ = missing.size();
  }
  if (reached_ && !was_up_) {
    log::Info("connected to the database",
              {{"peer", source_->peer()}, {"server", source_->server_version()}});
  }
  was_up_ = reached_;
  // Saved first: what has been shown must not be forgotten, whenever the process ends.
  SaveMarks();
  StoreSnapshot();
  // Afterwards: whoever reads that all is well has to find what was read.
  metrics_.SetUp(reached_);
  metrics_.SetClusters(clusters_);
  metrics_.SetMissingColumns(missing.size());
  for (State& state : states_) {
    if (!state.succeeded) continue;  // it did not run
    const std::string name(state.plan.info->name);
    if (*std::exchange(state.succeeded, std::nullopt)) {
      metrics_.CollectorSucceeded(name);
    } else {
      metrics_.CollectorFailed(name);
    }
  }
  const std::lock_guard lock(mutex_);
  polled_ = true;
  return all_well;
}

bool Poller::Execute(State& state) {
  const std::string name(state.plan.info->name);
  const Clock::time_point started = Clock::now();
  const std::uint64_t rows_before = source_->rows_read();
  bool well = false;
  try {
    const std::vector<slurmdb::ClusterFailure>& failures = source_->Require(state.plan.info->book);
    const auto staleness = std::chrono::duration_cast<std::chrono::seconds>(state.plan.staleness).count();
    const slurmdb::AccountingView view = source_->View(state.plan.info->book, staleness);
    std::vector<prometheus::MetricFamily> families =
        state.plan.info->collect(view, options_.collector_options);
    if (marks_ != nullptr) {
      std::map<std::string, std::int64_t> epochs;
      // Of the book that the counters come from: at the turn of a period another one may be ahead of it.
      const bool of_steps = state.plan.info->book == slurmdb::Book::kEfficiency;
      for (const slurmdb::ClusterView& cluster : view.clusters) {
        const slurmdb::JobLedger* const counted = of_steps ? cluster.efficiency : cluster.jobs;
        if (counted != nullptr) epochs.emplace(cluster.name, counted->options().epoch);
      }
      if (view.transactions != nullptr) {
        // Clusters that are gone have transactions too.
        for (const std::string& cluster : collectors::TransactionClusters(view))
          epochs.insert_or_assign(cluster, view.transactions->options().epoch);
      }
      marks_->Apply(families, epochs);
    }
    Publish(state, std::move(families));
    for (const slurmdb::ClusterView& cluster : view.clusters) clusters_.emplace(cluster.name, true);
    std::string trouble;
    for (const slurmdb::ClusterFailure& failure : failures) {
      clusters_[failure.cluster] = false;
      metrics_.AddError(name, failure.reason);
      trouble += (trouble.empty() ? "cluster " : "; cluster ") + failure.cluster + ": " + failure.message;
    }
    well = failures.empty();
    state.succeeded = well;
    LogTrouble(state, trouble, well ? Reason::kInternal : failures.front().reason);
  } catch (const DatabaseError& error) {
    Fail(state, error.reason(), error.what());
  } catch (const std::exception& error) {
    Fail(state, Reason::kInternal, error.what());
  }
  metrics_.AddRowsRead(name, static_cast<double>(source_->rows_read() - rows_before));
  metrics_.SetDuration(name, Seconds(Clock::now() - started));
  return well;
}

void Poller::Publish(State& state, std::vector<prometheus::MetricFamily> families) {
  const std::string name(state.plan.info->name);
  metrics_.AddSeriesDropped(name, "limit", static_cast<double>(LimitSeries(families, state.plan.max_series)));
  Renderer renderer;
  FamilyList rendered;
  std::size_t series = 0;
  for (prometheus::MetricFamily& family : families) {
    RenderResult result = renderer.Render(family);
    family = {};  // the page needs its bytes only; so many series are not kept twice
    series += result.series;
    metrics_.AddSeriesDropped(name, "duplicate", static_cast<double>(result.duplicates));
    metrics_.AddSeriesDropped(name, "invalid", static_cast<double>(result.invalid));
    if (result.family != nullptr) rendered.push_back(std::move(result.family));
  }
  metrics_.SetSeries(name, static_cast<double>(series));
  state.families = std::move(rendered);
  state.is_new = true;
}

void Poller::Fail(State& state, Reason reason, const std::string& message, bool told) {
  const std::string name(state.plan.info->name);
  metrics_.AddError(name, reason);
  state.succeeded = false;
  if (!told) LogTrouble(state, message, reason);
}

void Poller::LogTrouble(State& state, const std::string& trouble, Reason reason) {
  if (trouble == state.trouble) return;
  if (trouble.empty()) {
    log::Info("collector recovered", {{"collector", state.plan.info->name}});
  } else {
    log::Error(
        "collector failed",
        {{"collector", state.plan.info->name}, {"reason", slurmdb::ReasonName(reason)}, {"error", trouble}});
  }
  state.trouble = trouble;
}

void Poller::SaveMarks() {
  if (marks_ == nullptr) return;
  bool saved = true;
  try {
    marks_->Save();
  } catch (const std::exception& error) {
    saved = false;
    if (marks_saved_) log::Error("the high-water file was not written", {{"error", error.what()}});
  }
  metrics_.SetStateSaved(saved);
  marks_saved_ = saved;
}

void Poller::StoreSnapshot() {
  auto snapshot = std::make_shared<Snapshot>();
  for (State& state : states_) {
    // It ages from when it can be seen: collectors after this one may have taken longer than it may get old.
    if (std::exchange(state.is_new, false)) state.expires = Clock::now() + state.plan.staleness;
    if (state.families.empty()) continue;
    snapshot->pages.push_back({std::string(state.plan.info->name), state.families, state.expires});
  }
  store_.Store(std::move(snapshot));
}

}  // namespace exporter
