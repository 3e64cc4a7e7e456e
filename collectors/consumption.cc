#include "collectors/consumption.h"

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {

Families CollectConsumption(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  using prometheus::MetricType;
  SumFamily accounts(
      "slurmdbd_account_tres_seconds_total",
      "TRES-seconds that jobs consumed since the counter epoch: allocated TRES times real run time less "
      "suspensions, from job_table, as sacct -D has it; mem in byte-seconds.",
      MetricType::Counter, {"cluster", "account", "partition", "qos", "tres"});
  SumFamily users(
      "slurmdbd_user_tres_seconds_total",
      "TRES-seconds that a user's jobs consumed since the counter epoch, from job_table, as sacct -D has "
      "it; mem in byte-seconds.",
      MetricType::Counter, {"cluster", "account", "user", "tres"});
  SumFamily energy(
      "slurmdbd_account_energy_joules_total",
      "Energy of jobs that ended since the counter epoch, in joules, from tres_alloc in job_table.",
      MetricType::Counter, {"cluster", "account"});
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const std::vector<JobLabels> labels = AllLabels(view, cluster, options);
    for (std::size_t group = 0; group < labels.size(); ++group) {
      const JobLabels& label = labels[group];
      const slurmdb::JobTotals& totals = cluster.jobs->totals()[group];
      for (const auto& [id, amount] : totals.tres_seconds.entries()) {
        const std::string tres = view.tres->Label(id);
        const double unit = view.tres->UnitScale(id);
        accounts.Add({name, label.account, label.partition, label.qos, tres}, amount, unit);
        if (label.user) users.Add({name, label.account, *label.user, tres}, amount, unit);
      }
      energy.Add({name, label.account}, totals.energy_joules);
    }
  }
  return {accounts.Build(), users.Build(), energy.Build()};
}

}  // namespace collectors
