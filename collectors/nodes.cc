#include "collectors/nodes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "collectors/families.h"
#include "collectors/job_labels.h"
#include "collectors/slurmdb/event_book.h"
#include "collectors/slurmdb/hostlist.h"

namespace collectors {
namespace {

using slurmdb::Unavailable;

// With more of them away than that, nodes of a cluster no longer have a series each.
constexpr std::size_t kMostNamed = 200;
// A range in a label has no more nodes than that, so that it stays readable.
constexpr std::size_t kMostFolded = 1000;

struct Group {
  std::vector<std::string> nodes;
  std::int64_t since = 0;  // of the first of them
};

// By state, reason and who set it.
using Groups = std::map<std::tuple<std::string, std::string, std::string>, Group>;

// Who set the reason: a uid, for the database has no names of administrators. Empty when nobody did, or when
// users are not shown.
std::string SetBy(const Unavailable& node, const CollectorOptions& options) {
  if (!node.reason_uid) return "";
  const std::string uid = std::to_string(*node.reason_uid);
  return ShownUser(uid, uid, options).value_or("");
}

class NodeFamilies {
 public:
  void Add(const std::string& cluster, const std::string& nodes, const std::string& state,
           const std::string& reason, const std::string& set_by, std::int64_t since) {
    since_.Add({cluster, nodes, state, reason}, static_cast<double>(since));
    infos_.Add({cluster, nodes, state, reason, set_by}, 1);
  }

  // The nodes of one group, folded.
  void AddFolded(const std::string& cluster, const Groups::value_type& entry) {
    const auto& [state, reason, set_by] = entry.first;
    const Group& group = entry.second;
    for (std::size_t first = 0; first < group.nodes.size(); first += kMostFolded) {
      const auto begin = group.nodes.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = group.nodes.begin() +
                       static_cast<std::ptrdiff_t>(std::min(first + kMostFolded, group.nodes.size()));
      Add(cluster, slurmdb::FoldHosts({begin, end}), state, reason, set_by, group.since);
    }
  }

  void MoveTo(Families& families) {
    families.push_back(std::move(since_).Build());
    families.push_back(std::move(infos_).Build());
  }

 private:
  GaugeFamily since_{
      "slurmdbd_node_unavailable_since_timestamp_seconds",
      "Since when a node is down or drained, through changes of state and reason; with very many "
      "of them a range of nodes, since when the first of them is.",
      {"cluster", "node", "state", "reason"}};
  GaugeFamily infos_{"slurmdbd_node_unavailable_info",
                     "A node that is down or drained, why, and the uid of who said so; always 1.",
                     {"cluster", "node", "state", "reason", "set_by"}};
};

}  // namespace

Families CollectNodes(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  GaugeFamily counts("slurmdbd_nodes_unavailable",
                     "Nodes that are down or drained, from the open rows of event_table.",
                     {"cluster", "state"});
  GaugeFamily away("slurmdbd_nodes_unavailable_seconds",
                   "Node-seconds that nodes were down or drained in a period.",
                   {"cluster", "state", "period"});
  NodeFamilies nodes;
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const slurmdb::EventBook& events = *cluster.events;
    const std::vector<Unavailable> unavailable = events.unavailable(events.moment().now);
    // There at 0 too, so that an alert has something to compare with.
    std::map<std::string_view, std::size_t> count = {{"down", 0}, {"drained", 0}};
    Groups groups;
    for (const Unavailable& node : unavailable) {
      ++count[node.state];
      const std::string state(node.state);
      const std::string set_by = SetBy(node, options);
      if (unavailable.size() <= kMostNamed) {
        nodes.Add(name, node.node, state, node.reason, set_by, node.since);
        continue;
      }
      Group& group = groups[{state, node.reason, set_by}];
      group.since = group.nodes.empty() ? node.since : std::min(group.since, node.since);
      group.nodes.push_back(node.node);
    }
    for (const auto& group : groups) nodes.AddFolded(name, group);
    for (const auto& [state, number] : count)
      counts.Add({name, std::string(state)}, static_cast<double>(number));
    for (const slurmdb::UsageWindow& window : events.windows()) {
      std::map<std::string_view, std::int64_t> seconds = {{"down", 0}, {"drained", 0}};
      for (const auto& [state, some] : events.Away(window.from, window.to)) seconds[state] = some;
      for (const auto& [state, some] : seconds)
        away.Add({name, std::string(state), window.name}, static_cast<double>(some));
    }
  }
  Families families;
  families.push_back(std::move(counts).Build());
  nodes.MoveTo(families);
  families.push_back(std::move(away).Build());
  return families;
}

}  // namespace collectors
