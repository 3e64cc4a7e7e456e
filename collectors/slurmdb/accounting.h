// The accounting database as the collectors see it: one connection, and for each cluster the books kept from
// it.
//
//   Accounting accounting(options);
//   accounting.StartPoll();                 // connects when needed, finds the clusters
//   accounting.Require(Book::kJobs);        // brings that book up to date, once a poll
//   Use(accounting.View(staleness));
//
// Not thread-safe, except Interrupt().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/audit_book.h"
#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/cluster_status.h"
#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/event_book.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/limits.h"
#include "collectors/slurmdb/quota_book.h"
#include "collectors/slurmdb/reservation_book.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/storage_reader.h"
#include "collectors/slurmdb/transaction_book.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_book.h"
#include "collectors/slurmdb/usage_summary.h"

namespace slurmdb {

class EventReader;
class JobReader;
class UsageReader;

// What can be kept up to date; a collector names the book it is made from. kCoordinators: just the account
// trees, and it fails where coordinators cannot be read.
enum class Book { kJobs, kUsage, kQuota, kCluster, kNodes, kReservations, kStorage, kAudit, kCoordinators };
inline constexpr std::size_t kBooks = 9;

// Where counters start: at the beginning of a period of slurmdbd's calendar, or at an instant (epoch
// seconds).
using Epoch = std::variant<Period, std::int64_t>;

struct AccountingOptions {
  ConnectionOptions connection;
  std::function<bool(std::string_view)> accepts_cluster = [](std::string_view) { return true; };
  Calendar calendar{""};
  Epoch epoch = Period::kMonth;
  std::int64_t settle = 60;  // seconds by which totals stay behind, because end records arrive late
  // Everything as it was at this instant, as far as the database can tell; settle does not apply then.
  std::optional<std::int64_t> as_of;
  LedgerOptions ledger;  // its epoch is set from the one above
  // By cluster.
  std::function<QuotaPolicy(const std::string&)> quota_policy = [](const std::string&) {
    return QuotaPolicy{};
  };
};

// One cluster's books and names. Valid until the next StartPoll.
struct ClusterView {
  std::string_view name;
  const AssociationTree* associations = nullptr;
  const JobLedger* jobs = nullptr;                            // with Book::kJobs
  const UsageSummary* usage = nullptr;                        // with Book::kUsage
  const std::map<std::uint32_t, WckeyRow>* wckeys = nullptr;  // by id
  const AssociationLimitMap* limits = nullptr;                // with Book::kQuota; effective ones
  const TresCounts* tres = nullptr;                           // with Book::kQuota; what the cluster has
  const QuotaBook* quota = nullptr;                           // with Book::kQuota
  const ClusterStatus* status = nullptr;                      // with Book::kCluster
  const EventBook* events = nullptr;                          // with Book::kNodes
  const ReservationBook* reservations = nullptr;              // with Book::kReservations
  const Storage* storage = nullptr;                           // with Book::kStorage
  const AuditBook* audit = nullptr;                           // with Book::kAudit
};

struct AccountingView {
  std::vector<ClusterView> clusters;  // by name
  const TresCatalog* tres = nullptr;
  const std::map<std::uint32_t, std::string>* qos = nullptr;  // names by id
  const std::vector<AccountRow>* accounts = nullptr;
  const std::vector<CoordinatorRow>* coordinators = nullptr;
  const QosMap* qos_rows = nullptr;  // with Book::kQuota
  // With Book::kAudit; null when they cannot be read.
  const TransactionBook* transactions = nullptr;
  const std::vector<AdministratorRow>* administrators = nullptr;
  std::optional<std::int64_t> oldest_transaction;  // when it began
  std::int64_t clock_skew = 0;  // seconds by which the database's clock is ahead of this machine's
};

// A cluster that could not be read while others could.
struct ClusterFailure {
  std::string cluster;
  Reason reason;
  std::string message;
};

// What the poller needs of an accounting database.
class AccountingSource {
 public:
  virtual ~AccountingSource() = default;

  // Begins a poll. Throws DatabaseError when the database cannot be reached or its global tables not be read.
  virtual void StartPoll() = 0;
  // Brings a book of every cluster up to date unless this poll has done so. A cluster that fails is left out
  // and returned; its book stays as it was. Throws DatabaseError when the connection breaks, and again when
  // asked again within the poll.
  virtual const std::vector<ClusterFailure>& Require(Book book) = 0;
  // The clusters whose `book` is not older than `staleness` seconds.
  virtual AccountingView View(Book book, std::int64_t staleness) const = 0;

  // True when the connection stood at the end of the last call.
  virtual bool up() const = 0;
  // Rows fetched since construction.
  virtual std::uint64_t rows_read() const = 0;
  // "host:port" or the socket's path, and the server's version, once it has been connected.
  virtual std::string peer() const = 0;
  virtual std::string server_version() const = 0;
  // Columns that some reader does without, as "table.column".
  virtual std::vector<std::string> missing_columns() const = 0;

  // Thread-safe: makes whatever is under way fail soon, for shutting down.
  virtual void Interrupt() noexcept = 0;
};

class Accounting : public AccountingSource {
 public:
  explicit Accounting(AccountingOptions options);

