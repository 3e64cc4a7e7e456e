#include "collectors/slurmdb/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "collectors/slurmdb/audit_reader.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/upkeep.h"
#include "collectors/slurmdb/usage_reader.h"
#include "collectors/slurmdb/utf8.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kDay = 86400;

void Assign(std::string& to, const Field& from) {
  const std::string_view raw = from.raw();
  if (IsUtf8(raw)) {
    to.assign(raw);
  } else {
    to = RepairUtf8(raw);
  }
}

}  // namespace

JobRow JobRecord::AsRow() const {
  JobRow row;
  row.db_inx = db_inx;
  row.key = key;
  row.id_assoc = id_assoc;
  row.id_qos = id_qos;
  row.id_user = id_user;
  row.id_wckey = id_wckey;
  row.state = state;
  row.time_eligible = time_eligible;
  row.time_start = time_start;
  row.time_end = time_end;
  row.time_suspended = time_suspended;
  row.account = account;
  row.partition = partition;
  row.tres_alloc = tres_alloc;
  return row;
}

LiveJob JobRecord::AsLive() const {
  LiveJob job;
  job.key = key;
  job.db_inx = db_inx;
  job.state = JobStateOf(state);
  job.time_eligible = time_eligible;
  job.time_start = time_start;
  job.time_end = time_end;
  job.time_suspended = time_suspended;
  job.ran = HasRun(AsRow());
  ParseTres(tres_alloc, job.tres_alloc);
  job.suspensions = suspensions;
  return job;
}

std::vector<UsageSpan> UsageSpansOf(const Calendar& calendar, const ByLevel<std::int64_t>& until,
                                    UsageLevel coarsest, std::int64_t from, std::int64_t to) {
  std::vector<UsageSpan> spans;
  std::int64_t at = from;
  const auto take = [&](UsageLevel level, std::int64_t end) {
    const std::int64_t stop = std::min({end, to, until[static_cast<std::size_t>(level)]});
    if (stop <= at) return;
    spans.push_back({level, at, stop});
    at = stop;
  };
  const auto next = [&](Period period) {  // the first start of one that is not before `at`
    return calendar.PeriodStart(period, at) == at ? at : calendar.NextStart(period, at);
  };
  if (coarsest != UsageLevel::kHour) {
    take(UsageLevel::kHour, next(Period::kDay));
    if (coarsest == UsageLevel::kMonth && next(Period::kDay) == at) {
      take(UsageLevel::kDay, std::min(next(Period::kMonth), calendar.PeriodStart(Period::kDay, to)));
      if (next(Period::kMonth) == at) take(UsageLevel::kMonth, calendar.PeriodStart(Period::kMonth, to));
    }
    if (next(Period::kDay) == at) take(UsageLevel::kDay, calendar.PeriodStart(Period::kDay, to));
  }
  take(UsageLevel::kHour, to);
  return spans;
}

// ---- JobScan: the statements of one reading

class ClusterHistory::JobScan {
 public:
  JobScan(Connection& db, const Schema& schema, const std::string& cluster, const JobQuery& query,
          const std::function<void(const JobRecord&)>& sink, const HistoryProgress& progress)
      : db_(db),
        query_(query),
        sink_(sink),
        progress_(progress),
        source_(db, schema, cluster),
        jobs_(ClusterTable(cluster, "job_table")),
        columns_(ColumnsOf(schema, cluster + "_job_table")) {
    if (query.users) {
      for (const std::uint32_t id : *query.users) whose_.push_back(fmt::format("id_user = {} AND ", id));
      index_ = "sacct_def2";  // (id_user, time_end, time_eligible)
    } else {
      whose_.emplace_back();
      index_ = "rollup2";  // (time_end, time_eligible)
    }
    const std::string by_real_time = fmt::format("time_eligible < {}", query.to);
    if (query.never_eligible) {
      eligible_ = fmt::format("({} OR time_eligible = {})", by_real_time, std::uint64_t{kInfinite});
    } else {
      eligible_ = fmt::format("time_eligible > 0 AND {}", by_real_time);
    }
  }

