// The books kept of one cluster between polls.
//
//   ClusterBooks books("alpha");
//   books.Update(Book::kJobs, poll);          // each poll; the old book stands if it throws
//   Use(books.View(Book::kJobs, now, staleness));
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/slurmdb/accounting_source.h"
#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"
#include "collectors/slurmdb/tariff.h"
#include "collectors/slurmdb/upkeep.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

class EventReader;
class JobReader;
class UsageReader;

struct AccountingOptions {
  ConnectionOptions connection;
  std::function<bool(std::string_view)> accepts_cluster = [](std::string_view) { return true; };
  Calendar calendar{""};
  Epoch epoch = Period::kMonth;
  std::int64_t settle = 60;  // seconds by which totals stay behind, because end records arrive late
  // Everything as it was at this instant, as far as the database can tell; settle does not apply then.
  std::optional<std::int64_t> as_of;
  LedgerOptions ledger;  // its epoch is set from the one above
  // Of memory efficiency; none: as the database's release has it.
  std::optional<MemoryFormula> memory_formula;
  // By cluster.
  std::function<QuotaPolicy(const std::string&)> quota_policy = [](const std::string&) {
    return QuotaPolicy{};
  };
  std::shared_ptr<const Tariff> tariff;  // needed for Book::kCost
};

// When tables that only sacctmgr changes were read.
struct Reading {
  std::int64_t at = 0;
  std::uint64_t newest_transaction = 0;

  bool operator==(const Reading&) const = default;
};

// What the clusters have in common in one poll.
struct Poll {
  Connection& db;
  const Schema& schema;
  const AccountingOptions& options;
  const TresCatalog& tres;
  const std::map<std::uint32_t, std::string>& qos;  // names by id
  const std::vector<AccountRow>& accounts;
  const QosMap& qos_rows;  // read by Book::kQuota only
  Moment moment;
  std::uint64_t number = 0;  // how many there were
  std::uint64_t newest_transaction = 0;
  Reading accounts_read;

  // Only sacctmgr changes some tables, and each change but that of an account's parent is a transaction. But
  // that table may not be granted, and ids do not become visible in their order (sacctmgr holds its
  // transaction open while it asks): so now and then, too.
  bool IsDue(const Reading& last) const;
  // Options of a book of counters; `kept` as in SetPeriod.
  template <typename Book>
  LedgerOptions CounterOptions(const Book* kept) const {
    LedgerOptions counters = options.ledger;
    SetPeriod(kept, CounterPeriodAt(options.epoch, options.calendar, moment.as_of), moment.as_of, counters);
    return counters;
  }
};

class ClusterBooks {
 public:
  explicit ClusterBooks(std::string name) : name_(std::move(name)) {}

  // The cluster's tables that Update reads, unquoted, for Schema::Probe.
  static std::vector<std::string> Tables(const std::string& cluster);

  // Throws DatabaseError.
  void Update(Book book, const Poll& poll);
  // None when the book is older than `staleness` seconds. `now`: the database's clock.
  std::optional<ClusterView> View(Book book, std::int64_t now, std::int64_t staleness) const;
  // Columns that some reader does without, as "table.column".
  std::vector<std::string> missing_columns() const;
  // The tables may be others now.
  void ForgetSizes() { storage_.reset(); }

 private:
  // The names that charges were made from.
  struct ChargedBy {
    Reading associations;
    Reading accounts;
    std::map<std::uint32_t, std::string> qos;
    std::size_t tres = 0;

    bool operator==(const ChargedBy&) const = default;
  };

  void UpdateJobs(const Poll& poll);
  void UpdateUsage(const Poll& poll);
  void UpdateQuota(const Poll& poll);
  void UpdateStatus(const Poll& poll);
  void UpdateNodes(const Poll& poll);
  void UpdateReservations(const Poll& poll);
  void UpdateStorage(const Poll& poll);
  void UpdateAudit(const Poll& poll);
  void UpdateCost(const Poll& poll);
  void UpdateEfficiency(const Poll& poll);
  void UpdateCoordinators(const Poll& poll);
  // When the book was last brought up to date; none when it never was.
  std::optional<std::int64_t> ReadAt(Book book) const;

  // The tree as it is now: where an account hangs may change without a transaction.
  void UpdateTree(const Poll& poll);
  // Reads them when they may have changed, or when one of `used` is not known.
  void UpdateAssociations(const Poll& poll, const std::vector<std::uint32_t>& used);
  void UpdateAssociations(const Poll& poll, const JobLedger& jobs);
  // `kept`: the ledger, or null when it cannot go on.
  void UpdateLedger(const Poll& poll, const LedgerOptions& options, JobSource& rows, const JobLedger* kept,
                    std::unique_ptr<JobLedger>& ledger);
  void UpdateLimits(const Poll& poll);
  UsageReader ReaderOfUsage(const Poll& poll) const;
  // The ledger of what quotas are held against.
  void UpdateEnforced(const Poll& poll, const QuotaPolicy& policy, const Moment& moment);
  // From where job rows are to be counted, and what was used before that.
  std::pair<std::int64_t, EarlierUsage> BeforeEnforced(const Poll& poll, const QuotaPolicy& policy,
                                                       const EnforcedWeights& weights,
                                                       const Moment& moment) const;
  // Two books are made from events; they are read once a poll.
  void UpdateEvents(const Poll& poll, EventReader& reader);
  std::vector<std::string>& MissingColumns(Book book) {
    return missing_columns_[static_cast<std::size_t>(book)];
  }

  std::string name_;
  std::unique_ptr<JobLedger> jobs_;
  std::unique_ptr<UsageBook> rollups_;
  std::unique_ptr<JobLedger> since_rollup_;
  std::unique_ptr<UsageSummary> usage_;
  AssociationTree associations_;
  std::set<std::uint32_t> no_associations_;  // ids in use that the table does not have
  Reading associations_read_;
  std::uint64_t tree_mark_ = 0;  // when they were read
  std::uint64_t tree_poll_ = 0;  // the poll in which it was looked at
  std::map<std::uint32_t, WckeyRow> wckeys_;
  AssociationLimitMap limits_;  // effective
  TresCounts tres_;
  Reading limits_read_;
  std::unique_ptr<JobLedger> enforced_;
  EarlierUsage before_enforced_;
  std::int64_t enforced_for_ = 0;  // the epoch it was to have
  std::unique_ptr<QuotaBook> quota_;
  std::unique_ptr<EventBook> events_;
  std::uint64_t events_poll_ = 0;  // the poll in which they were read
  std::unique_ptr<UsageBook> capacity_;
  std::unique_ptr<ClusterStatus> status_;
  std::unique_ptr<ReservationBook> reservations_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<AuditBook> audit_;
  std::unique_ptr<JobLedger> charged_;
  ChargedBy charged_by_;
  std::int64_t charged_from_ = 0;
  std::unique_ptr<JobLedger> efficiency_;
  std::array<std::vector<std::string>, kBooks> missing_columns_;
};

}  // namespace slurmdb
