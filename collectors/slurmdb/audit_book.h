// Whether the records of one cluster hold together: roll-ups without gaps, usage that jobs account for, open
// jobs that can really be open.
//
//   AuditBook book(calendar, options);
//   book.Update(source, input, moment);   // each poll, after the other books
//
// What it reads of its own it reads seldom: when slurmdbd has rolled up, and every wide_interval. Times are
// epoch seconds. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

// A row of resv_table, as far as it says who pays for what.
struct ReservationShare {
  std::uint32_t id = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::uint64_t flags = 0;
  std::size_t owners = 0;  // how many associations share what is left idle
  TresCounts tres;
};

// The start of the oldest record of a table.
struct OldestRecord {
  std::string_view table;  // without the cluster's name: "job"
  std::int64_t time = 0;
};

// Where it comes from: one cluster's tables. Implementations throw DatabaseError.
class AuditSource {
 public:
  virtual ~AuditSource() = default;
  // When the cluster's own hours of usage begin, from `from` on; ascending.
  virtual std::vector<std::int64_t> ReadHours(std::int64_t from) = 0;
  // The newest time_submit of each of these job ids.
  virtual std::map<std::uint32_t, std::uint64_t> ReadNewestSubmits(std::span<const std::uint32_t> ids) = 0;
  // Those that overlap [from, to); none when they cannot be read.
  virtual std::optional<std::vector<ReservationShare>> ReadReservations(std::int64_t from,
                                                                        std::int64_t to) = 0;
  // TRES-seconds that the cluster's own usage has as allocated within [from, to), whole days.
  virtual TresSums ReadAllocated(std::int64_t from, std::int64_t to) = 0;
  virtual std::vector<OldestRecord> ReadOldest() = 0;
};

// Why an open job row is likely to be that of a job that is long over. The first that applies counts.
enum class RunawayReason {
  kSuperseded,          // a newer row has its job id: slurmctld has given the id away. Certain
  kFinalState,          // its state says that it is over
  kOverTimeLimit,       // it would have been stopped long ago
  kAssociationDeleted,  // it could neither start nor go on
  kPendingForLong,      // eligible for months
};
inline constexpr std::array kAllRunawayReasons = {
    RunawayReason::kSuperseded, RunawayReason::kFinalState, RunawayReason::kOverTimeLimit,
    RunawayReason::kAssociationDeleted, RunawayReason::kPendingForLong};
// The label: "superseded", …
std::string_view RunawayReasonName(RunawayReason reason);

// The other books of the cluster, as of this poll; null when it could not bring them up to date.
struct AuditInput {
  const JobLedger* jobs = nullptr;  // of rule kRealTime
  const UsageBook* rollups = nullptr;
  const JobLedger* since_rollup = nullptr;  // of rule kRollUp
  const AssociationTree* associations = nullptr;
};

// TRES-seconds of the last complete day by which things differ that a reader takes for the same, modulo 2^64,
// as signed numbers.
struct Discrepancy {
  std::int64_t reservation = 0;  // usage of associations: what reservations left idle, in no job
  std::int64_t suspension = 0;   // usage of associations: jobs that stood still, which sacct leaves out
  // Usage of associations that the cluster's own does not have: it is cut off at the capacity.
  std::int64_t clipping = 0;
  std::int64_t unexplained = 0;  // usage of associations less that of jobs and reservations
};

class AuditBook {
 public:
  // Of the options the intervals count.
  AuditBook(Calendar calendar, LedgerOptions options);

  // Brings the book up to `moment`. Throws what the source throws; the book then stands as it was, or in part
  // as it is now.
  void Update(AuditSource& source, const AuditInput& input, const Moment& moment);

  const Moment& moment() const { return moment_; }
  // From here on slurmdbd will roll up anew what it has rolled up, because something about the past came in;
  // none when that is not so.
  std::optional<std::int64_t> pending_since() const { return pending_since_; }
  // Seconds of whole hours, since the oldest one of this year and the last and before what is rolled up, that
  // the cluster has no usage of; none before the first.
  std::optional<std::int64_t> gap() const { return gap_; }
  // By reason, every one of them; none when jobs could not be read.
  const std::optional<std::map<RunawayReason, std::uint64_t>>& runaways() const { return runaways_; }
  // Of the last complete day, by TRES; none while that day is not rolled up, or is about to be once more.
  const std::optional<std::map<std::uint32_t, Discrepancy>>& discrepancies() const { return discrepancies_; }
  const std::vector<OldestRecord>& oldest() const { return oldest_; }

 private:
  std::int64_t FloorHour(std::int64_t time) const;
  void FindGaps(AuditSource& source, const UsageBook& rollups, bool all);
  std::optional<RunawayReason> Suspect(const LiveJob& job, const AuditInput& input,
                                       const Moment& moment) const;
  void Compare(AuditSource& source, const AuditInput& input, const Moment& moment);

  Calendar calendar_;
  LedgerOptions options_;
  Moment moment_;
  std::int64_t widened_at_ = 0;
  std::int64_t counted_at_ = 0;
  std::optional<std::int64_t> pending_since_;
  std::set<std::int64_t> hours_;  // that there is usage of
  std::optional<std::uint64_t> hours_revision_;
  std::optional<std::int64_t> gap_;
  std::map<std::uint32_t, std::uint64_t> newest_submits_;  // by job id, of open jobs
  std::optional<std::map<RunawayReason, std::uint64_t>> runaways_;
  std::optional<std::map<std::uint32_t, Discrepancy>> discrepancies_;
  std::optional<std::pair<std::int64_t, std::uint64_t>> compared_;  // the day, and the roll-ups' revision
  std::vector<OldestRecord> oldest_;
};

}  // namespace slurmdb
