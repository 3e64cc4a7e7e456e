// The accounting database as it was at one moment after the other: the books that Accounting keeps, of the
// past.
//
//   Replay replay(options, {Book::kJobs, Book::kUsage});
//   const std::int64_t now = replay.Open();
//   replay.SetRange(from, to);
//   for (time = from; time <= to; time += step) { replay.MoveTo(time); Use(replay.View()); }
//
// What it shows at a time is what Accounting shows with as_of; but each job row is fetched once, whatever the
// number of moments. Rows are found by their end, and one that is over late was there early: so those that
// were there for long are read ahead, and the longer they were there, the more days are read together. In
// memory are a few times as many as were there at once, and those of two days, or of as many as roll-ups have
// stood still for.
//
// Names and associations are those of now, as with as_of. What is known of the present alone is left out: of
// the audit all but transactions and job rows. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectors/slurmdb/accounting.h"
#include "collectors/slurmdb/cluster_usage_reader.h"
#include "collectors/slurmdb/event_reader.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/job_step_reader.h"
#include "collectors/slurmdb/replayed_costs.h"
#include "collectors/slurmdb/replayed_events.h"
#include "collectors/slurmdb/replayed_jobs.h"
#include "collectors/slurmdb/replayed_transactions.h"
#include "collectors/slurmdb/replayed_usage.h"
#include "collectors/slurmdb/usage_reader.h"

namespace slurmdb {

class Replay {
 public:
  // The books that can be kept of the past.
  static const std::set<Book>& Books();

  // `options.as_of` and settle do not count. `books` is a part of Books(); kCluster brings kUsage along, and
  // kAudit kJobs.
  Replay(AccountingOptions options, std::set<Book> books);

  // Connects and reads names. Returns the database's clock. Throws DatabaseError, as do the next two.
  std::int64_t Open();
  // Every moment will lie within [from, to]; `to` is not after what Open returned. Throws std::runtime_error
  // when the counters' epoch is after `from`.
  void SetRange(std::int64_t from, std::int64_t to);
  // Forward only.
  void MoveTo(std::int64_t time);
  // With everything of the books asked for. Valid until the next MoveTo.
  AccountingView View() const;

  // What counters at that time are of.
  CounterPeriod PeriodOf(std::int64_t time) const {
    return CounterPeriodAt(options_.epoch, options_.calendar, time);
  }
  const Calendar& calendar() const { return options_.calendar; }
  std::uint64_t rows_read() const { return db_.rows_read(); }
  // Job rows in memory.
  std::size_t rows_kept() const;
  // Columns that are done without, as "table.column".
  std::vector<std::string> missing_columns() const;

 private:
  struct Cluster {
    AssociationTree associations;
    std::map<std::uint32_t, WckeyRow> wckeys;
    std::unique_ptr<JobReader> job_reader;
    ReplayedJobs rows;
    std::unique_ptr<JobLedger> jobs;

    std::unique_ptr<JobStepReader> step_reader;
    LedgerOptions efficiency_options;
    std::unique_ptr<JobLedger> efficiency;

    std::unique_ptr<UsageReader> usage_reader;
    std::unique_ptr<ReplayedUsage> usage_rows;
    std::unique_ptr<UsageBook> rollups;
    std::unique_ptr<JobLedger> since_rollup;
    std::unique_ptr<UsageSummary> usage;

    std::unique_ptr<ClusterUsageReader> capacity_reader;
    std::unique_ptr<ReplayedUsage> capacity_rows;
    std::unique_ptr<UsageBook> capacity;
    std::unique_ptr<ClusterStatus> status;

    std::unique_ptr<EventReader> event_reader;
    std::unique_ptr<ReplayedEvents> events;  // null where they cannot be read

    std::unique_ptr<ReplayedCosts> costs;
  };

  // Rows that were submitted before the day on which they ended, by more than `nearest` and at most
  // `farthest` seconds before it began. Those that were submitted within so many days are read together;
  // those of no span, at the beginning: they are few.
  struct Span {
    int days;
    std::int64_t nearest;
    std::int64_t farthest;
  };
  static const std::array<Span, 2> kSpans;

  bool Wants(Book book) const { return books_.contains(book); }
  void ReadNames();
  void PrepareUsage(const std::string& name, Cluster& cluster);
  void PrepareCapacity(const std::string& name, Cluster& cluster);
  void PrepareEvents(const std::string& name, Cluster& cluster);
  void PrepareEfficiency(const std::string& name, Cluster& cluster);
  void PrepareCosts(const std::string& name, Cluster& cluster, std::int64_t from);
  void PrepareTransactions();
  // Rows that are open, and those of no span.
  void LoadLongest(Cluster& cluster);
  // Rows of a span that were submitted on this day or on those that are read together with it.
  void LoadSpan(Cluster& cluster, const Span& span, std::int64_t day);
  // The day after the last on which a row can have ended.
  std::int64_t LastEnd() const;
  // Those that came and went on this day.
  void LoadDay(Cluster& cluster, std::int64_t day);
  // Rows with from <= time_end < to that were submitted within [submitted_from, submitted_to).
  void Load(Cluster& cluster, std::int64_t from, std::int64_t to, std::int64_t submitted_from,
            std::int64_t submitted_to);
  // Brings a ledger of the counters' epoch up to `moment`.
  void UpdateLedger(Cluster& cluster, LedgerOptions options, const Moment& moment,
                    std::unique_ptr<JobLedger>& ledger) const;
  void UpdateLedgers(Cluster& cluster, const Moment& moment) const;
  void UpdateRollups(Cluster& cluster, const Moment& moment);
  void UpdateUsage(Cluster& cluster, const Moment& moment) const;
  void UpdateStatus(Cluster& cluster, const Moment& moment);
  std::int64_t FirstRowNeeded(const Cluster& cluster, std::int64_t time) const;

  AccountingOptions options_;
  std::set<Book> books_;
  std::int64_t overlap_ = 0;  // as asked for; only what waits for steps needs it
  Connection db_;
  Schema schema_;
  std::int64_t now_ = 0;
  std::int64_t to_ = 0;
  std::int64_t start_ = 0;        // rows that ended before are of no use
  std::int64_t first_epoch_ = 0;  // nothing is counted before
  std::int64_t next_day_ = 0;     // the first that has not been loaded
  int days_ = 0;                  // that have been loaded
  std::int64_t midnight_ = 0;     // the last that has passed
  std::map<std::string, Cluster> clusters_;
  TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_;
  std::vector<AccountRow> accounts_;
  std::vector<CoordinatorRow> coordinators_;
  std::unique_ptr<ReplayedTransactions> transactions_;  // null where they cannot be read
};

}  // namespace slurmdb
