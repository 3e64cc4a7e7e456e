#include "collectors/slurmdb/usage_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
namespace {

// Each id and TRES is a range of its own; servers give up on indexes when a statement has too many.
constexpr std::size_t kRangesPerStatement = 1000;

constexpr std::array<const char*, kUsageKinds> kKindNames = {"assoc_", "wckey_", "qos_"};
constexpr std::array<const char*, kUsageLevels> kLevelNames = {"hour", "day", "month"};

}  // namespace

std::string UsageTableName(const std::string& cluster, const char* kind, UsageLevel level) {
  return fmt::format("{}_{}usage_{}_table", cluster, kind, kLevelNames[static_cast<std::size_t>(level)]);
}

std::optional<ByLevel<std::int64_t>> ReadLastRan(Connection& db, const std::string& cluster) {
  // One row.
  Result rows =
      db.Query("usage-last-ran", fmt::format("SELECT hourly_rollup, daily_rollup, monthly_rollup FROM {} "
                                             "ORDER BY hourly_rollup DESC LIMIT 1",
                                             ClusterTable(cluster, "last_ran_table")));
  if (!rows.Next()) return std::nullopt;
  return ByLevel<std::int64_t>{rows[0].AsI64(), rows[1].AsI64(), rows[2].AsI64()};
}

UsageReader::Ids UsageReader::IdsOf(const AssociationTree& associations,
                                    const std::map<std::uint32_t, WckeyRow>& wckeys,
                                    const std::map<std::uint32_t, std::string>& qos,
                                    const TresCatalog& tres) {
  Ids ids;
  for (const auto& [id, row] : associations.rows()) ids.associations.push_back(id);
  for (const auto& [id, row] : wckeys) ids.wckeys.push_back(id);
  for (const auto& [id, name] : qos) ids.qos.push_back(id);
  ids.tres = tres.ids();
  return ids;
}

UsageReader::UsageReader(Connection& db, const Schema& schema, const std::string& cluster, Ids ids)
    : db_(db), schema_(schema), cluster_(cluster), ids_(std::move(ids)) {}

std::vector<std::string> UsageReader::Tables(const std::string& cluster) {
  std::vector<std::string> tables;
  for (const char* kind : kKindNames) {
    for (const UsageLevel level : kAllUsageLevels) tables.push_back(UsageTableName(cluster, kind, level));
  }
  return tables;
}

std::string UsageReader::Name(UsageKind kind, UsageLevel level) const {
  return UsageTableName(cluster_, kKindNames[static_cast<std::size_t>(kind)], level);
}

bool UsageReader::Has(UsageKind kind) const {
  return std::all_of(kAllUsageLevels.begin(), kAllUsageLevels.end(),
                     [&](UsageLevel level) { return schema_.Has(Name(kind, level), "alloc_secs"); });
}

UsageMarks UsageReader::ReadMarks(const std::vector<UsageWitness>& witnesses) {
  UsageMarks marks;
  marks.last_ran = ReadLastRan(db_, cluster_);
  // Ends of indexes: PRIMARY (id_tres, time_start) and those on mod_time.
  std::string sql = "SELECT ";
  for (const UsageLevel level : kAllUsageLevels) {
    sql += fmt::format("{}(SELECT MAX(time_start) FROM {} WHERE id_tres = {})",
                       level == UsageLevel::kHour ? "" : ", ", QuoteName(UsageTableName(cluster_, "", level)),
                       kTresCpu);
  }
  std::vector<std::pair<std::size_t, std::size_t>> asked;
  for (const UsageKind kind : kAllUsageKinds) {
    if (!Has(kind)) continue;
    for (const UsageLevel level : kAllUsageLevels) {
      if (schema_.IndexOn(Name(kind, level), "mod_time").empty()) continue;
      sql += fmt::format(", (SELECT MAX(mod_time) FROM {})", QuoteName(Name(kind, level)));
      asked.emplace_back(static_cast<std::size_t>(kind), static_cast<std::size_t>(level));
    }
  }
  // PRIMARY (id, id_tres, time_start).
  for (const UsageWitness& witness : witnesses) {
    sql += fmt::format(
        ", (SELECT MAX(creation_time) FROM {} WHERE id = {} AND id_tres = {} AND time_start = {})",
        QuoteName(Name(UsageKind::kAssociation, witness.level)), witness.id, witness.tres,
        witness.time_start);
  }
  Result rows = db_.Query("usage-marks", sql);
  if (!rows.Next()) return marks;
  std::size_t column = 0;
  for (std::int64_t& newest : marks.newest) newest = static_cast<std::int64_t>(rows[column++].AsU64Or(0));
  for (const auto& [kind, level] : asked) {
    marks.changed[kind][level] = static_cast<std::int64_t>(rows[column++].AsU64Or(0));
  }
  for (const UsageWitness& witness : witnesses) {
    const Field created = rows[column++];
    auto& mark = marks.created[witness];
    if (!created.is_null()) mark = created.AsI64();
  }
  return marks;
}