  void Run() {
    for (const std::string& whose : whose_) {
      Read("report-open", whose + "time_end = 0 AND " + eligible_, true);
      const std::optional<std::int64_t> oldest = End("MIN", whose);
      if (!oldest) continue;
      const std::int64_t newest = End("MAX", whose).value_or(*oldest);
      first_ = std::max(query_.from, *oldest);
      last_ = newest + 1;
      const std::int64_t border = std::clamp(query_.to, first_, std::max(first_, last_));
      Slices("report-ended", whose, first_, border,
             query_.never_eligible ? std::string() : " AND " + eligible_);
      Slices("report-later", whose, border, last_, " AND " + eligible_);
    }
    if (progress_) progress_(1, rows_);
  }

 private:
  std::string ColumnsOf(const Schema& schema, const std::string& table) const {
    std::string columns =
        "job_db_inx, id_job, time_submit, id_assoc, id_qos, id_wckey, id_user, state, time_eligible, "
        "time_start, time_end, time_suspended, account, `partition`, tres_alloc";
    if (!query_.described) return columns;
    for (const char* column :
         {"job_name",          "id_group",      "exit_code",      "derived_ec",      "nodes_alloc",
          "cpus_req",          "mem_req",       "timelimit",      "priority",        "flags",
          "state_reason_prev", "kill_requid",   "nodelist",       "tres_req",        "wckey",
          "id_array_job",      "id_array_task", "array_task_str", "array_max_tasks", "het_job_id",
          "het_job_offset"}) {
      columns += ", ";
      columns += schema.ColumnOr(table, column);
    }
    return columns;
  }

  // The first or the last end there is: an end of the index.
  std::optional<std::int64_t> End(const char* which, const std::string& whose) {
    Result rows = db_.Query(
        "report-ends", fmt::format("SELECT {}(time_end) FROM {} FORCE INDEX ({}) WHERE {}time_end > 0", which,
                                   jobs_, index_, whose));
    if (!rows.Next() || rows[0].is_null()) return std::nullopt;
    return rows[0].AsI64();
  }

  // Slices that take longer when they hold little, so that a statement stays short and there are few.
  void Slices(const char* purpose, const std::string& whose, std::int64_t from, std::int64_t to,
              const std::string& more) {
    constexpr std::uint64_t kFew = 5'000;
    constexpr std::uint64_t kMany = 40'000;
    std::int64_t width = kDay;
    while (from < to) {
      const std::int64_t end = std::min(to, from + width);
      const std::uint64_t before = rows_;
      Read(purpose, fmt::format("{}time_end >= {} AND time_end < {}{}", whose, from, end, more), false);
      const std::uint64_t read = rows_ - before;
      if (read < kFew) width = std::min(2 * width, 32 * kDay);
      if (read > kMany) width = std::max<std::int64_t>(width / 2, 60);
      from = end;
      if (progress_)
        progress_(static_cast<double>(from - first_) / static_cast<double>(last_ - first_), rows_);
    }
  }

  void Read(const char* purpose, const std::string& where, bool open) {
    deferred_.clear();
    {
      Result rows = db_.Query(purpose, fmt::format("SELECT {} FROM {} FORCE INDEX ({}) WHERE {}", columns_,
                                                   jobs_, index_, where));
      while (rows.Next()) {
        ++rows_;
        Take(rows);
        // What was open has been counted, whatever became of it meanwhile.
        const auto id = std::make_tuple(record_.key.id_job, record_.key.time_submit);
        if (open) {
          open_.insert(id);
        } else if (!open_.empty() && open_.contains(id)) {
          continue;
        }
        const bool suspended =
            record_.time_suspended != 0 || JobStateOf(record_.state) == JobState::kSuspended;
        if (query_.suspensions && suspended) {
          deferred_.push_back(record_);
        } else {
          sink_(record_);
        }
      }
    }
    if (deferred_.empty()) return;
    std::vector<std::uint64_t> ids;
    std::unordered_map<std::uint64_t, JobRecord*> by_id;
    for (JobRecord& record : deferred_) {
      ids.push_back(record.db_inx);
      by_id[record.db_inx] = &record;
    }
    std::sort(ids.begin(), ids.end());
    for (const Suspension& suspension : source_.ReadSuspensions(ids))
      by_id[suspension.db_inx]->suspensions.push_back(suspension);
    for (const JobRecord& record : deferred_) sink_(record);
  }

