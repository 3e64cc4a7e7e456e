#include "collectors/slurmdb/job_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/utf8.h"

namespace slurmdb {
namespace {

constexpr std::size_t kKeysPerStatement = 200;

// Text that is put aside only when it has to be repaired, which it hardly ever has.
std::string_view Repaired(std::string_view text, std::string& buffer) {
  if (IsUtf8(text)) return text;
  buffer = RepairUtf8(text);
  return buffer;
}

}  // namespace

JobReader::JobReader(Connection& db, const Schema& schema, const std::string& cluster,
                     std::optional<Rule> rule, std::uint32_t rows_per_page)
    : db_(db),
      jobs_(ClusterTable(cluster, "job_table")),
      name_(cluster + "_job_table"),
      suspends_(ClusterTable(cluster, "suspend_table")),
      last_ran_(ClusterTable(cluster, "last_ran_table")),
      has_timelimit_(schema.Has(name_, "timelimit")),
      has_tres_req_(schema.Has(name_, "tres_req")),
      has_request_(schema.HasAll(name_, {"mem_req", "nodes_alloc"})),
      rule_(rule),
      rows_per_page_(rows_per_page) {}

std::vector<std::string> JobReader::Tables(const std::string& cluster) { return {cluster + "_job_table"}; }

std::vector<std::string> JobReader::MissingColumns() const {
  std::vector<std::string> missing;
  if (!has_timelimit_) missing.push_back(name_ + ".timelimit");
  if (!has_tres_req_) missing.push_back(name_ + ".tres_req");
  return missing;
}

void JobReader::Read(const char* purpose, const std::string& index, const std::string& where,
                     const Sink& sink) {
  const bool by_rollup = rule_ == Rule::kRollUp;
  const bool enforced = rule_ == Rule::kEnforced;
  const bool charged = rule_ == Rule::kCharged;
  const char* const timelimit = has_timelimit_ ? "timelimit" : "NULL";
  std::string more = "id_wckey, id_resv";
  if (enforced) {
    more = fmt::format("`partition`, {}", timelimit);
  } else if (charged) {
    more = "account, `partition`";
  } else if (!by_rollup) {
    more = fmt::format("id_user, array_task_pending, account, `partition`, {}, {}", timelimit,
                       has_tres_req_ ? "tres_req" : "NULL");
    if (!rule_) {
      more += fmt::format(", id_wckey, id_resv, {}", has_request_ ? "mem_req, nodes_alloc" : "NULL, NULL");
    }
  }
  Result rows = db_.Query(
      purpose, fmt::format("SELECT job_db_inx, id_job, time_submit, id_assoc, id_qos, state, time_eligible, "
                           "time_start, time_end, time_suspended, tres_alloc, {} FROM {} FORCE INDEX ({}) "
                           "WHERE {}",
                           more, jobs_, index, where));
  std::string account;
  std::string partition;
  while (rows.Next()) {
    JobRow row;
    row.db_inx = rows[0].AsU64();
    row.key = {rows[1].AsU32(), rows[2].AsU64()};
    row.id_assoc = rows[3].AsU32Or(0);
    row.id_qos = rows[4].AsU32Or(0);
    row.state = rows[5].AsU64();
    row.time_eligible = rows[6].AsU64Or(0);
    row.time_start = rows[7].AsU64Or(0);
    row.time_end = rows[8].AsU64Or(0);
    row.time_suspended = rows[9].AsU64Or(0);
    row.tres_alloc = rows[10].raw();
    if (by_rollup) {
      row.id_wckey = rows[11].AsU32Or(0);
      row.id_resv = rows[12].AsU32Or(0);
    } else if (enforced) {
      row.partition = Repaired(rows[11].raw(), partition);
      if (has_timelimit_) row.timelimit = rows[12].AsU64Or(kNoVal);
    } else if (charged) {
      row.account = Repaired(rows[11].raw(), account);
      row.partition = Repaired(rows[12].raw(), partition);
    } else {
      row.id_user = rows[11].AsU32Or(0);
      row.array_task_pending = rows[12].AsU32Or(0);
      row.account = Repaired(rows[13].raw(), account);
      row.partition = Repaired(rows[14].raw(), partition);
      if (has_timelimit_) row.timelimit = rows[15].AsU64Or(kNoVal);
      if (has_tres_req_) row.tres_req = rows[16].raw();
      if (!rule_) {
        row.id_wckey = rows[17].AsU32Or(0);
        row.id_resv = rows[18].AsU32Or(0);
        row.mem_req = rows[19].AsU64Or(0);
        row.nodes_alloc = rows[20].AsU32Or(0);
      }
    }
    sink(row);
  }
}

void JobReader::ReadOpen(const Sink& sink) { Read("jobs-open", "rollup2", "time_end = 0", sink); }

void JobReader::ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) {
  std::string where = fmt::format("time_end >= {}", from);
  if (to != 0) where += fmt::format(" AND time_end < {}", to);
  Read("jobs-ended", "rollup2", where, sink);
}

void JobReader::ReadSubmitted(std::int64_t from, std::int64_t to, std::int64_t submitted_from,
                              std::int64_t submitted_to, const Sink& sink) {
  Read("jobs-past", "rollup2",
       fmt::format("time_end >= {} AND time_end < {} AND time_submit >= {} AND time_submit < {}", from, to,
                   submitted_from, submitted_to),
       sink);
}

