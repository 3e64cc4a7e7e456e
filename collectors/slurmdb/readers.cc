#include "collectors/slurmdb/readers.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
namespace {

// The columns of `wanted` that `table` has, and NULL for the others, each after a comma.
template <std::size_t N>
std::string Columns(const Schema& schema, const std::string& table,
                    const std::array<LimitColumn, N>& wanted) {
  std::string list;
  for (const LimitColumn& limit : wanted) {
    list += ", ";
    list += schema.ColumnOr(table, limit.column);
  }
  return list;
}

// A signed column: negative numbers and those that stand for none are no limit.
std::optional<std::uint64_t> LimitOf(const Field& field, std::uint32_t seconds) {
  if (field.is_null()) return std::nullopt;
  const std::int64_t value = field.AsI64();
  if (value < 0 || IsUnset32(static_cast<std::uint64_t>(value))) return std::nullopt;
  return static_cast<std::uint64_t>(value) * seconds;
}

// Reads the columns of a set from `first` on.
template <std::size_t N, std::size_t T>
void ReadSet(const Result& row, std::size_t first, const std::array<LimitColumn, N>& numbers,
             const std::array<LimitColumn, T>& tres, LimitSet<N, T>& set) {
  for (std::size_t i = 0; i < N; ++i) set.numbers[i] = LimitOf(row[first + i], numbers[i].seconds);
  for (std::size_t i = 0; i < T; ++i) set.tres[i] = ParseLimit(row[first + N + i].raw(), tres[i].seconds);
}

double Factor(const Field& field) {
  const double value = field.AsDoubleOr(1);
  return value >= 0 ? value : 1;  // as slurmctld: a negative factor is none
}

}  // namespace

std::string ClusterTable(std::string_view cluster, std::string_view table) {
  return QuoteName(fmt::format("{}_{}", cluster, table));
}

std::int64_t ReadServerTime(Connection& db) {
  Result rows = db.Query("time", "SELECT UNIX_TIMESTAMP()");
  if (!rows.Next()) throw DatabaseError(Reason::kParse, "the server did not tell its time");
  return rows[0].AsI64();
}

std::vector<std::string> ReadClusters(Connection& db) {
  std::vector<std::string> clusters;
  // A whole scan: one row a cluster.
  Result rows = db.Query("clusters", "SELECT name FROM cluster_table WHERE deleted = 0 ORDER BY name");
  while (rows.Next()) clusters.push_back(rows[0].Text());
  return clusters;
}

std::optional<ClusterRow> ReadCluster(Connection& db, const Schema& schema, std::string_view cluster) {
  const auto column = [&](const char* name) { return schema.ColumnOr("cluster_table", name); };
  // PRIMARY (name(42)): one row.
  Result rows = db.Query(
      "cluster", fmt::format("SELECT {}, {}, {}, {} FROM cluster_table WHERE name = {} AND deleted = 0",
                             column("control_host"), column("control_port"), column("rpc_version"),
                             column("federation"), db.Literal(cluster)));
  if (!rows.Next()) return std::nullopt;
  return ClusterRow{rows[0].Text(), rows[1].AsU32Or(0), rows[2].AsU32Or(0), rows[3].Text()};
}

TresCatalog ReadTres(Connection& db) {
  TresCatalog catalog;
  // A whole scan: tens of rows.
  Result rows = db.Query("tres", "SELECT id, type, name FROM tres_table WHERE deleted = 0");
  while (rows.Next()) catalog.Add(rows[0].AsU32(), rows[1].Text(), rows[2].Text());
  return catalog;
}

std::map<std::uint32_t, std::string> ReadQosNames(Connection& db) {
  std::map<std::uint32_t, std::string> names;
  // A whole scan: tens of rows.
  Result rows = db.Query("qos", "SELECT id, name FROM qos_table");
  while (rows.Next()) names.emplace(rows[0].AsU32(), rows[1].Text());
  return names;
}

namespace {

// By name, and by id from 23.11 on.
std::string ParentColumns(const Schema& schema, const std::string& assoc_table) {
  return fmt::format("{}, {}", schema.ColumnOr(assoc_table, "parent_acct", "''"),
                     schema.ColumnOr(assoc_table, "id_parent", "0"));
}

}  // namespace

std::vector<AssociationRow> ReadAssociations(Connection& db, const Schema& schema, std::string_view cluster) {
  const std::string table = fmt::format("{}_assoc_table", cluster);
  std::vector<AssociationRow> associations;
  // A whole scan: a row an association.
  Result rows =
      db.Query("associations", fmt::format("SELECT id_assoc, acct, user, `partition`, {}, deleted FROM {}",
                                           ParentColumns(schema, table), QuoteName(table)));
  while (rows.Next()) {
    associations.push_back({rows[0].AsU32(), rows[1].Text(), rows[2].Text(), rows[3].Text(), rows[4].Text(),
                            rows[5].AsU32Or(0), rows[6].AsU64Or(0) != 0});
  }
  return associations;
}

