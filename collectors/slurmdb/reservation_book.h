// The reservations of one cluster that are current or coming, and what jobs have used of them, from
// resv_table and job_table.
//
//   ReservationBook book(options);
//   book.Update(source, moment);   // each poll, in one snapshot
//   book.reservations();
//
// A change of a running reservation ends its row and begins another with the same id: these are one. Each
// occurrence of a recurring one has an id of its own and the same name: the current one stands for the name,
// else the next.
//
// All jobs of a reservation are read once, when it is first seen running; then a poll reads those that are
// open or have ended a little while ago. One that was open and is neither makes its reservation's be read
// again. Every recount_interval all are.
//
// Times are epoch seconds. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

// A row of resv_table.
struct ReservationRow {
  std::uint32_t id = 0;
  bool deleted = false;  // removed before its end, which is when that was
  std::uint64_t flags = 0;
  std::string name;
  std::string nodes;
  std::int64_t start = 0;
  std::int64_t end = 0;
  TresCounts tres;
  double unused_seconds = 0;  // of wall time, until the last roll-up
};

// A row of job_table that ran in a reservation; text is valid only while it is being handed over.
struct ReservedJobRow {
  JobKey key;
  std::uint32_t reservation = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;  // 0 while it runs
  std::string_view tres_alloc;
};

// Where the rows come from: one cluster's tables. Implementations throw DatabaseError.
class ReservationSource {
 public:
  using Sink = std::function<void(ReservationRow)>;
  using JobSink = std::function<void(const ReservedJobRow&)>;

  virtual ~ReservationSource() = default;
  // True when IdsEndingAfter is cheap enough for each poll.
  virtual bool FindsByEnd() const = 0;
  virtual std::vector<std::uint32_t> IdsEndingAfter(std::int64_t time) = 0;
  virtual std::vector<std::uint32_t> IdsAbove(std::uint32_t id) = 0;
  virtual void Read(std::span<const std::uint32_t> ids, const Sink& sink) = 0;
  // False when the jobs of reservations are not readable.
  virtual bool HasJobs() const = 0;
  // Started jobs of these reservations that are open or ended at or after `from`.
  virtual void ReadJobs(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) = 0;
  // The same, found by their end: for a `from` not long ago.
  virtual void ReadJobsSince(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) = 0;
};

struct Reservation {
  std::string name;
  std::uint32_t id = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::uint64_t flags = 0;
  std::string nodes;
  TresCounts tres;
  double unused_seconds = 0;
  // Slurm's units × seconds that its jobs held within it, until as_of. None before it has begun.
  std::optional<TresSums> used;
};

// The reservations that rows tell of, by name: current at `now`, else the next.
std::vector<Reservation> FindReservations(std::vector<ReservationRow> rows, std::int64_t now);

class ReservationBook {
 public:
  // Of the options only the intervals count.
  explicit ReservationBook(LedgerOptions options);

  // Brings the book up to `moment`. When it throws, the old book stands.
  void Update(ReservationSource& source, const Moment& moment);

  const Moment& moment() const { return moment_; }
  // By name.
  const std::vector<Reservation>& reservations() const { return reservations_; }

 private:
  struct Use {
    std::uint32_t reservation = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    TresCounts tres;
  };
  using Uses = std::map<JobKey, Use>;

  // Ids that may be current or coming.
  std::vector<std::uint32_t> FindIds(ReservationSource& source, const Moment& moment, bool wide);
  void UpdateUses(ReservationSource& source, const std::vector<Reservation>& reservations, std::int64_t now,
                  bool all, bool wide);

  LedgerOptions options_;
  Moment moment_;
  std::vector<Reservation> reservations_;
  std::set<std::uint32_t> ids_;  // current or coming when last looked at
  std::uint32_t highest_id_ = 0;
  Uses uses_;
  std::set<std::uint32_t> counted_;  // reservations whose jobs are in uses_
  std::int64_t counted_at_ = 0;
  std::int64_t widened_at_ = 0;
};

}  // namespace slurmdb
