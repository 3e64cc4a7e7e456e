#include "collectors/slurmdb/event_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/hostlist.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
namespace {

// Each is a range of its own; servers give up on indexes when a statement has too many.
constexpr std::size_t kRangesPerStatement = 500;

}  // namespace

EventReader::EventReader(Connection& db, const Schema& schema, const std::string& cluster)
    : db_(db), schema_(schema), name_(Table(cluster)) {}

std::string EventReader::Table(const std::string& cluster) { return cluster + "_event_table"; }

bool EventReader::readable() const {
  return schema_.HasAll(name_, {"node_name", "time_start", "time_end", "state", "tres", "cluster_nodes"});
}

PlannedDown EventReader::planned_down() const {
  if (schema_.Has(name_, "instance_id")) return PlannedDown::kPowered;  // came with 23.11
  // With 22.05 came the first index that begins with it.
  return schema_.IndexOn(name_, "time_start").empty() ? PlannedDown::kNone : PlannedDown::kCloud;
}

std::optional<std::int64_t> EventReader::LastRegistration(std::int64_t until) {
  // PRIMARY (node_name(42), time_start): the cluster's own rows, one for each change of its nodes or TRES.
  Result rows = db_.Query(
      "events-registered",
      fmt::format("SELECT MAX(time_start) FROM {} FORCE INDEX (PRIMARY) WHERE node_name = '' AND state = 0 "
                  "AND time_start <= {}",
                  QuoteName(name_), until));
  if (!rows.Next() || rows[0].is_null()) return std::nullopt;
  return rows[0].AsI64();
}

void EventReader::Fetch(const std::string& purpose, const std::string& index, const std::string& where,
                        const Sink& sink) {
  Result rows = db_.Query(
      purpose, fmt::format("SELECT node_name, time_start, time_end, state, {}, {}, tres, cluster_nodes "
                           "FROM {} FORCE INDEX ({}) WHERE {}",
                           schema_.ColumnOr(name_, "reason_uid"), schema_.ColumnOr(name_, "reason", "''"),
                           QuoteName(name_), QuoteName(index), where));
  while (rows.Next()) {
    sink({rows[0].raw(), static_cast<std::int64_t>(rows[1].AsU64()),
          static_cast<std::int64_t>(rows[2].AsU64Or(0)), rows[3].AsU64Or(0),
          rows[4].AsU32Or(static_cast<std::uint32_t>(kNoVal)), rows[5].raw(), rows[6].raw(), rows[7].raw()});
  }
}

void EventReader::ReadOf(const std::string& purpose, std::span<const std::string> nodes,
                         const std::string& and_where, const Sink& sink) {
  while (!nodes.empty()) {
    const std::size_t count = std::min(nodes.size(), kRangesPerStatement);
    std::string names;
    for (const std::string& node : nodes.first(count))
      names += (names.empty() ? "" : ", ") + db_.Literal(node);
    Fetch(purpose, "PRIMARY", fmt::format("node_name IN ({}) AND {}", names, and_where), sink);
    nodes = nodes.subspan(count);
  }
}

void EventReader::ReadSince(std::int64_t from, const Sink& sink) {
  ReadBegun("events-since", from, fmt::format("time_start >= {}", from), sink);
}

void EventReader::ReadWithin(std::int64_t from, std::int64_t to, const Sink& sink) {
  ReadBegun("events-within", from, fmt::format("time_start >= {} AND time_start < {}", from, to), sink);
}

void EventReader::ReadBegun(const std::string& purpose, std::int64_t from, const std::string& when,
                            const Sink& sink) {
  const std::string index = schema_.IndexOn(name_, "time_start");
  if (!index.empty()) return Fetch(purpose, index, when, sink);  // rollup or time_start_end, from 22.05 on
  // Node by node: those of each registration that held since then.
  const std::string nobody;
  const std::span<const std::string> cluster(&nobody, 1);
  std::vector<std::string> names;
  const auto add_names = [&](const EventRow& row) {
    if (const auto nodes = ExpandHosts(row.cluster_nodes))
      names.insert(names.end(), nodes->begin(), nodes->end());
  };
  if (const auto last = LastRegistration(from))
    ReadOf("events-cluster", cluster, fmt::format("time_start = {}", *last), add_names);
  ReadOf("events-cluster", cluster, when, [&](const EventRow& row) {
    add_names(row);
    sink(row);
  });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  ReadOf(purpose + "-by-node", names, when, sink);
}

void EventReader::ReadByKey(std::span<const EventKey> keys, const Sink& sink) {
  while (!keys.empty()) {
    const std::size_t count = std::min(keys.size(), kRangesPerStatement);
    std::string where;
    for (const EventKey& key : keys.first(count)) {
      where += fmt::format("{}(node_name = {} AND time_start = {})", where.empty() ? "" : " OR ",
                           db_.Literal(key.node), key.start);
    }
    // PRIMARY (node_name(42), time_start).
    Fetch("events-by-key", "PRIMARY", where, sink);
    keys = keys.subspan(count);
  }
}

void EventReader::ReadBefore(std::span<const std::string> nodes, std::int64_t before, const Sink& sink) {
  ReadOf("events-before", nodes, fmt::format("time_start < {}", before), sink);
}

}  // namespace slurmdb
