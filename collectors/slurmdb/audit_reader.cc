#include "collectors/slurmdb/audit_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/reservation_reader.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {
namespace {

constexpr std::size_t kIdsPerStatement = 500;

// How many numbers a list such as ",4,17" has.
std::size_t CountIds(std::string_view list) {
  std::size_t count = 0;
  bool inside = false;
  for (const char c : list) {
    if (c != ',' && !inside) ++count;
    inside = c != ',';
  }
  return count;
}

}  // namespace

bool TransactionReader::Readable(const Schema& schema) {
  return schema.HasAll("txn_table", {"id", "timestamp", "action", "actor", "cluster"});
}

void TransactionReader::Read(const std::string& where, const Sink& sink) {
  Result rows =
      db_.Query("transactions", fmt::format("SELECT id, `timestamp`, action, actor, cluster FROM txn_table "
                                            "FORCE INDEX (PRIMARY) WHERE {}",
                                            where));
  while (rows.Next()) {
    const std::string actor = rows[3].Text();
    const std::string cluster = rows[4].Text();
    sink(
        {rows[0].AsU64(), static_cast<std::int64_t>(rows[1].AsU64Or(0)), rows[2].AsU32Or(0), actor, cluster});
  }
}

void TransactionReader::ReadAfter(std::uint64_t after, const Sink& sink) {
  Read(fmt::format("id > {}", after), sink);
}

void TransactionReader::ReadBefore(std::uint64_t before, std::uint32_t limit, const Sink& sink) {
  Read(fmt::format("id < {} ORDER BY id DESC LIMIT {}", before, limit), sink);
}

AuditReader::AuditReader(Connection& db, const Schema& schema, std::string cluster,
                         std::vector<std::uint32_t> tres)
    : db_(db), schema_(schema), cluster_(std::move(cluster)), tres_(std::move(tres)) {}

std::vector<std::string> AuditReader::Tables(const std::string& cluster) {
  return {ReservationReader::Table(cluster)};
}

std::vector<std::string> AuditReader::MissingColumns() const {
  std::vector<std::string> missing;
  const std::string table = ReservationReader::Table(cluster_);
  for (const char* column : {"id_resv", "time_start", "time_end", "flags", "tres", "assoclist"}) {
    if (!schema_.Has(table, column)) missing.push_back(table + "." + column);
  }
  return missing;
}

std::vector<std::int64_t> AuditReader::ReadHours(std::int64_t from) {
  std::vector<std::int64_t> hours;
  // PRIMARY (id_tres, time_start).
  Result rows = db_.Query("hours", fmt::format("SELECT time_start FROM {} FORCE INDEX (PRIMARY) WHERE "
                                               "id_tres = {} AND time_start >= {} ORDER BY time_start",
                                               ClusterTable(cluster_, "usage_hour_table"), kTresCpu, from));
  while (rows.Next()) hours.push_back(rows[0].AsI64());
  return hours;
}

std::map<std::uint32_t, std::uint64_t> AuditReader::ReadNewestSubmits(std::span<const std::uint32_t> ids) {
  std::map<std::uint32_t, std::uint64_t> newest;
  for (std::size_t first = 0; first < ids.size(); first += kIdsPerStatement) {
    // The unique index (id_job, time_submit) is named id_job; it has all that is asked for.
    const auto chunk = ids.subspan(first, std::min(kIdsPerStatement, ids.size() - first));
    Result rows = db_.Query("jobs-newest-submit",
                            fmt::format("SELECT id_job, MAX(time_submit) FROM {} FORCE INDEX (id_job) WHERE "
                                        "id_job IN ({}) GROUP BY id_job",
                                        ClusterTable(cluster_, "job_table"), fmt::join(chunk, ", ")));
    while (rows.Next()) newest[rows[0].AsU32()] = rows[1].AsU64Or(0);
  }
  return newest;
}

