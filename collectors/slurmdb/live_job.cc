#include "collectors/slurmdb/live_job.h"

#include <algorithm>

namespace slurmdb {

bool HasRun(const JobRow& row) {
  const JobState state = JobStateOf(row.state);
  if (state == JobState::kPending || !IsInstant(row.time_start)) return false;
  if (!row.tres_alloc.empty()) return true;
  // Without resources it never held any. Such a row may be seen before its end is written.
  if (state == JobState::kCancelled || state == JobState::kDeadline || state == JobState::kRevoked)
    return false;
  return row.time_end == 0 || row.time_start < row.time_end;
}

std::int64_t HeldSince(std::uint64_t time_start, std::uint64_t time_eligible) {
  return Signed(IsInstant(time_eligible) ? std::max(time_start, time_eligible) : time_start);
}

std::optional<JobState> LiveJob::PhaseAt(const Moment& moment) const {
  if (moment.live) {
    if (time_end != 0 || state > JobState::kSuspended) return std::nullopt;
    return state;
  }
  const std::int64_t at = moment.as_of;
  if (Signed(key.time_submit) > at || (time_end != 0 && Signed(time_end) <= at)) return std::nullopt;
  if (!ran || Signed(time_start) > at) return JobState::kPending;
  for (const Suspension& suspension : suspensions) {
    if (Signed(suspension.time_start) <= at &&
        (suspension.time_end == 0 || Signed(suspension.time_end) > at)) {
      return JobState::kSuspended;
    }
  }
  // Without its rows in suspend_table a suspension is only known to last still.
  if (suspensions.empty() && state == JobState::kSuspended) return JobState::kSuspended;
  return JobState::kRunning;
}

std::int64_t LiveJob::RunSeconds(std::int64_t from, std::int64_t to) const {
  if (!ran) return 0;
  const std::int64_t start = std::max(from, Signed(time_start));
  const std::int64_t end = time_end == 0 ? to : std::min(to, Signed(time_end));
  if (start >= end) return 0;
  std::int64_t suspended = 0;
  if (!suspensions.empty()) {
    for (const Suspension& suspension : suspensions) {
      suspended += Overlap(start, end, Signed(suspension.time_start),
                           suspension.time_end == 0 ? end : Signed(suspension.time_end));
    }
  } else if (state == JobState::kSuspended && time_end == 0) {
    // While suspended the column holds the moment of suspension less what was accumulated before it.
    suspended = std::max<std::int64_t>(0, end - Signed(time_suspended));
  } else {
    suspended = Signed(time_suspended);
  }
  return std::max<std::int64_t>(0, end - start - suspended);
}

std::optional<ChargedJob> ChargedUntil(const LiveJob& job, std::int64_t as_of) {
  ChargedJob charged;
  charged.state = job.state;
  charged.over = job.time_end != 0 && Signed(job.time_end) <= as_of;
  charged.start = HeldSince(job.time_start, job.time_eligible);
  charged.end = charged.over ? Signed(job.time_end) : as_of;
  charged.tres_alloc = &job.tres_alloc;
  if (charged.start > charged.end) return std::nullopt;
  for (const Suspension& suspension : job.suspensions) {
    const std::int64_t from = std::max(charged.start, Signed(suspension.time_start));
    const std::int64_t to =
        suspension.time_end == 0 ? charged.end : std::min(charged.end, Signed(suspension.time_end));
    if (from < to) charged.pauses.emplace_back(from, to);
  }
  if (job.suspensions.empty() && job.time_suspended != 0) {
    // When it was is not known (any more): its last seconds. While suspended the column holds the moment of
    // suspension less what was accumulated before it.
    const bool goes_on = job.state == JobState::kSuspended && job.time_end == 0;
    const std::int64_t from = goes_on ? Signed(job.time_suspended) : charged.end - Signed(job.time_suspended);
    if (from < charged.end) charged.pauses.emplace_back(std::max(charged.start, from), charged.end);
  }
  return charged;
}

}  // namespace slurmdb