  void Take(const Result& row) {
    JobRecord& job = record_;
    job.db_inx = row[0].AsU64();
    job.key = {row[1].AsU32(), row[2].AsU64()};
    job.id_assoc = row[3].AsU32Or(0);
    job.id_qos = row[4].AsU32Or(0);
    job.id_wckey = row[5].AsU32Or(0);
    job.id_user = row[6].AsU32Or(0);
    job.state = row[7].AsU64();
    job.time_eligible = row[8].AsU64Or(0);
    job.time_start = row[9].AsU64Or(0);
    job.time_end = row[10].AsU64Or(0);
    job.time_suspended = row[11].AsU64Or(0);
    Assign(job.account, row[12]);
    Assign(job.partition, row[13]);
    job.tres_alloc.assign(row[14].raw());
    if (!query_.described) return;
    JobRecord::Description& about = job.about;
    std::size_t at = 15;
    Assign(about.name, row[at++]);
    about.id_group = row[at++].AsU32Or(0);
    about.exit_code = row[at++].AsU64Or(0);
    about.derived_exit_code = row[at++].AsU64Or(0);
    about.nodes_alloc = row[at++].AsU64Or(0);
    about.cpus_req = row[at++].AsU64Or(0);
    about.mem_req = row[at++].AsU64Or(0);
    about.timelimit = row[at++].AsU64Or(kNoVal);
    about.priority = row[at++].AsU64Or(0);
    about.flags = row[at++].AsU64Or(0);
    about.reason = row[at++].AsU64Or(0);
    const Field killed_by = row[at++];  // -1 stands for nobody up to 21.08, NULL later
    about.killed_by.reset();
    if (!killed_by.is_null() && killed_by.AsI64() >= 0)
      about.killed_by = static_cast<std::uint32_t>(killed_by.AsI64());
    Assign(about.nodelist, row[at++]);
    about.tres_req.assign(row[at++].raw());
    Assign(about.wckey, row[at++]);
    about.id_array_job = row[at++].AsU32Or(0);
    about.id_array_task = row[at++].AsU32Or(static_cast<std::uint32_t>(kNoVal));
    about.array_tasks.assign(row[at++].raw());
    about.array_max_tasks = row[at++].AsU32Or(0);
    about.het_job_id = row[at++].AsU32Or(0);
    about.het_job_offset = row[at++].AsU32Or(static_cast<std::uint32_t>(kNoVal));
  }

  Connection& db_;
  const JobQuery& query_;
  const std::function<void(const JobRecord&)>& sink_;
  const HistoryProgress& progress_;
  JobReader source_;
  std::string jobs_;
  std::string columns_;
  std::string index_;
  std::vector<std::string> whose_;
  std::string eligible_;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::uint64_t rows_ = 0;
  JobRecord record_;
  std::vector<JobRecord> deferred_;
  std::set<std::tuple<std::uint32_t, std::uint64_t>> open_;
};

// ---- ClusterHistory

ClusterHistory::ClusterHistory(Connection& db, const Schema& schema, const TresCatalog& tres,
                               const std::map<std::uint32_t, std::string>& qos, std::string name)
    : db_(db),
      schema_(schema),
      tres_(tres),
      qos_(qos),
      name_(std::move(name)),
      associations_(ReadAssociations(db, schema, name_)) {
  if (schema.Has(name_ + "_wckey_table", "wckey_name")) wckeys_ = ReadWckeys(db, name_);
}

UsageReader ClusterHistory::MakeUsageReader() const {
  UsageReader::Ids ids = UsageReader::IdsOf(associations_, wckeys_, qos_, tres_);
  // Jobs without an association, or without a QOS.
  ids.associations.push_back(0);
  ids.qos.push_back(0);
  return {db_, schema_, name_, std::move(ids)};
}

bool ClusterHistory::HasUsage(UsageKind kind) const { return MakeUsageReader().Has(kind); }

ClusterHistory::RolledUp ClusterHistory::ReadRolledUp(const Calendar& calendar, std::int64_t as_of) {
  const UsageMarks marks = MakeUsageReader().ReadMarks({});
  RolledUp rolled_up;
  rolled_up.until = RolledUpUntil(marks, calendar, as_of);
  rolled_up.settled = rolled_up.until[0];
  if (marks.last_ran)
    rolled_up.settled = std::min(rolled_up.settled, HourStart(calendar, (*marks.last_ran)[0]));
  return rolled_up;
}

void ClusterHistory::ReadUsage(UsageKind kind, UsageLevel coarsest, std::int64_t from, std::int64_t to,
                               const ByLevel<std::int64_t>& until, const Calendar& calendar,
                               const UsageSource::Sink& sink) {
  UsageReader reader = MakeUsageReader();
  for (const UsageSpan& span : UsageSpansOf(calendar, until, coarsest, from, to))
    reader.ReadWithin(kind, span.level, span.from, span.to, sink);
}