std::optional<std::vector<ReservationShare>> AuditReader::ReadReservations(std::int64_t from,
                                                                           std::int64_t to) {
  if (!MissingColumns().empty()) return std::nullopt;
  std::vector<ReservationShare> reservations;
  // Once a roll-up.
  const auto by_end = ReservationReader::FindByEnd(schema_, ReservationReader::Table(cluster_));
  Result rows = db_.Query(
      by_end.purpose, fmt::format("SELECT id_resv, time_start, time_end, flags, assoclist, tres FROM {} {} "
                                  "WHERE time_end > {} AND time_start < {}",
                                  ClusterTable(cluster_, "resv_table"), by_end.index, from, to));
  while (rows.Next()) {
    ReservationShare row;
    row.id = rows[0].AsU32();
    row.start = static_cast<std::int64_t>(rows[1].AsU64Or(0));
    row.end = static_cast<std::int64_t>(rows[2].AsU64Or(0));
    row.flags = rows[3].AsU64Or(0);
    row.owners = CountIds(rows[4].raw());
    row.tres = ParseTres(rows[5].raw());
    reservations.push_back(std::move(row));
  }
  return reservations;
}

TresSums AuditReader::ReadAllocated(std::int64_t from, std::int64_t to) {
  TresSums sums;
  if (tres_.empty()) return sums;
  // PRIMARY (id_tres, time_start). By hours, since a day's row may have been made before the last of them.
  Result rows = db_.Query(
      "allocated", fmt::format("SELECT id_tres, SUM(alloc_secs) FROM {} FORCE INDEX (PRIMARY) WHERE "
                               "id_tres IN ({}) AND time_start >= {} AND time_start < {} GROUP BY id_tres",
                               ClusterTable(cluster_, "usage_hour_table"), fmt::join(tres_, ", "), from, to));
  while (rows.Next()) sums.Add(rows[0].AsU32(), rows[1].AsU64Or(0));
  return sums;
}

std::vector<OldestRecord> AuditReader::ReadOldest() {
  static constexpr std::array kUsage = {"usage_hour", "usage_day", "usage_month"};
  // rollup2 (time_end, …) after the open rows, and the beginning of PRIMARY (id_tres, time_start).
  std::string sql = "SELECT MIN(time_end)";
  for (const char* table : kUsage) {
    sql += fmt::format(", (SELECT MIN(time_start) FROM {} WHERE id_tres = {})",
                       ClusterTable(cluster_, std::string(table) + "_table"), kTresCpu);
  }
  sql +=
      fmt::format(" FROM {} FORCE INDEX (rollup2) WHERE time_end > 0", ClusterTable(cluster_, "job_table"));
  std::vector<OldestRecord> oldest;
  Result rows = db_.Query("oldest", sql);
  if (!rows.Next()) return oldest;
  const auto add = [&](std::string_view table, const Field& time) {
    if (const std::uint64_t at = time.AsU64Or(0); IsInstant(at))
      oldest.push_back({table, static_cast<std::int64_t>(at)});
  };
  add("job", rows[0]);
  for (std::size_t i = 0; i < kUsage.size(); ++i) add(kUsage[i], rows[i + 1]);
  return oldest;
}

std::optional<std::int64_t> ReadOldestTransaction(Connection& db) {
  // The beginning of PRIMARY (id).
  Result rows = db.Query("oldest-transaction",
                         "SELECT `timestamp` FROM txn_table WHERE id = (SELECT MIN(id) FROM txn_table)");
  if (!rows.Next() || rows[0].AsU64Or(0) == 0) return std::nullopt;
  return rows[0].AsI64();
}

bool AdministratorsReadable(const Schema& schema) {
  return schema.HasAll("user_table", {"name", "admin_level"});
}

std::vector<AdministratorRow> ReadAdministrators(Connection& db) {
  std::vector<AdministratorRow> administrators;
  // A whole scan: a row a user.
  Result rows = db.Query("administrators",
                         "SELECT name, admin_level FROM user_table WHERE deleted = 0 AND admin_level > 1");
  while (rows.Next()) administrators.push_back({rows[0].Text(), rows[1].AsU32Or(0)});
  return administrators;
}

}  // namespace slurmdb
