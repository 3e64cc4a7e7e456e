#include "collectors/cluster.h"

#include <set>
#include <string>

#include "collectors/families.h"
#include "collectors/slurmdb/cluster_status.h"

namespace collectors {
namespace {

using slurmdb::CapacityKind;
using slurmdb::kAllCapacityKinds;
using slurmdb::kUsageWindows;

// What is rolled up, all kinds of a TRES and period or none: where slurmdbd has no row, nothing is known.
void AddUsage(const std::string& cluster, const slurmdb::UsageSummary& summary,
              const slurmdb::TresCatalog& tres, GaugeFamily& family) {
  const slurmdb::UsageLines& lines = summary.lines(slurmdb::UsageKind::kAssociation);
  std::set<std::uint32_t> ids;
  for (const auto& [key, line] : lines) ids.insert(key.second);
  for (const std::uint32_t id : ids) {
    for (std::size_t w = 0; w < kUsageWindows; ++w) {
      const auto seconds = [&](CapacityKind kind) {
        const auto line = lines.find({static_cast<std::uint32_t>(kind), id});
        return line == lines.end() ? 0 : line->second.rolled_up[w];
      };
      bool known = false;
      for (const CapacityKind kind : kAllCapacityKinds) known |= seconds(kind) != 0;
      if (!known) continue;
      for (const CapacityKind kind : kAllCapacityKinds) {
        family.Add({cluster, tres.Label(id), std::string(CapacityKindName(kind)), summary.windows()[w].name},
                   static_cast<double>(seconds(kind)) * tres.UnitScale(id));
      }
    }
  }
}

}  // namespace

Families CollectCluster(const slurmdb::AccountingView& view, const CollectorOptions& /*options*/) {
  GaugeFamily infos("slurmdbd_cluster_info",
                    "A cluster's controller as it registered with slurmdbd: its release of Slurm, protocol "
                    "and address, and "
                    "the cluster's federation; always 1.",
                    {"cluster", "version", "protocol", "control_host", "control_port", "federation"});
  GaugeFamily registered(
      "slurmdbd_cluster_registered",
      "Whether the cluster's controller is registered with slurmdbd: 0 while it is down or "
      "disconnected.",
      {"cluster"});
  GaugeFamily capacity("slurmdbd_cluster_tres",
                       "The cluster's capacity as its controller registered it last; mem in bytes.",
                       {"cluster", "tres"});
  GaugeFamily capacity_since("slurmdbd_cluster_tres_since_timestamp_seconds",
                             "Since when the cluster's TRES and nodes are what they are.", {"cluster"});
  GaugeFamily usage(
      "slurmdbd_cluster_usage_tres_seconds",
      "What became of the capacity in a period, in TRES-seconds, as slurmdbd has rolled it up and "
      "sreport has it; mem in byte-seconds.",
      {"cluster", "tres", "kind", "period"});
  GaugeFamily live("slurmdbd_cluster_usage_live_tres_seconds",
                   "The same since the last hour that was rolled up, estimated: jobs and node events so far, "
                   "without what reservations hold and what waiting jobs have planned.",
                   {"cluster", "tres", "kind"});
  GaugeFamily live_since("slurmdbd_cluster_usage_live_since_timestamp_seconds",
                         "End of the last hour of the cluster's usage that slurmdbd has rolled up.",
                         {"cluster"});
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const slurmdb::ClusterStatus& status = *cluster.status;
    infos.Add(
        {name, slurmdb::ReleaseOfProtocol(status.row.rpc_version), std::to_string(status.row.rpc_version),
         status.row.control_host, std::to_string(status.row.control_port), status.row.federation},
        1);
    registered.Add({name}, status.row.control_host.empty() ? 0 : 1);
    if (status.registered) {
      for (const slurmdb::TresCount& count : status.registered->tres) {
        capacity.Add({name, view.tres->Label(count.id)},
                     static_cast<double>(count.count) * view.tres->UnitScale(count.id));
      }
      capacity_since.Add({name}, static_cast<double>(status.registered->since));
    }
    AddUsage(name, status.usage, *view.tres, usage);
    if (status.usage.rolled_up_until() != 0)
      live_since.Add({name}, static_cast<double>(status.usage.rolled_up_until()));
    if (status.live) {
      for (const auto& [key, amount] : status.live->tres_seconds) {
        live.Add({name, view.tres->Label(key.first), std::string(CapacityKindName(key.second))},
                 static_cast<double>(amount) * view.tres->UnitScale(key.first));
      }
    }
  }
  Families families;
  for (GaugeFamily* family : {&infos, &registered, &capacity, &capacity_since, &usage, &live, &live_since})
    families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
