#include "collectors/slurmdb/readers.h"

#include <fmt/format.h>

#include "collectors/slurmdb/connection.h"

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

std::vector<AssociationRow> ReadAssociations(Connection& db, std::string_view cluster, std::uint32_t after) {
  std::vector<AssociationRow> associations;
  // PRIMARY (id_assoc).
  Result rows = db.Query("associations",
                         fmt::format("SELECT id_assoc, acct, user, `partition` FROM {} WHERE id_assoc > {}",
                                     ClusterTable(cluster, "assoc_table"), after));
  while (rows.Next()) {
    associations.push_back({rows[0].AsU32(), rows[1].Text(), rows[2].Text(), rows[3].Text()});
  }
  return associations;
}

}  // namespace slurmdb