ByLevel<UsageStamps> UsageReader::ReadStamps(const ByLevel<std::int64_t>& from) {
  // PRIMARY (id_tres, time_start): a row an hour since yesterday, a day of one or two months, a month of two
  // years.
  std::string sql;
  for (const UsageLevel level : kAllUsageLevels) {
    const auto l = static_cast<std::size_t>(level);
    sql += fmt::format(
        "{}SELECT {}, time_start, mod_time FROM {} FORCE INDEX (PRIMARY) WHERE id_tres = {} AND time_start "
        ">= {}",
        l == 0 ? "" : " UNION ALL ", l, QuoteName(UsageTableName(cluster_, "", level)), kTresCpu, from[l]);
  }
  ByLevel<UsageStamps> stamps;
  Result rows = db_.Query("usage-stamps", sql);
  while (rows.Next()) {
    stamps.at(rows[0].AsU64())[static_cast<std::int64_t>(rows[1].AsU64())] =
        static_cast<std::int64_t>(rows[2].AsU64Or(0));
  }
  return stamps;
}

void UsageReader::Fetch(UsageKind kind, const std::string& purpose, const std::string& from_where,
                        const Sink& sink) {
  Result rows = db_.Query(purpose, fmt::format("SELECT id, {}, id_tres, time_start, alloc_secs FROM {}",
                                               kind == UsageKind::kQos ? "id_alt" : "0", from_where));
  while (rows.Next()) {
    sink({rows[0].AsU32(), rows[1].AsU32(), rows[2].AsU32(), static_cast<std::int64_t>(rows[3].AsU64()),
          rows[4].AsU64Or(0)});
  }
}

void UsageReader::Read(UsageKind kind, UsageLevel level, std::int64_t from,
                       std::optional<std::int64_t> changed_after, const Sink& sink) {
  const std::string name = Name(kind, level);
  const std::string table = QuoteName(name);
  const std::string by_change = schema_.IndexOn(name, "mod_time");
  const std::string by_time = schema_.IndexOn(name, "time_start");
  if (!by_change.empty()) {
    // A row is written after the time it is about: what changed before `from` is not about a time after it.
    const std::string where = changed_after && *changed_after >= from
                                  ? fmt::format("mod_time > {}", *changed_after)
                                  : fmt::format("mod_time >= {}", from);
    return Fetch(kind, "usage-changed",
                 fmt::format("{} FORCE INDEX ({}) WHERE {} AND time_start >= {}", table, QuoteName(by_change),
                             where, from),
                 sink);
  }
  if (!by_time.empty()) {
    return Fetch(kind, "usage-since",
                 fmt::format("{} FORCE INDEX ({}) WHERE time_start >= {}", table, QuoteName(by_time), from),
                 sink);
  }
  FetchByIds(kind, "usage-by-id", table, fmt::format("time_start >= {}", from), sink);
}

void UsageReader::ReadWithin(UsageKind kind, UsageLevel level, std::int64_t from, std::int64_t to,
                             const Sink& sink) {
  const std::string name = Name(kind, level);
  const std::string times = fmt::format("time_start >= {} AND time_start < {}", from, to);
  const std::string by_time = schema_.IndexOn(name, "time_start");
  if (by_time.empty()) return FetchByIds(kind, "usage-within-by-id", QuoteName(name), times, sink);
  Fetch(kind, "usage-within",
        fmt::format("{} FORCE INDEX ({}) WHERE {}", QuoteName(name), QuoteName(by_time), times), sink);
}

void UsageReader::FetchByIds(UsageKind kind, const std::string& purpose, const std::string& table,
                             const std::string& and_where, const Sink& sink) {
  const std::vector<std::uint32_t>& ids = kind == UsageKind::kWckey ? ids_.wckeys : ids_.associations;
  std::string further = fmt::format("id_tres IN ({})", fmt::join(ids_.tres, ", "));
  std::size_t ranges = ids_.tres.size();
  if (kind == UsageKind::kQos) {  // whose PRIMARY has id_alt before id_tres
    further = fmt::format("id_alt IN ({}) AND {}", fmt::join(ids_.qos, ", "), further);
    ranges *= ids_.qos.size();
  }
  if (ranges == 0) return;
  const std::size_t chunk = std::max<std::size_t>(1, kRangesPerStatement / ranges);
  for (std::size_t first = 0; first < ids.size(); first += chunk) {
    const auto last = std::min(first + chunk, ids.size());
    Fetch(kind, purpose,
          fmt::format("{} FORCE INDEX (PRIMARY) WHERE id IN ({}) AND {} AND {}", table,
                      fmt::join(ids.begin() + static_cast<std::ptrdiff_t>(first),
                                ids.begin() + static_cast<std::ptrdiff_t>(last), ", "),
                      further, and_where),
          sink);
  }
}

}  // namespace slurmdb
