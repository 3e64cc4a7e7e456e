// SQL in, typed rows out: the small tables. (The big one, job_table, has job_reader.h.)
//
// All throw DatabaseError. Every statement says which index it uses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/limits.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

class Connection;
class Schema;

// The name of one of a cluster's tables, quoted: "`alpha_job_table`".
std::string ClusterTable(std::string_view cluster, std::string_view table);

// The database server's clock, epoch seconds.
std::int64_t ReadServerTime(Connection& db);
// Clusters that are not deleted, by name.
std::vector<std::string> ReadClusters(Connection& db);
// None when it is not there (any more).
std::optional<ClusterRow> ReadCluster(Connection& db, const Schema& schema, std::string_view cluster);
TresCatalog ReadTres(Connection& db);
// QOS names by id, deleted ones included: old jobs still refer to them.
std::map<std::uint32_t, std::string> ReadQosNames(Connection& db);
// Deleted ones included.
std::vector<AssociationRow> ReadAssociations(Connection& db, const Schema& schema, std::string_view cluster);
// A number that is another one when an account has got another parent: that alone leaves no transaction.
std::uint64_t ReadTreeMark(Connection& db, const Schema& schema, std::string_view cluster);
// Limits of what is not deleted, as they are set. Columns that are not readable are not set.
AssociationLimitMap ReadAssociationLimits(Connection& db, const Schema& schema, std::string_view cluster);
// Deleted ones included. Needs the column usage_factor; other columns that are not readable are not set.
QosMap ReadQos(Connection& db, const Schema& schema);
// What the cluster has, by its last registration or change of nodes; empty when that is not readable.
TresCounts ReadClusterTres(Connection& db, const Schema& schema, std::string_view cluster);
// By id, deleted ones included.
std::map<std::uint32_t, WckeyRow> ReadWckeys(Connection& db, std::string_view cluster);
// Accounts and coordinators that are not deleted.
std::vector<AccountRow> ReadAccounts(Connection& db);
std::vector<CoordinatorRow> ReadCoordinators(Connection& db);
// Id of the newest transaction: it grows with every change that sacctmgr makes. 0 for none.
std::uint64_t ReadNewestTransaction(Connection& db);

}  // namespace slurmdb
