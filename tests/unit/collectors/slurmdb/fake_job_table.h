// A job_table in memory, for tests of the ledger's logic alone. The same histories run against a real server
// in tests/integration.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/job_reader.h"

namespace slurmdb {

struct FakeJob {
  std::uint64_t db_inx = 0;
  std::uint32_t id_job = 0;
  std::uint64_t submit = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t state = 0;
  std::uint64_t suspended = 0;
  std::uint32_t assoc = 1;
  std::string_view tres = "1=2";  // a literal
  std::uint32_t tasks = 0;
  std::uint32_t qos = 0;
  std::uint64_t eligible = 0;  // 0: when it was submitted
  std::uint32_t resv = 0;
  std::uint64_t timelimit = 60;
  StepUse steps = {};
};

inline JobRow RowOf(const FakeJob& job) {
  JobRow row;
  row.db_inx = job.db_inx;
  row.key = {job.id_job, job.submit};
  row.id_assoc = job.assoc;
  row.id_qos = job.qos;
  row.state = job.state;
  row.time_start = job.start;
  row.time_end = job.end;
  row.time_suspended = job.suspended;
  row.partition = "main";
  row.tres_alloc = job.tres;
  row.tres_req = job.tres;
  row.array_task_pending = job.tasks;
  row.time_eligible = job.eligible != 0 ? job.eligible : job.submit;
  row.id_resv = job.resv;
  row.timelimit = job.timelimit;
  row.steps = job.steps;
  return row;
}

class FakeJobTable : public JobSource {
 public:
  FakeJob& Add(FakeJob job) {
    if (job.db_inx == 0) job.db_inx = NextDbInx();
    if (job.submit == 0) job.submit = job.start;
    jobs.push_back(std::move(job));
    return jobs.back();
  }

  // Beyond what a signed number holds.
  std::uint64_t NextDbInx() { return (std::uint64_t{1} << 63) + ++next_inx_; }

  void ReadOpen(const Sink& sink) override {
    Each([](const FakeJob& job) { return job.end == 0; }, sink);
  }
  void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) override {
    const auto low = static_cast<std::uint64_t>(from);
    const auto high = static_cast<std::uint64_t>(to);
    Each([&](const FakeJob& job) { return job.end >= low && (to == 0 || job.end < high); }, sink,
         &ended_rows_read);
  }
  void ReadByKey(std::span<const JobKey> keys, const Sink& sink) override {
    if (!can_look_up) return;
    std::set<std::pair<std::uint32_t, std::uint64_t>> wanted;
    for (const JobKey& key : keys) wanted.emplace(key.id_job, key.time_submit);
    Each([&](const FakeJob& job) { return wanted.contains({job.id_job, job.submit}); }, sink);
  }
  void ReadInsertedAfter(std::uint64_t after, std::int64_t ended_before, const Sink& sink) override {
    if (!can_see_inserted) return;
    Each(
        [&](const FakeJob& job) {
          return job.db_inx > after && job.end > 0 && job.end < static_cast<std::uint64_t>(ended_before);
        },
        sink);
  }
  std::vector<Suspension> ReadSuspensions(std::span<const std::uint64_t> db_inxs) override {
    std::vector<Suspension> found;
    for (const Suspension& suspension : suspensions) {
      if (std::find(db_inxs.begin(), db_inxs.end(), suspension.db_inx) != db_inxs.end())
        found.push_back(suspension);
    }
    return found;
  }
  std::uint64_t MaxDbInx() override {
    std::uint64_t max = 0;
    for (const FakeJob& job : jobs) max = std::max(max, job.db_inx);
    return max;
  }
  std::optional<std::int64_t> LastHourlyRollup() override { return last_rollup; }

  std::vector<FakeJob> jobs;
  std::vector<Suspension> suspensions;
  std::optional<std::int64_t> last_rollup;
  std::size_t ended_rows_read = 0;
  // Ways of the ledger to notice things, to be taken from it.
  bool can_look_up = true;
  bool can_see_inserted = true;

 private:
  template <typename Want>
  void Each(Want want, const Sink& sink, std::size_t* count = nullptr) {
    for (const FakeJob& job : jobs) {
      if (!want(job)) continue;
      if (count != nullptr) ++*count;
      sink(RowOf(job));
    }
  }

  std::uint64_t next_inx_ = 0;
};