std::optional<std::int64_t> JobReader::OldestEnd() {
  // The beginning of rollup2 after the open rows.
  Result rows =
      db_.Query("jobs-oldest",
                fmt::format("SELECT MIN(time_end) FROM {} FORCE INDEX (rollup2) WHERE time_end > 0", jobs_));
  if (!rows.Next() || rows[0].is_null()) return std::nullopt;
  return rows[0].AsI64();
}

std::optional<std::int64_t> JobReader::OldestStart() {
  constexpr int kRows = 5000;
  Result rows = db_.Query("jobs-oldest-starts",
                          fmt::format("SELECT time_start FROM {} FORCE INDEX (rollup2) WHERE time_end > 0 "
                                      "ORDER BY time_end LIMIT {}",
                                      jobs_, kRows));
  std::optional<std::int64_t> oldest;
  while (rows.Next()) {
    const std::int64_t start = rows[0].AsI64();
    if (start > 0) oldest = std::min(start, oldest.value_or(start));
  }
  return oldest;
}

bool JobReader::IsMostOfTable(std::int64_t from, std::int64_t to) {
  const std::optional<std::int64_t> oldest = OldestEnd();
  return oldest && 2 * (to - from) > to - *oldest;
}

std::optional<std::uint64_t> JobReader::NextPage(std::uint64_t key) {
  Result rows = db_.Query("jobs-page", fmt::format("SELECT job_db_inx FROM {} FORCE INDEX (PRIMARY) WHERE "
                                                   "job_db_inx >= {} ORDER BY job_db_inx LIMIT 1 OFFSET {}",
                                                   jobs_, key, rows_per_page_));
  return rows.Next() ? std::optional(rows[0].AsU64()) : std::nullopt;
}

void JobReader::ReadHistory(std::int64_t from, std::int64_t to, const Sink& sink) {
  if (!IsMostOfTable(from, to)) {
    JobSource::ReadHistory(from, to, sink);
    return;
  }
  // The key's own values say little about how many rows lie between them: since 24.11 they are no numbers in
  // a row.
  std::uint64_t first = 0;
  for (;;) {
    const std::optional<std::uint64_t> next = NextPage(first);
    std::string where = fmt::format("job_db_inx >= {}", first);
    if (next) where += fmt::format(" AND job_db_inx < {}", *next);
    Read("jobs-history", "PRIMARY", where + fmt::format(" AND time_end >= {} AND time_end < {}", from, to),
         sink);
    if (!next) return;
    first = *next;
  }
}

void JobReader::ReadByKey(std::span<const JobKey> keys, const Sink& sink) {
  // The unique index (id_job, time_submit) is named id_job. Spelled out with OR: not every server turns a
  // list of pairs into a range.
  for (std::size_t first = 0; first < keys.size(); first += kKeysPerStatement) {
    std::string where;
    for (const JobKey& key : keys.subspan(first, std::min(kKeysPerStatement, keys.size() - first))) {
      where += fmt::format("{}(id_job = {} AND time_submit = {})", where.empty() ? "" : " OR ", key.id_job,
                           key.time_submit);
    }
    Read("jobs-by-key", "id_job", where, sink);
  }
}

void JobReader::ReadInsertedAfter(std::uint64_t after, std::int64_t ended_before, const Sink& sink) {
  Read("jobs-inserted", "PRIMARY",
       fmt::format("job_db_inx > {} AND time_end > 0 AND time_end < {}", after, ended_before), sink);
}

std::vector<Suspension> JobReader::ReadSuspensions(std::span<const std::uint64_t> db_inxs) {
  std::vector<Suspension> suspensions;
  for (std::size_t first = 0; first < db_inxs.size(); first += kKeysPerStatement) {
    // PRIMARY (job_db_inx, time_start).
    const auto chunk = db_inxs.subspan(first, std::min(kKeysPerStatement, db_inxs.size() - first));
    Result rows = db_.Query(
        "suspensions", fmt::format("SELECT job_db_inx, time_start, time_end FROM {} FORCE INDEX (PRIMARY) "
                                   "WHERE job_db_inx IN ({}) ORDER BY job_db_inx, time_start",
                                   suspends_, fmt::join(chunk, ", ")));
    while (rows.Next()) suspensions.push_back({rows[0].AsU64(), rows[1].AsU64(), rows[2].AsU64Or(0)});
  }
  return suspensions;
}

std::uint64_t JobReader::MaxDbInx() {
  // The end of PRIMARY (job_db_inx).
  Result rows = db_.Query("jobs-newest", fmt::format("SELECT MAX(job_db_inx) FROM {}", jobs_));
  return rows.Next() ? rows[0].AsU64Or(0) : 0;
}

std::optional<std::int64_t> JobReader::LastHourlyRollup() {
  // One row.
  Result rows = db_.Query("last-rollup", fmt::format("SELECT MAX(hourly_rollup) FROM {}", last_ran_));
  if (!rows.Next() || rows[0].is_null()) return std::nullopt;
  return rows[0].AsI64();
}

}  // namespace slurmdb
