#include "collectors/jobs.h"

#include <algorithm>
#include <map>

#include "collectors/families.h"
#include "collectors/job_labels.h"
#include "collectors/live_jobs.h"
#include "collectors/slurmdb/value.h"

namespace collectors {
namespace {

using prometheus::MetricType;
using slurmdb::JobState;

// Seconds of its time limit that a running job has left.
std::int64_t Remaining(const slurmdb::LiveJob& job, const slurmdb::Moment& moment) {
  const auto start = static_cast<std::int64_t>(job.time_start);
  const std::int64_t used = job.RunSeconds(start, moment.now);
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(*job.timelimit_minutes) * 60 - used);
}

}  // namespace

Families CollectJobs(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  SumFamily jobs("slurmdbd_jobs",
                 "Jobs by state, from job_table; a pending array counts every task that still waits.",
                 MetricType::Gauge, {"cluster", "partition", "account", "qos", "state"});
  SumFamily tres_held(
      "slurmdbd_jobs_tres",
      "TRES that jobs hold while running or suspended, or ask for while pending, from tres_alloc and "
      "tres_req in job_table; mem in bytes.",
      MetricType::Gauge, {"cluster", "partition", "account", "qos", "state", "tres"});
  SumFamily oldest(
      "slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds",
      "When the pending job that has waited longest became eligible, from time_eligible in job_table.",
      MetricType::Gauge, {"cluster", "partition"});
  SumFamily committed(
      "slurmdbd_jobs_committed_tres_seconds",
      "TRES of running jobs times what is left of their time limits, from job_table: what they may "
      "still consume; jobs without a time limit are left out; mem in byte-seconds.",
      MetricType::Gauge, {"cluster", "account", "tres"});
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const slurmdb::Moment& moment = cluster.jobs->moment();
    const std::vector<JobLabels> labels = AllLabels(view, cluster, options);
    // Every group seen since the epoch stays on the page, so that an idle one reads 0.
    for (const JobLabels& label : labels) {
      for (const JobState phase : kPhases) {
        jobs.Add({name, label.partition, label.account, label.qos, std::string(JobStateName(phase))}, 0);
      }
    }
    std::map<std::string, std::uint64_t> oldest_by_partition;
    for (const slurmdb::LiveJob& job : cluster.jobs->live()) {
      const auto phase = job.PhaseAt(moment);
      if (!phase) continue;
      const JobLabels& label = labels[job.group];
      const std::string state(JobStateName(*phase));
      jobs.Add({name, label.partition, label.account, label.qos, state}, JobsOf(job, *phase));
      ForEachTres(job, *phase, [&](std::uint32_t id, slurmdb::Uint128 amount) {
        tres_held.Add({name, label.partition, label.account, label.qos, state, view.tres->Label(id)}, amount,
                      view.tres->UnitScale(id));
      });
      if (*phase == JobState::kPending && slurmdb::IsInstant(job.time_eligible) &&
          static_cast<std::int64_t>(job.time_eligible) <= moment.now) {
        const auto [at, first] = oldest_by_partition.emplace(label.partition, job.time_eligible);
        if (!first) at->second = std::min(at->second, job.time_eligible);
      }
      if (*phase == JobState::kRunning && job.timelimit_minutes) {
        const auto remaining = static_cast<slurmdb::Uint128>(Remaining(job, moment));
        ForEachTres(job, *phase, [&](std::uint32_t id, slurmdb::Uint128 amount) {
          committed.Add({name, label.account, view.tres->Label(id)}, amount * remaining,
                        view.tres->UnitScale(id));
        });
      }
    }
    for (const auto& [partition, eligible] : oldest_by_partition) oldest.Add({name, partition}, eligible);
  }
  return {jobs.Build(), tres_held.Build(), oldest.Build(), committed.Build()};
}

}  // namespace collectors
