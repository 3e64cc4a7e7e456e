#include "collectors/users.h"

#include "collectors/families.h"
#include "collectors/job_labels.h"
#include "collectors/live_jobs.h"

namespace collectors {

Families CollectUsers(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  using prometheus::MetricType;
  SumFamily jobs(
      "slurmdbd_user_jobs",
      "Jobs by user and state, from job_table; a pending array counts every task that still waits.",
      MetricType::Gauge, {"cluster", "account", "user", "state"});
  SumFamily tres_held(
      "slurmdbd_user_jobs_tres",
      "TRES that a user's jobs hold while running or suspended, or ask for while pending, from "
      "tres_alloc and tres_req in job_table; mem in bytes.",
      MetricType::Gauge, {"cluster", "account", "user", "state", "tres"});
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const std::vector<JobLabels> labels = AllLabels(view, cluster, options);
    for (const JobLabels& label : labels) {
      if (!label.user) continue;
      for (const slurmdb::JobState phase : kPhases) {
        jobs.Add({name, label.account, *label.user, std::string(JobStateName(phase))}, 0);
      }
    }
    for (const slurmdb::LiveJob& job : cluster.jobs->live()) {
      const auto phase = job.PhaseAt(cluster.jobs->moment());
      const JobLabels& label = labels[job.group];
      if (!phase || !label.user) continue;
      const std::string state(JobStateName(*phase));
      jobs.Add({name, label.account, *label.user, state}, JobsOf(job, *phase));
      ForEachTres(job, *phase, [&](std::uint32_t id, slurmdb::Uint128 amount) {
        tres_held.Add({name, label.account, *label.user, state, view.tres->Label(id)}, amount,
                      view.tres->UnitScale(id));
      });
    }
  }
  return {jobs.Build(), tres_held.Build()};
}

}  // namespace collectors