  void StartPoll() override;
  const std::vector<ClusterFailure>& Require(Book book) override;
  AccountingView View(Book book, std::int64_t staleness) const override;
  bool up() const override { return up_; }
  std::uint64_t rows_read() const override { return db_.rows_read(); }
  std::string peer() const override { return db_.peer(); }
  std::string server_version() const override { return db_.server_version(); }
  std::vector<std::string> missing_columns() const override;
  void Interrupt() noexcept override { db_.Interrupt(); }

 private:
  // When tables that only sacctmgr changes were read.
  struct Reading {
    std::int64_t at = 0;
    std::uint64_t newest_transaction = 0;
  };
  struct Cluster {
    std::unique_ptr<JobLedger> jobs;
    std::unique_ptr<UsageBook> rollups;
    std::unique_ptr<JobLedger> since_rollup;
    std::unique_ptr<UsageSummary> usage;
    AssociationTree associations;
    std::set<std::uint32_t> no_associations;  // ids in use that the table does not have
    Reading associations_read;
    std::uint64_t tree_mark = 0;  // when they were read
    std::uint64_t tree_poll = 0;  // the poll in which it was looked at
    std::map<std::uint32_t, WckeyRow> wckeys;
    AssociationLimitMap limits;  // effective
    TresCounts tres;
    Reading limits_read;
    std::unique_ptr<JobLedger> enforced;
    EarlierUsage before_enforced;
    std::int64_t enforced_for = 0;  // the epoch it was to have
    std::unique_ptr<QuotaBook> quota;
    std::unique_ptr<EventBook> events;
    std::uint64_t events_poll = 0;  // the poll in which they were read
    std::unique_ptr<UsageBook> capacity;
    std::unique_ptr<ClusterStatus> status;
    std::unique_ptr<ReservationBook> reservations;
    std::unique_ptr<Storage> storage;
    std::unique_ptr<AuditBook> audit;
    std::array<std::vector<std::string>, kBooks> missing_columns;
  };
  struct BookPoll {
    bool done = false;
    std::vector<ClusterFailure> failures;
    std::optional<DatabaseError> error;
  };

  void Open();
  std::int64_t ReadClock();
  // Closes a connection that has broken.
  void Break(BookPoll& poll, const DatabaseError& error);
  void SetMoment(std::int64_t now);
  void FindClusters();
  void ReadShared();
  void UpdateJobs(const std::string& name, Cluster& cluster);
  void UpdateUsage(const std::string& name, Cluster& cluster);
  void UpdateQuota(const std::string& name, Cluster& cluster);
  // The tree as it is now: where an account hangs may change without a transaction.
  void UpdateTree(const std::string& name, Cluster& cluster);
  void UpdateLimits(const std::string& name, Cluster& cluster);
  UsageReader ReaderOfUsage(const std::string& name, const Cluster& cluster);
  // The ledger of what quotas are held against.
  void UpdateEnforced(const std::string& name, Cluster& cluster, const QuotaPolicy& policy,
                      const Moment& moment);
  // From where job rows are to be counted, and what was used before that.
  std::pair<std::int64_t, EarlierUsage> BeforeEnforced(const std::string& name, Cluster& cluster,
                                                       const QuotaPolicy& policy,
                                                       const EnforcedWeights& weights, const Moment& moment);
  void UpdateStatus(const std::string& name, Cluster& cluster);
  void UpdateNodes(const std::string& name, Cluster& cluster);
  void UpdateReservations(const std::string& name, Cluster& cluster);
  void UpdateStorage(const std::string& name, Cluster& cluster);
  // Two books are made from events; they are read once a poll.
  void UpdateEvents(EventReader& reader, Cluster& cluster);
  void UpdateAudit(const std::string& name, Cluster& cluster);
  void UpdateTransactions();
  // Reads them when they may have changed, or when one of `used` is not known.
  void UpdateAssociations(const std::string& name, Cluster& cluster, const std::vector<std::uint32_t>& used);
  bool IsDue(const Reading& last) const;
  // How a cluster timed out in this poll. All books read its job table: what is locked is not waited for
  // twice, while other clusters wait. None: nullptr.
  const ClusterFailure* TimedOut(const std::string& cluster) const;
  // A new ledger that has counted, when the kept one cannot go on; else null.
  std::unique_ptr<JobLedger> FreshLedger(const JobLedger* kept, const LedgerOptions& options,
                                         JobReader& reader) const;
  std::int64_t EpochAt(std::int64_t as_of) const;

  AccountingOptions options_;
  Connection db_;
  bool up_ = false;
  bool probe_schema_ = true;
  Schema schema_;
  Moment moment_;
  std::chrono::steady_clock::time_point moment_taken_{};
  std::uint64_t poll_ = 0;  // how many there were
  std::map<std::string, Cluster> clusters_;
  TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_;
  std::vector<AccountRow> accounts_;
  std::vector<CoordinatorRow> coordinators_;
  QosMap qos_rows_;
  Reading qos_rows_read_;
  std::uint64_t newest_transaction_ = 0;
  Reading shared_read_;
  std::unique_ptr<TransactionBook> transactions_;
  std::optional<std::vector<AdministratorRow>> administrators_;
  Reading administrators_read_;
  std::optional<std::int64_t> oldest_transaction_;
  std::int64_t clock_skew_ = 0;
  std::array<BookPoll, kBooks> polls_;
};

}  // namespace slurmdb
