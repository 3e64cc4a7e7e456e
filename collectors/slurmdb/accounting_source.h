// The accounting database as collectors and the poller see it: for each cluster the books kept from it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/audit_book.h"
#include "collectors/slurmdb/cluster_status.h"
#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/event_book.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/limits.h"
#include "collectors/slurmdb/quota_book.h"
#include "collectors/slurmdb/reservation_book.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/storage_reader.h"
#include "collectors/slurmdb/transaction_book.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_summary.h"

namespace slurmdb {

// What can be kept up to date; a collector names the book it is made from. kCoordinators: just the account
// trees, and it fails where coordinators cannot be read.
enum class Book {
  kJobs,
  kUsage,
  kQuota,
  kCluster,
  kNodes,
  kReservations,
  kStorage,
  kAudit,
  kCost,
  kEfficiency,
  kCoordinators
};
inline constexpr std::size_t kBooks = 11;

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
  const AuditBook* audit = nullptr;                           // with Book::kAudit; null of the past
  const JobLedger* charged = nullptr;                         // with Book::kCost
  std::int64_t charged_from = 0;          // with Book::kCost: job rows that ended before may have been purged
  const JobLedger* efficiency = nullptr;  // with Book::kEfficiency
};

struct AccountingView {
  std::vector<ClusterView> clusters;  // by name
  std::size_t clusters_missing = 0;   // those whose book is too old
  const TresCatalog* tres = nullptr;
  const std::map<std::uint32_t, std::string>* qos = nullptr;  // names by id
  const std::vector<AccountRow>* accounts = nullptr;
  const std::vector<CoordinatorRow>* coordinators = nullptr;
  const QosMap* qos_rows = nullptr;  // with Book::kQuota
  // With Book::kAudit; null when they cannot be read.
  const TransactionBook* transactions = nullptr;
  const std::vector<AdministratorRow>* administrators = nullptr;
  std::optional<std::int64_t> oldest_transaction;  // when it began
  // Seconds by which the database's clock is ahead of this machine's; none: not known, as of the past.
  std::optional<std::int64_t> clock_skew;
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

}  // namespace slurmdb
