#include "collectors/outcomes.h"

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {
namespace {

using slurmdb::JobState;

// States that are on the page from the first job of a group on, so that an increase from 0 is seen.
bool Ordinary(JobState state) { return state >= JobState::kCompleted && state <= JobState::kRequeued; }

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
    }
  }
  return {started.Build(), ended.Build()};
}

}  // namespace collectors
