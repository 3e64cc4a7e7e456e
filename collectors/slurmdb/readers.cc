#include "collectors/slurmdb/readers.h"

#include <fmt/format.h>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {

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
  const auto column = [&](const char* name) { return schema.Has("cluster_table", name) ? name : "NULL"; };
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
  return fmt::format("{}, {}", schema.Has(assoc_table, "parent_acct") ? "parent_acct" : "''",
                     schema.Has(assoc_table, "id_parent") ? "id_parent" : "0");
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
  // A whole scan: a row an account.
  Result rows =
      db.Query("accounts", "SELECT name, organization, description FROM acct_table WHERE deleted = 0");
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
