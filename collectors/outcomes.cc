#include "collectors/outcomes.h"

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {
namespace {

using slurmdb::JobState;

// States that are on the page from the first job of a group on, so that an increase from 0 is seen.
bool Ordinary(JobState state) { return state >= JobState::kCompleted && state <= JobState::kRequeued; }

constexpr struct {
  slurmdb::Observed observed;
  const char* name;
  const char* help;
  std::int64_t parts;
} kHistograms[] = {
    {slurmdb::Observed::kWait, "slurmdbd_job_wait_seconds",
     "How long job rows that started since the counter epoch had waited, from eligible to start.", 1},
    {slurmdb::Observed::kRun, "slurmdbd_job_run_seconds",
     "How long job rows that ended since the counter epoch had run, less suspensions.", 1},
    {slurmdb::Observed::kTimelimitUsed, "slurmdbd_job_timelimit_used_ratio",
     "What share of their time limit job rows that ended since the counter epoch had used.",
     slurmdb::kRatioParts},
};

}  // namespace

Families CollectOutcomes(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  using prometheus::MetricType;
  SumFamily started(
      "slurmdbd_jobs_started_total",
      "Job rows that started since the counter epoch, from job_table; a requeued job's next run and "
      "the rest of a resized job count again, as sacct -D lists them.",
      MetricType::Counter, {"cluster", "partition", "account", "qos"});
  SumFamily ended(
      "slurmdbd_jobs_ended_total",
      "Job rows that ended since the counter epoch, by final state, from job_table, as sacct -D lists "
      "them; jobs cancelled before they started are among them.",
      MetricType::Counter, {"cluster", "partition", "account", "qos", "state"});
  SumFamily spent(
      "slurmdbd_jobs_ended_tres_seconds_total",
      "Allocated TRES times run time since the counter epoch of job rows that ended, by final state; "
      "mem in byte-seconds.",
      MetricType::Counter, {"cluster", "partition", "account", "state", "tres"});
  // One of these a cluster would do: all ledgers have the same bounds.
  const slurmdb::HistogramBounds bounds =
      view.clusters.empty() ? slurmdb::HistogramBounds{} : view.clusters.front().jobs->options().histograms;
  std::vector<HistogramFamily> histograms;
  for (const auto& [observed, metric, help, parts] : kHistograms) {
    histograms.emplace_back(metric, help, std::vector<std::string>{"cluster", "partition", "qos"},
                            bounds[static_cast<std::size_t>(observed)], parts);
  }
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const std::vector<JobLabels> labels = AllLabels(view, cluster, options);
    for (std::size_t group = 0; group < labels.size(); ++group) {
      const JobLabels& label = labels[group];
      const slurmdb::JobTotals& totals = cluster.jobs->totals()[group];
      started.Add({name, label.partition, label.account, label.qos}, totals.started);
      for (std::size_t i = 0; i < totals.ended.size(); ++i) {
        const auto state = static_cast<JobState>(i);
        if (totals.ended[i] == 0 && !Ordinary(state)) continue;
        ended.Add({name, label.partition, label.account, label.qos, std::string(JobStateName(state))},
                  totals.ended[i]);
      }
      for (const auto& [state, sums] : totals.ended_tres_seconds) {
        for (const auto& [tres, amount] : sums.entries()) {
          spent.Add({name, label.partition, label.account, std::string(JobStateName(state)),
                     view.tres->Label(tres)},
                    amount, view.tres->UnitScale(tres));
        }
      }
    }
    for (std::size_t shape = 0; shape < cluster.jobs->shapes().size(); ++shape) {
      const auto& [id_qos, partition] = cluster.jobs->shapes()[shape];
      const std::string qos = QosName(view, id_qos);
      for (std::size_t i = 0; i < histograms.size(); ++i) {
        histograms[i].Add({name, partition, qos},
                          cluster.jobs->histograms()[shape].of(kHistograms[i].observed));
      }
    }
  }
  Families families = {started.Build(), ended.Build(), spent.Build()};
  for (const HistogramFamily& histogram : histograms) families.push_back(histogram.Build());
  return families;
}

}  // namespace collectors