std::vector<std::int64_t> ClusterHistory::ReadHours(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> hours = AuditReader(db_, schema_, name_, tres_.ids()).ReadHours(from);
  hours.erase(std::lower_bound(hours.begin(), hours.end(), to), hours.end());
  return hours;
}

std::int64_t ClusterHistory::JobsKeptFrom(const Calendar& calendar, std::int64_t from, std::int64_t as_of) {
  JobReader jobs(db_, schema_, name_);
  UsageReader usage = MakeUsageReader();
  return slurmdb::JobsKeptFrom(jobs, usage, calendar, from, as_of);
}

std::optional<std::int64_t> ClusterHistory::ReadOldestEnd() {
  return JobReader(db_, schema_, name_).OldestEnd();
}

void ClusterHistory::ReadJobs(const JobQuery& query, const std::function<void(const JobRecord&)>& sink,
                              const HistoryProgress& progress) {
  JobScan(db_, schema_, name_, query, sink, progress).Run();
}

std::vector<std::uint32_t> ClusterHistory::ReadUserIds(std::string_view user) {
  std::set<std::uint32_t> ids;
  const std::string wanted = LowerCase(user);
  for (const auto& [id, row] : associations_.rows()) {
    if (LowerCase(row.user) != wanted) continue;
    // association (id_assoc): its last row.
    Result rows =
        db_.Query("report-user", fmt::format("SELECT id_user FROM {} FORCE INDEX (association) WHERE "
                                             "id_assoc = {} ORDER BY job_db_inx DESC LIMIT 1",
                                             ClusterTable(name_, "job_table"), id));
    while (rows.Next()) ids.insert(rows[0].AsU32Or(0));
  }
  return {ids.begin(), ids.end()};
}

// ---- History

History::History(AccountingOptions options) : options_(std::move(options)), db_(options_.connection) {
  db_.Connect();
  now_ = ReadServerTime(db_);
  clusters_ = ReadClusters(db_);
  std::erase_if(clusters_, [&](const std::string& name) { return !options_.accepts_cluster(name); });
  std::vector<std::string> tables = {"txn_table", "acct_table"};
  for (const std::string& name : clusters_) {
    for (const auto& part : {JobReader::Tables(name), UsageReader::Tables(name), AuditReader::Tables(name)})
      tables.insert(tables.end(), part.begin(), part.end());
    for (const char* table : {"assoc_table", "wckey_table"})
      tables.push_back(fmt::format("{}_{}", name, table));
  }
  schema_ = Schema::Probe(db_, tables);
  tres_ = ReadTres(db_);
  qos_ = ReadQosNames(db_);
  if (HasOrganizations()) accounts_ = ReadAccounts(db_);
}

ClusterHistory& History::Cluster(const std::string& name) {
  std::unique_ptr<ClusterHistory>& cluster = opened_[name];
  if (cluster == nullptr) cluster = std::make_unique<ClusterHistory>(db_, schema_, tres_, qos_, name);
  return *cluster;
}

bool History::HasOrganizations() const { return schema_.Has("acct_table", "organization"); }

bool History::HasTransactions() const {
  return schema_.HasAll("txn_table", {"id", "timestamp", "action", "actor", "cluster", "name", "info"});
}

void History::ReadTransactions(std::int64_t from, std::int64_t to,
                               const std::function<void(const TransactionRecord&)>& sink) {
  constexpr std::uint32_t kPage = 5000;
  std::uint64_t last = 0;
  for (;;) {
    std::uint32_t read = 0;
    // PRIMARY (id): a page. Ids are given out in the order of time, but not strictly: all are looked at.
    Result rows = db_.Query("report-transactions",
                            fmt::format("SELECT id, `timestamp`, action, actor, cluster, name, info FROM "
                                        "txn_table FORCE INDEX (PRIMARY) WHERE id > {} ORDER BY id LIMIT {}",
                                        last, kPage));
    while (rows.Next()) {
      ++read;
      last = rows[0].AsU64();
      const auto time = static_cast<std::int64_t>(rows[1].AsU64Or(0));
      if (time < from || time >= to) continue;
      sink({last, time, rows[2].AsU32Or(0), rows[3].Text(), rows[4].Text(), rows[5].Text(), rows[6].Text()});
    }
    if (read < kPage) return;
  }
}

}  // namespace slurmdb
