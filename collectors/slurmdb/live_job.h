// A job row as the job ledger keeps it while it is not over, and what can be said of it at a moment. Times
// are epoch seconds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

// A time column as a signed number; what is out of reach stays so.
inline std::int64_t Signed(std::uint64_t time) {
  constexpr std::uint64_t kFar = std::uint64_t{1} << 62;
  return static_cast<std::int64_t>(std::min(time, kFar));
}

// Seconds that two spans have in common.
inline std::int64_t Overlap(std::int64_t a_from, std::int64_t a_to, std::int64_t b_from, std::int64_t b_to) {
  return std::max<std::int64_t>(0, std::min(a_to, b_to) - std::max(a_from, b_from));
}

// The instants of one poll.
struct Moment {
  std::int64_t now = 0;    // the database's clock
  std::int64_t as_of = 0;  // totals are computed for this instant: now less the settling time
  // True: "what runs" is what the state column says. False: it is worked out for as_of, in the past.
  bool live = true;
};

// Has this row ever held resources? A row cancelled while pending may carry a start time (backfill's
// forecast, or its own end), but never an allocation.
bool HasRun(const JobRow& row);

// Since when a row holds what it holds: one that goes on after a resize has the start of the one before.
std::int64_t HeldSince(std::uint64_t time_start, std::uint64_t time_eligible);

// A job that is pending, running or suspended, or has ended after as_of.
struct LiveJob {
  JobKey key;
  std::uint64_t db_inx = 0;
  std::size_t group = 0;  // index into JobLedger::groups()
  std::uint32_t id_resv = 0;
  JobState state = JobState::kUnknown;
  std::uint64_t time_eligible = 0;
  std::uint64_t time_start = 0;
  std::uint64_t time_end = 0;
  std::uint64_t time_suspended = 0;
  bool ran = false;  // it has really started, at some time
  TresCounts tres_alloc;
  std::optional<TresCounts> tres_req;
  std::uint64_t tasks = 1;  // a pending array is one row that stands for all its pending tasks
  std::optional<std::uint64_t> timelimit_minutes;  // none: unknown or unlimited
  std::vector<Suspension> suspensions;             // by time_start

  // Pending, running or suspended at that moment; none when it was not there yet or is over.
  std::optional<JobState> PhaseAt(const Moment& moment) const;
  // Seconds it ran within [from, to], less suspensions.
  std::int64_t RunSeconds(std::int64_t from, std::int64_t to) const;
};

// A row that has held resources, for JobCharges.
struct ChargedJob {
  JobState state = JobState::kUnknown;
  bool over = false;  // else it goes on after `end`
  std::int64_t start = 0;
  std::int64_t end = 0;
  // Suspensions within: from and to, by time.
  std::vector<std::pair<std::int64_t, std::int64_t>> pauses;
  const TresCounts* tres_alloc = nullptr;
};

// What is charged of a row that ran, as of then; it refers to the job. None: it held nothing yet.
std::optional<ChargedJob> ChargedUntil(const LiveJob& job, std::int64_t as_of);

}  // namespace slurmdb
