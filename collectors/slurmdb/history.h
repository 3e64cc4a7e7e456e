// The past of one accounting database, for reports: any period, by statements that stay short and use an
// index; nothing is kept but what was open when reading began.
//
//   History history(options);                                  // connects
//   for (const std::string& name : history.clusters()) {
//     ClusterHistory& cluster = history.Cluster(name);
//     cluster.ReadJobs({.from = from, .to = to}, sink);
//   }
//
// Times are epoch seconds. All throw DatabaseError. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/slurmdb/accounting.h"
#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

// A row of job_table. Text is as it is stored, made UTF-8.
struct JobRecord {
  std::uint64_t db_inx = 0;
  std::uint32_t id_assoc = 0;
  std::uint32_t id_qos = 0;
  std::uint32_t id_wckey = 0;
  std::uint32_t id_user = 0;
  std::uint64_t state = 0;
  std::uint64_t time_eligible = 0;
  std::uint64_t time_start = 0;
  std::uint64_t time_end = 0;
  std::uint64_t time_suspended = 0;
  JobKey key;
  std::string account;
  std::string partition;
  std::string tres_alloc;
  // When they were asked for, and only of rows that have been suspended.
  std::vector<Suspension> suspensions;

  // With JobQuery::described only.
  struct Description {
    std::string name;
    std::uint32_t id_group = 0;
    std::uint64_t exit_code = 0;
    std::uint64_t derived_exit_code = 0;
    std::uint64_t nodes_alloc = 0;
    std::uint64_t cpus_req = 0;
    std::uint64_t mem_req = 0;
    std::uint64_t timelimit = 0;
    std::uint64_t priority = 0;
    std::uint64_t flags = 0;
    std::uint64_t reason = 0;
    std::optional<std::uint32_t> killed_by;  // uid
    std::string nodelist;
    std::string tres_req;
    std::string wckey;
    std::uint32_t id_array_job = 0;
    std::uint32_t id_array_task = 0;
    std::string array_tasks;  // hexadecimal mask of the tasks that have not started
    std::uint32_t array_max_tasks = 0;
    std::uint32_t het_job_id = 0;
    std::uint32_t het_job_offset = 0;
  };
  Description about;

  // The part of it that the books know; views into this record.
  JobRow AsRow() const;
  LiveJob AsLive() const;
};

// Which rows: those that had not ended before `from` and were eligible before `to`, as sacct selects.
struct JobQuery {
  std::int64_t from = 0;
  std::int64_t to = 0;
  // Also rows that were never eligible by a real time, which sacct leaves out of a period.
  bool never_eligible = true;
  bool described = false;
  bool suspensions = true;
  // Only jobs of one of these user ids; all when it is none.
  std::optional<std::vector<std::uint32_t>> users;
};

// How far a reading has come: a share of the period, and rows so far.
using HistoryProgress = std::function<void(double share, std::uint64_t rows)>;

// One cluster of it.
class ClusterHistory {
 public:
  // All are kept by reference.
  ClusterHistory(Connection& db, const Schema& schema, const TresCatalog& tres,
                 const std::map<std::uint32_t, std::string>& qos, std::string name);

  const std::string& name() const { return name_; }
  const AssociationTree& associations() const { return associations_; }
  const std::map<std::uint32_t, WckeyRow>& wckeys() const { return wckeys_; }

  bool HasUsage(UsageKind kind) const;
  // Where roll-ups end at `as_of`, by level, and from where on they may be made once more.
  struct RolledUp {
    ByLevel<std::int64_t> until{};
    std::int64_t settled = 0;
  };
  RolledUp ReadRolledUp(const Calendar& calendar, std::int64_t as_of);
  // Usage within [from, to), whole local hours: months, days and hours, the coarsest that are rolled up and
  // not longer than `coarsest`.
  void ReadUsage(UsageKind kind, UsageLevel coarsest, std::int64_t from, std::int64_t to,
                 const ByLevel<std::int64_t>& until, const Calendar& calendar, const UsageSource::Sink& sink);
  // Hours within [from, to) that the cluster has usage of; ascending.
  std::vector<std::int64_t> ReadHours(std::int64_t from, std::int64_t to);

  // When the oldest job that is there ended; none while none has.
  std::optional<std::int64_t> ReadOldestEnd();
  // As JobsKeptFrom of upkeep.h.
  std::int64_t JobsKeptFrom(const Calendar& calendar, std::int64_t from, std::int64_t as_of);

  // Open rows first, then the others about in the order of their ends; each once. The record is valid while
  // it is being handed over.
  void ReadJobs(const JobQuery& query, const std::function<void(const JobRecord&)>& sink,
                const HistoryProgress& progress = {});
  // The user ids of jobs of a user's associations.
  std::vector<std::uint32_t> ReadUserIds(std::string_view user);

 private:
  class JobScan;

  UsageReader MakeUsageReader() const;

  Connection& db_;
  const Schema& schema_;
  const TresCatalog& tres_;
  const std::map<std::uint32_t, std::string>& qos_;
  std::string name_;
  AssociationTree associations_;
  std::map<std::uint32_t, WckeyRow> wckeys_;
};

// A row of txn_table, whole.
struct TransactionRecord {
  std::uint64_t id = 0;
  std::int64_t timestamp = 0;
  std::uint32_t action = 0;
  std::string actor;
  std::string cluster;
  std::string name;  // what it was about: a condition
  std::string info;  // what was set
};

class History {
 public:
  // Of the options the connection, the calendar and which clusters are accepted count.
  explicit History(AccountingOptions options);

  const Calendar& calendar() const { return options_.calendar; }
  // The database's clock when it was opened.
  std::int64_t now() const { return now_; }
  const std::vector<std::string>& clusters() const { return clusters_; }
  ClusterHistory& Cluster(const std::string& name);
  const TresCatalog& tres() const { return tres_; }
  const std::map<std::uint32_t, std::string>& qos() const { return qos_; }
  const std::vector<AccountRow>& accounts() const { return accounts_; }
  // Organizations are known: acct_table is there, and granted.
  bool HasOrganizations() const;
  bool HasTransactions() const;
  // Within [from, to), in the order of their ids.
  void ReadTransactions(std::int64_t from, std::int64_t to,
                        const std::function<void(const TransactionRecord&)>& sink);

  const std::string& server() const { return db_.peer(); }
  const std::string& server_version() const { return db_.server_version(); }
  const std::string& database() const { return options_.connection.database; }

 private:
  AccountingOptions options_;
  Connection db_;
  std::int64_t now_ = 0;
  Schema schema_;
  std::vector<std::string> clusters_;
  std::map<std::string, std::unique_ptr<ClusterHistory>> opened_;
  TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_;
  std::vector<AccountRow> accounts_;
};

// Parts of [from, to) that one level of the usage tables answers: hours up to the first midnight, days up to
// the first month, months, and days and hours at the end. What is not rolled up at a level is left to the
// finer one, and what is not rolled up at all is left out.
struct UsageSpan {
  UsageLevel level = UsageLevel::kHour;
  std::int64_t from = 0;
  std::int64_t to = 0;

  bool operator==(const UsageSpan&) const = default;
};
std::vector<UsageSpan> UsageSpansOf(const Calendar& calendar, const ByLevel<std::int64_t>& until,
                                    UsageLevel coarsest, std::int64_t from, std::int64_t to);

}  // namespace slurmdb
