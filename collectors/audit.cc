#include "collectors/audit.h"

#include <algorithm>
#include <utility>

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {
namespace {

using slurmdb::ClusterView;

// Accounts, users and QOS belong to no cluster. This is what Slurm's commands call all of them, so that none
// can have the name.
std::string ClusterLabel(const std::string& cluster) { return cluster.empty() ? "all" : cluster; }

const char* LevelName(std::uint32_t level) { return level == 2 ? "operator" : "administrator"; }

prometheus::MetricFamily Transactions(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  SumFamily transactions(
      "slurmdbd_transactions_total",
      "Changes made through sacctmgr since the counter epoch, as sacctmgr list transactions has them; "
      "what belongs to no cluster has cluster=\"all\".",
      prometheus::MetricType::Counter, {"cluster", "action", "actor"});
  for (const auto& [key, count] : view.transactions->counts()) {
    // Who is not to be exposed has still made the change.
    const std::string actor = ShownUser(key.actor, "", options).value_or("");
    transactions.Add({ClusterLabel(key.cluster), slurmdb::ActionName(key.action), actor}, count);
  }
  return transactions.Build();
}

void AddAdministrators(const slurmdb::AccountingView& view, const CollectorOptions& options,
                       Families& families) {
  SumFamily counts("slurmdbd_administrators", "Users with rights over the accounting database, by level.",
                   prometheus::MetricType::Gauge, {"level"});
  SumFamily infos("slurmdbd_administrator_info",
                  "A user with rights over the accounting database, from user_table; always 1.",
                  prometheus::MetricType::Gauge, {"user", "level"});
  for (const std::uint32_t level : {2U, 3U}) counts.Add({LevelName(level)}, 0);
  std::set<std::pair<std::string, std::string>> shown;
  for (const slurmdb::AdministratorRow& row : *view.administrators) {
    const std::string level = LevelName(row.level);
    counts.Add({level}, 1);
    const auto user = ShownUser(row.name, "", options);
    if (user && shown.emplace(*user, level).second) infos.Add({*user, level}, 1);
  }
  families.push_back(counts.Build());
  families.push_back(infos.Build());
}

// What holds together of a cluster's records as they are now.
class RecordFamilies {
 public:
  void Add(const ClusterView& cluster, const slurmdb::TresCatalog& catalog) {
    const std::string name(cluster.name);
    const slurmdb::AuditBook& audit = *cluster.audit;
    if (const auto gap = audit.gap()) gaps_.Add({name}, static_cast<double>(*gap));
    if (audit.runaways()) {
      for (const auto& [reason, count] : *audit.runaways())
        runaways_.Add({name, std::string(slurmdb::RunawayReasonName(reason))}, static_cast<double>(count));
    }
    if (audit.discrepancies()) {
      for (const auto& [id, one] : *audit.discrepancies()) {
        const std::string tres = catalog.Label(id);
        const double unit = catalog.UnitScale(id);
        const auto add = [&](const char* cause, std::int64_t amount) {
          discrepancies_.Add({name, tres, cause}, static_cast<double>(amount) * unit);
        };
        add("reservation", one.reservation);
        add("suspension", one.suspension);
        add("clipping", one.clipping);
        add("unexplained", one.unexplained);
      }
    }
    for (const slurmdb::OldestRecord& record : audit.oldest())
      oldest_.Add({name, std::string(record.table)}, static_cast<double>(record.time));
    if (const auto since = audit.pending_since()) pending_.Add({name}, static_cast<double>(*since));
  }
  void AddOldestTransaction(std::int64_t time) {
    oldest_.Add({ClusterLabel(""), "txn"}, static_cast<double>(time));
  }

  void MoveTo(Families& families) {
    for (GaugeFamily* family : {&pending_, &gaps_, &runaways_, &discrepancies_, &oldest_})
      families.push_back(std::move(*family).Build());
  }

 private:
  GaugeFamily pending_{
      "slurmdbd_rollup_pending_since_timestamp_seconds",
      "From here on slurmdbd will roll up usage again, because a record about the past came in; absent "
      "when there is nothing to repeat.",
      {"cluster"}};
  GaugeFamily gaps_{
      "slurmdbd_usage_gap_seconds",
      "Time within this year and the last that slurmdbd has rolled up without usage of the cluster: its "
      "capacity was not registered, or the hours were lost.",
      {"cluster"}};
  GaugeFamily runaways_{
      "slurmdbd_runaway_jobs",
      "Open job rows that are likely to be of jobs long over, by the first reason that applies.",
      {"cluster", "reason"}};
  GaugeFamily discrepancies_{
      "slurmdbd_usage_discrepancy_tres_seconds",
      "TRES-seconds of the last complete day by which usage and jobs differ, by cause; "
      "only \"unexplained\" is a "
      "fault; mem in byte-seconds.",
      {"cluster", "tres", "cause"}};
  GaugeFamily oldest_{
      "slurmdbd_oldest_record_timestamp_seconds",
      "The end of the oldest job, the start of the oldest usage and the oldest transaction that are "
      "kept: from before that, nothing can be proven.",
      {"cluster", "table"}};
};

// Job rows, open or ended since the epoch, that are charged to no association that is known.
slurmdb::Uint128 WithoutAssociation(const ClusterView& cluster) {
  const auto& groups = cluster.jobs->groups();
  const auto is_unknown = [&](std::size_t group) {
    return cluster.associations->Find(groups[group].id_assoc) == nullptr;
  };
  slurmdb::Uint128 count = 0;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    if (!is_unknown(group)) continue;
    for (const std::uint32_t ended : cluster.jobs->totals()[group].ended) count += ended;
  }
  for (const slurmdb::LiveJob& job : cluster.jobs->live()) count += is_unknown(job.group) ? 1 : 0;
  return count;
}

}  // namespace

std::set<std::string> TransactionClusters(const slurmdb::AccountingView& view) {
  std::set<std::string> clusters = {ClusterLabel("")};
  for (const auto& [key, count] : view.transactions->counts()) clusters.insert(ClusterLabel(key.cluster));
  return clusters;
}

Families CollectAudit(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  Families families;
  if (view.transactions != nullptr) families.push_back(Transactions(view, options));
  if (view.administrators != nullptr) AddAdministrators(view, options, families);
  if (view.clock_skew) {
    GaugeFamily skew("slurmdbd_database_clock_skew_seconds",
                     "How far the database's clock is ahead of this machine's, in whole seconds.", {});
    skew.Add({}, static_cast<double>(*view.clock_skew));
    families.push_back(std::move(skew).Build());
  }
  const auto& clusters = view.clusters;
  const auto is_known = [](const ClusterView& cluster) { return cluster.audit != nullptr; };
  if (std::all_of(clusters.begin(), clusters.end(), is_known)) {
    RecordFamilies records;
    if (view.oldest_transaction) records.AddOldestTransaction(*view.oldest_transaction);
    for (const ClusterView& cluster : clusters) records.Add(cluster, *view.tres);
    records.MoveTo(families);
  }
  SumFamily strays(
      "slurmdbd_jobs_without_association",
      "Job rows, open or ended since the counter epoch, whose association is not in the database.",
      prometheus::MetricType::Gauge, {"cluster"});
  for (const ClusterView& cluster : clusters) {
    if (cluster.jobs != nullptr) strays.Add({std::string(cluster.name)}, WithoutAssociation(cluster));
  }
  families.push_back(strays.Build());
  return families;
}

}  // namespace collectors