// The same totals, worked out anew from all rows without any book, by id_assoc.
inline std::map<std::uint32_t, JobTotals> PlainTotals(const FakeJobTable& table, std::int64_t epoch,
                                                      std::int64_t as_of) {
  std::map<std::uint32_t, JobTotals> totals;
  for (const FakeJob& job : table.jobs) {
    const auto start = static_cast<std::int64_t>(job.start);
    const auto end = static_cast<std::int64_t>(job.end);
    const bool over = end != 0 && end <= as_of;
    if (over && end < epoch) continue;
    JobTotals& sum = totals[job.assoc];
    const JobState state = JobStateOf(job.state);
    if (over) ++sum.ended[static_cast<std::size_t>(state)];
    if (start == 0 || state == JobState::kPending || (end != 0 && job.tres.empty())) continue;
    if (start >= epoch && start <= as_of) ++sum.started;
    const std::int64_t from = std::max(start, epoch);
    const std::int64_t to = end == 0 ? as_of : std::min(end, as_of);
    std::int64_t seconds = to - from;
    for (const Suspension& suspension : table.suspensions) {
      if (suspension.db_inx != job.db_inx) continue;
      const auto paused = std::max(from, static_cast<std::int64_t>(suspension.time_start));
      const auto resumed =
          suspension.time_end == 0 ? to : std::min(to, static_cast<std::int64_t>(suspension.time_end));
      if (resumed > paused) seconds -= resumed - paused;
    }
    if (seconds <= 0) continue;
    for (const TresCount& tres : ParseTres(job.tres)) {
      const Uint128 amount = Uint128{tres.count} * static_cast<std::uint64_t>(seconds);
      sum.tres_seconds.Add(tres.id, amount);
      if (over) sum.EndedAs(state).Add(tres.id, amount);
    }
  }
  return totals;
}

// All jobs' histograms together, in the same way.
inline JobHistograms PlainHistograms(const FakeJobTable& table, const HistogramBounds& bounds,
                                     std::int64_t epoch, std::int64_t as_of) {
  JobHistograms all;
  for (const FakeJob& job : table.jobs) {
    const auto start = static_cast<std::int64_t>(job.start);
    const auto end = static_cast<std::int64_t>(job.end);
    const JobState state = JobStateOf(job.state);
    if (start == 0 || state == JobState::kPending || (end != 0 && job.tres.empty())) continue;
    const bool over = end != 0 && end <= as_of;
    if (start >= epoch && start <= as_of && !(over && end < epoch) && job.submit <= job.start)
      all.Observe(bounds, Observed::kWait, static_cast<std::int64_t>(job.start - job.submit));
    if (!over || end < epoch || state == JobState::kResizing) continue;
    std::int64_t seconds = end - start;
    for (const Suspension& suspension : table.suspensions) {
      if (suspension.db_inx == job.db_inx)
        seconds -= static_cast<std::int64_t>(suspension.time_end - suspension.time_start);
    }
    all.Observe(bounds, Observed::kRun, seconds);
    all.Observe(bounds, Observed::kTimelimitUsed, seconds * kRatioParts / 3600);
  }
  return all;
}

// What ended jobs used, in the same way, by id_assoc. Rows with an open step are waited for `patience`
// seconds.
inline std::map<std::uint32_t, JobEfficiency> PlainEfficiency(const FakeJobTable& table,
                                                              const LedgerOptions& options,
                                                              std::int64_t as_of, std::int64_t patience) {
  std::map<std::uint32_t, JobEfficiency> sums;
  for (const FakeJob& job : table.jobs) {
    const auto end = static_cast<std::int64_t>(job.end);
    if (end == 0 || end < options.epoch || end > as_of || job.start == 0 || job.tres.empty()) continue;
    if (job.steps.open && job.state != 8192 && end > as_of - patience) continue;
    sums[job.assoc].Count(RowOf(job), JobStateOf(job.state), options.efficiency, options.histograms);
  }
  return sums;
}

inline std::map<std::uint32_t, JobEfficiency> EfficiencyOf(const JobLedger& ledger) {
  std::map<std::uint32_t, JobEfficiency> sums;
  for (std::size_t group = 0; group < ledger.groups().size(); ++group)
    sums[ledger.groups()[group].id_assoc].Add(ledger.efficiency()[group]);
  std::erase_if(sums, [](const auto& entry) { return entry.second == JobEfficiency{}; });
  return sums;
}

inline JobHistograms HistogramsOf(const JobLedger& ledger) {
  JobHistograms all;
  for (const JobHistograms& histograms : ledger.histograms()) all.Add(histograms);
  return all;
}

inline std::map<std::uint32_t, JobTotals> TotalsOf(const JobLedger& ledger) {
  std::map<std::uint32_t, JobTotals> totals;
  for (std::size_t group = 0; group < ledger.groups().size(); ++group) {
    totals[ledger.groups()[group].id_assoc].Add(ledger.totals()[group]);
  }
  // A group that is only known by name is not in the plain totals.
  std::erase_if(totals, [](const auto& entry) { return entry.second == JobTotals{}; });
  return totals;
}

}  // namespace slurmdb