std::uint64_t ReadTreeMark(Connection& db, const Schema& schema, std::string_view cluster) {
  const std::string table = fmt::format("{}_assoc_table", cluster);
  // udex (user, acct, partition): a row an account.
  Result rows = db.Query("tree-mark", fmt::format("SELECT SUM(CRC32(CONCAT_WS(',', id_assoc, {}))) FROM {} "
                                                  "FORCE INDEX (udex) WHERE user = ''",
                                                  ParentColumns(schema, table), QuoteName(table)));
  return rows.Next() ? rows[0].AsU64Or(0) : 0;
}

AssociationLimitMap ReadAssociationLimits(Connection& db, const Schema& schema, std::string_view cluster) {
  const std::string table = fmt::format("{}_assoc_table", cluster);
  AssociationLimitMap all;
  // A whole scan: a row an association.
  Result rows = db.Query(
      "limits", fmt::format("SELECT id_assoc, {}{}{} FROM {} WHERE deleted = 0",
                            schema.ColumnOr(table, "shares"), Columns(schema, table, kAssociationLimits),
                            Columns(schema, table, kAssociationTresLimits), QuoteName(table)));
  while (rows.Next()) {
    AssociationLimits& limits = all[rows[0].AsU32()];
    constexpr std::uint64_t kUseParent = 0x7fffffff;
    limits.shares = LimitOf(rows[1], 1);
    if (limits.shares == kUseParent) limits.shares.reset();
    ReadSet(rows, 2, kAssociationLimits, kAssociationTresLimits, limits.set);
  }
  return all;
}

QosMap ReadQos(Connection& db, const Schema& schema) {
  const std::string table = "qos_table";
  const auto column = [&](const char* name) { return schema.ColumnOr(table, name); };
  QosMap all;
  // A whole scan: tens of rows.
  Result rows =
      db.Query("qos-limits",
               fmt::format("SELECT id, name, deleted, {}, {}, {}, {}{}{} FROM qos_table", column("flags"),
                           column("usage_factor"), column("creation_time"), column("mod_time"),
                           Columns(schema, table, kQosLimits), Columns(schema, table, kQosTresLimits)));
  while (rows.Next()) {
    QosRow& qos = all[rows[0].AsU32()];
    qos.name = rows[1].Text();
    qos.deleted = rows[2].AsU64Or(0) != 0;
    qos.flags = rows[3].AsU32Or(0);
    qos.usage_factor = Factor(rows[4]);
    const std::uint64_t created = rows[5].AsU64Or(0);
    const std::uint64_t changed = rows[6].AsU64Or(0);
    if (changed > created) qos.changed = static_cast<std::int64_t>(changed);
    // Not readable: the factor may be and have been anything.
    if (rows[4].is_null() || rows[6].is_null()) qos.changed = std::numeric_limits<std::int64_t>::max();
    ReadSet(rows, 7, kQosLimits, kQosTresLimits, qos.set);
  }
  return all;
}

TresCounts ReadClusterTres(Connection& db, const Schema& schema, std::string_view cluster) {
  const std::string table = fmt::format("{}_event_table", cluster);
  if (!schema.Has(table, "tres")) return {};
  // PRIMARY (node_name, time_start): the cluster's own events have no node.
  Result rows = db.Query("cluster-tres", fmt::format("SELECT tres FROM {} FORCE INDEX (PRIMARY) WHERE "
                                                     "node_name = '' AND time_end = 0",
                                                     QuoteName(table)));
  return rows.Next() ? ParseTres(rows[0].raw()) : TresCounts{};
}

std::map<std::uint32_t, WckeyRow> ReadWckeys(Connection& db, std::string_view cluster) {
  std::map<std::uint32_t, WckeyRow> wckeys;
  // A whole scan: as many rows as users have wckeys.
  Result rows = db.Query("wckeys", fmt::format("SELECT id_wckey, wckey_name, user FROM {}",
                                               ClusterTable(cluster, "wckey_table")));
  while (rows.Next()) wckeys[rows[0].AsU32()] = {rows[1].Text(), rows[2].Text()};
  return wckeys;
}

std::vector<AccountRow> ReadAccounts(Connection& db) {
  std::vector<AccountRow> accounts;
  // A whole scan: a row an account. Removed ones, too: what they used is still somebody's.
  Result rows = db.Query("accounts", "SELECT name, organization, description FROM acct_table");
  while (rows.Next()) accounts.push_back({rows[0].Text(), rows[1].Text(), rows[2].Text()});
  return accounts;
}

std::vector<CoordinatorRow> ReadCoordinators(Connection& db) {
  std::vector<CoordinatorRow> coordinators;
  // A whole scan: a row a coordinator.
  Result rows = db.Query("coordinators", "SELECT acct, user FROM acct_coord_table WHERE deleted = 0");
  while (rows.Next()) coordinators.push_back({rows[0].Text(), rows[1].Text()});
  return coordinators;
}

std::uint64_t ReadNewestTransaction(Connection& db) {
  // The end of PRIMARY (id).
  Result rows = db.Query("newest-transaction", "SELECT MAX(id) FROM txn_table");
  return rows.Next() ? rows[0].AsU64Or(0) : 0;
}

}  // namespace slurmdb
