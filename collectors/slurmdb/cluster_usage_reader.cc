#include "collectors/slurmdb/cluster_usage_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_reader.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kDay = 86400;
// As far back as a book keeps hours, days and months while roll-ups run: a roll-up of something older does
// not change what is shown before all is read anew.
constexpr ByLevel<std::int64_t> kLookBack = {3 * kDay, 65 * kDay, 735 * kDay};

}  // namespace

std::string_view CapacityKindName(CapacityKind kind) {
  static constexpr std::array kNames = {"allocated", "down",    "planned_down",
                                        "idle",      "planned", "overcommitted"};
  return kNames[static_cast<std::size_t>(kind)];
}

ClusterUsageReader::ClusterUsageReader(Connection& db, const Schema& schema, const std::string& cluster,
                                       std::vector<std::uint32_t> tres, std::int64_t as_of)
    : db_(db), schema_(schema), cluster_(cluster), tres_(std::move(tres)), as_of_(as_of) {}

std::vector<std::string> ClusterUsageReader::Tables(const std::string& cluster) {
  std::vector<std::string> tables;
  tables.reserve(kUsageLevels);
  for (const UsageLevel level : kAllUsageLevels) tables.push_back(UsageTableName(cluster, "", level));
  return tables;
}

// Its name up to 20.11 is the other one.
std::string ClusterUsageReader::PlannedColumn(const std::string& table) const {
  return schema_.Has(table, "plan_secs") ? "plan_secs" : "resv_secs";
}

bool ClusterUsageReader::Has(UsageKind kind) const {
  if (kind != UsageKind::kAssociation) return false;
  for (const std::string& table : Tables(cluster_)) {
    if (!schema_.HasAll(table, {"alloc_secs", "down_secs", "pdown_secs", "idle_secs", "over_secs"}) ||
        !schema_.Has(table, PlannedColumn(table)))
      return false;
  }
  return true;
}

UsageMarks ClusterUsageReader::ReadMarks(const std::vector<UsageWitness>& witnesses) {
  UsageMarks marks;
  marks.last_ran = ReadLastRan(db_, cluster_);
  const std::vector<std::string> tables = Tables(cluster_);
  // PRIMARY (id_tres, time_start): its end; and the change of a few rows at its end. All TRES of an hour are
  // written together.
  std::string sql;
  for (std::size_t level = 0; level < kUsageLevels; ++level) {
    sql += fmt::format(
        "{}(SELECT MAX(time_start) FROM {} WHERE id_tres = {}), "
        "(SELECT MAX(mod_time) FROM {} FORCE INDEX (PRIMARY) WHERE id_tres = {} AND time_start >= {})",
        sql.empty() ? "SELECT " : ", ", QuoteName(tables[level]), kTresCpu, QuoteName(tables[level]),
        kTresCpu, std::max<std::int64_t>(0, as_of_ - kLookBack[level]));
  }
  for (const UsageWitness& witness : witnesses) {
    sql += fmt::format(", (SELECT MAX(creation_time) FROM {} WHERE id_tres = {} AND time_start = {})",
                       QuoteName(tables[static_cast<std::size_t>(witness.level)]), witness.tres,
                       witness.time_start);
  }
  Result rows = db_.Query("capacity-marks", sql);
  if (!rows.Next()) return marks;
  std::size_t column = 0;
  for (std::size_t level = 0; level < kUsageLevels; ++level) {
    marks.newest[level] = static_cast<std::int64_t>(rows[column++].AsU64Or(0));
    marks.changed[static_cast<std::size_t>(UsageKind::kAssociation)][level] =
        static_cast<std::int64_t>(rows[column++].AsU64Or(0));
  }
  for (const UsageWitness& witness : witnesses) {
    const Field created = rows[column++];
    auto& mark = marks.created[witness];
    if (!created.is_null()) mark = static_cast<std::int64_t>(created.AsU64());
  }
  return marks;
}

void ClusterUsageReader::Read(UsageKind /*kind*/, UsageLevel level, std::int64_t from,
                              std::optional<std::int64_t> changed_after, const Sink& sink) {
  std::string where = fmt::format("time_start >= {}", from);
  if (changed_after) where += fmt::format(" AND mod_time > {}", *changed_after);
  Fetch(level, where, sink);
}

void ClusterUsageReader::ReadWithin(UsageLevel level, std::int64_t from, std::int64_t to, const Sink& sink) {
  Fetch(level, fmt::format("time_start >= {} AND time_start < {}", from, to), sink);
}

void ClusterUsageReader::Fetch(UsageLevel level, const std::string& and_where, const Sink& sink) {
  if (tres_.empty()) return;
  const std::string name = UsageTableName(cluster_, "", level);
  // PRIMARY (id_tres, time_start).
  Result rows = db_.Query(
      "capacity", fmt::format("SELECT id_tres, time_start, alloc_secs, down_secs, pdown_secs, idle_secs, {}, "
                              "over_secs FROM {} FORCE INDEX (PRIMARY) WHERE id_tres IN ({}) AND {}",
                              PlannedColumn(name), QuoteName(name), fmt::join(tres_, ", "), and_where));
  while (rows.Next()) {
    for (std::size_t i = 0; i < kAllCapacityKinds.size(); ++i) {
      sink({static_cast<std::uint32_t>(kAllCapacityKinds[i]), 0, rows[0].AsU32(),
            static_cast<std::int64_t>(rows[1].AsU64()), rows[2 + i].AsU64Or(0)});
    }
  }
}

}  // namespace slurmdb
