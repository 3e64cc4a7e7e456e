#include "collectors/slurmdb/audit_book.h"

#include <algorithm>
#include <utility>

#include "collectors/slurmdb/value.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
// After its limit a job may run on for slurm.conf's OverTimeLimit and KillWait, and end in an epilog.
constexpr std::int64_t kGrace = kHour;
constexpr std::int64_t kLong = 90 * kDay;
// Two records that belong together may come one after the other.
constexpr std::int64_t kInFlight = 60;
// slurm.h, RESERVE_FLAG_…
constexpr std::uint64_t kMaint = 0x1;
constexpr std::uint64_t kIgnoreJobs = 0x40;

// Differences of sums modulo 2^64.
std::int64_t AsSigned(std::uint64_t sum) { return static_cast<std::int64_t>(sum); }

std::uint64_t Amount(const TresSums& sums, std::uint32_t tres) {
  for (const auto& [id, amount] : sums.entries()) {
    if (id == tres) return static_cast<std::uint64_t>(amount);
  }
  return 0;
}

Uint128 TresSeconds(const TresCount& tres, std::int64_t seconds) {
  return Uint128{tres.count} * static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds));
}

// `end` 0: it lasts.
std::int64_t Overlap(std::int64_t from, std::int64_t to, std::uint64_t begin, std::uint64_t end) {
  const auto low = std::max(static_cast<std::uint64_t>(from), begin);
  const auto high = end == 0 ? static_cast<std::uint64_t>(to) : std::min(static_cast<std::uint64_t>(to), end);
  return low < high ? static_cast<std::int64_t>(high - low) : 0;
}

// Seconds within [from, to) that it held its allocation.
std::int64_t Held(const LiveJob& job, std::int64_t from, std::int64_t to) {
  return Overlap(from, to, job.time_start, job.time_end);
}

// Those of them that it was suspended.
std::int64_t Suspended(const LiveJob& job, std::int64_t from, std::int64_t to) {
  std::int64_t seconds = 0;
  for (const Suspension& suspension : job.suspensions)
    seconds += Overlap(from, to, suspension.time_start, suspension.time_end);
  return seconds;
}

}  // namespace

std::string_view RunawayReasonName(RunawayReason reason) {
  static constexpr std::array kNames = {"superseded", "final_state", "over_time_limit", "association_deleted",
                                        "pending_for_long"};
  return kNames[static_cast<std::size_t>(reason)];
}

AuditBook::AuditBook(Calendar calendar, LedgerOptions options)
    : calendar_(std::move(calendar)), options_(std::move(options)) {}

// Local hours start a whole number of hours after local midnight.
std::int64_t AuditBook::FloorHour(std::int64_t time) const {
  return time - (time - calendar_.PeriodStart(Period::kDay, time)) % kHour;
}

void AuditBook::FindGaps(AuditSource& source, const UsageBook& rollups, bool all) {
  if (!all && hours_revision_ == rollups.revision()) return;
  const std::int64_t until = rollups.rolled_up_until();
  // This year and the last: what usage is shown of. Then the days that are rolled up again as a rule.
  std::int64_t from = calendar_.PeriodStart(Period::kYear, calendar_.PeriodStart(Period::kYear, until) - 1);
  if (!all && !hours_.empty()) from = std::max(from, FloorHour(*hours_.rbegin() - 2 * kDay));
  const std::vector<std::int64_t> starts = source.ReadHours(from);
  hours_.erase(all ? hours_.begin() : hours_.lower_bound(from), hours_.end());
  // A row begins within its hour when the cluster was registered then.
  for (const std::int64_t start : starts) {
    if (start < until) hours_.insert(FloorHour(start));
  }
  hours_revision_ = rollups.revision();
  gap_.reset();
  if (hours_.empty()) return;
  const std::int64_t span = until - *hours_.begin();
  gap_ = std::max<std::int64_t>(0, span - static_cast<std::int64_t>(hours_.size()) * kHour);
}

std::optional<RunawayReason> AuditBook::Suspect(const LiveJob& job, const AuditInput& input,
                                                const Moment& moment) const {
  const std::int64_t now = moment.as_of;
  const auto since = [&](std::uint64_t time) {
    return IsInstant(time) ? now - static_cast<std::int64_t>(time) : 0;
  };
  const std::int64_t age = since(job.key.time_submit);
  const auto newest = newest_submits_.find(job.key.id_job);
  if (newest != newest_submits_.end() && newest->second > job.key.time_submit &&
      since(newest->second) > kInFlight) {
    return RunawayReason::kSuperseded;
  }
  if (job.time_end == 0 && job.state > JobState::kSuspended && age > kInFlight)
    return RunawayReason::kFinalState;
  const std::optional<JobState> phase = job.PhaseAt(moment);
  if (phase == JobState::kRunning && job.timelimit_minutes) {
    const std::int64_t left = job.RunSeconds(0, now) - kGrace;
    if (left > 0 && static_cast<std::uint64_t>(left) > *job.timelimit_minutes * 60)
      return RunawayReason::kOverTimeLimit;
  }
  const AssociationRow* association = input.associations->Find(input.jobs->groups()[job.group].id_assoc);
  if (association != nullptr && association->deleted && age > kInFlight)
    return RunawayReason::kAssociationDeleted;
  if (phase == JobState::kPending && since(job.time_eligible) > kLong) return RunawayReason::kPendingForLong;
  return std::nullopt;
}

void AuditBook::Compare(AuditSource& source, const AuditInput& input, const Moment& moment) {
  const std::int64_t to = calendar_.PeriodStart(Period::kDay, moment.as_of);
  const std::int64_t from = calendar_.PeriodStart(Period::kDay, to - 1);
  const UsageBook& rollups = *input.rollups;
  // A day that is not complete, or about to be rolled up again, has nothing to be compared with.
  if (rollups.settled_until() < to || input.since_rollup->options().epoch > from) {
    discrepancies_.reset();
    compared_.reset();
    return;
  }
  const std::pair key(from, rollups.revision());
  if (compared_ == key) return;
  const auto reservations = source.ReadReservations(from, to);
  const TresSums allocated = source.ReadAllocated(from, to);
  discrepancies_.reset();
  compared_ = key;
  if (!reservations) return;

  TresSums jobs;  // by the roll-up's rule
  for (const auto& [group, sums] : input.since_rollup->RolledUp(from, to)) jobs.Add(sums);
  std::set<std::uint32_t> ignored;  // reservations that do not count
  for (const ReservationShare& row : *reservations) {
    if ((row.flags & kIgnoreJobs) != 0) ignored.insert(row.id);
  }
  const std::vector<const LiveJob*> exceptions = input.since_rollup->Exceptions();
  TresSums suspended;
  TresSums in_reservations;  // what jobs in them consumed, then or later
  std::map<std::uint32_t, std::vector<const LiveJob*>> by_reservation;
  for (const LiveJob* job : exceptions) {
    const std::int64_t held = Held(*job, from, to);
    const std::int64_t paused = std::min(held, Suspended(*job, from, to));
    if (job->id_resv != 0) by_reservation[job->id_resv].push_back(job);
    const bool reserved = job->id_resv != 0 && !ignored.contains(job->id_resv);
    for (const TresCount& tres : job->tres_alloc) {
      if (tres.id == kTresEnergy) continue;
      if (tres.id != kTresCpu) suspended.Add(tres.id, TresSeconds(tres, paused));
      if (reserved)
        in_reservations.Add(tres.id, TresSeconds(tres, held - (tres.id == kTresCpu ? paused : 0)));
    }
  }
  TresSums idle;   // of reservations, as shared out among associations
  TresSums whole;  // reservations, as allocated in the cluster's own usage
  for (const ReservationShare& row : *reservations) {
    const bool counts = (row.flags & (kMaint | kIgnoreJobs)) == 0;
    const std::int64_t end = std::min(row.end, to);
    for (std::int64_t begin = std::max(row.start, from); begin < end;) {
      const std::int64_t until = std::min(begin - (begin - from) % kHour + kHour, end);
      // slurmdbd takes a job for a user of all that is reserved, for as long as it runs.
      std::int64_t unused = until - begin;
      for (const LiveJob* job : by_reservation[row.id]) unused -= Held(*job, begin, until);
      for (const TresCount& tres : row.tres) {
        if (tres.id == kTresEnergy || tres.id == kTresNode) continue;
        if (counts) whole.Add(tres.id, TresSeconds(tres, until - begin));
        // Each gets the same, in whole numbers.
        if (row.owners != 0) idle.Add(tres.id, TresSeconds(tres, unused) / row.owners * row.owners);
      }
      begin = until;
    }
  }

  std::map<std::uint32_t, Discrepancy> found;
  std::map<std::uint32_t, std::uint64_t> charged;
  for (const auto& [id, seconds] : rollups.RolledUp(UsageKind::kAssociation, from, to))
    charged[id.second] += seconds;
  for (const auto& [tres, seconds] : charged) found[tres];
  for (const auto& [tres, amount] : jobs.entries()) found[tres];
  for (auto& [tres, one] : found) {
    one.reservation = AsSigned(Amount(idle, tres));
    one.suspension = AsSigned(Amount(suspended, tres));
    one.unexplained = AsSigned(charged[tres] - Amount(jobs, tres) - Amount(idle, tres));
    // The cluster's own usage has no nodes.
    if (tres == kTresNode) continue;
    one.clipping = AsSigned(Amount(jobs, tres) - Amount(in_reservations, tres) + Amount(whole, tres) -
                            Amount(allocated, tres));
  }
  found.erase(kTresEnergy);  // slurmdbd counts it again in each hour that it rolls up again
  discrepancies_ = std::move(found);
}

void AuditBook::Update(AuditSource& source, const AuditInput& input, const Moment& moment) {
  const bool all = moment.now - counted_at_ >= options_.recount_interval;
  const bool wide = all || moment.now - widened_at_ >= options_.wide_interval;
  pending_since_.reset();
  if (input.rollups != nullptr) {
    const UsageBook& rollups = *input.rollups;
    if (rollups.settled_until() < rollups.rolled_up_until()) pending_since_ = rollups.settled_until();
    FindGaps(source, rollups, all);
  }
  runaways_.reset();
  if (input.jobs != nullptr) {
    std::vector<const LiveJob*> open;
    for (const LiveJob& job : input.jobs->live()) {
      // In the past, a row that has ended since was open.
      if (job.time_end == 0 || (!moment.live && job.PhaseAt(moment))) open.push_back(&job);
    }
    if (wide) {
      std::set<std::uint32_t> ids;
      for (const LiveJob* job : open) ids.insert(job->key.id_job);
      const std::vector<std::uint32_t> list(ids.begin(), ids.end());
      newest_submits_ = source.ReadNewestSubmits(list);
    }
    runaways_.emplace();
    for (const RunawayReason reason : kAllRunawayReasons) (*runaways_)[reason] = 0;
    for (const LiveJob* job : open) {
      if (const auto reason = Suspect(*job, input, moment)) ++(*runaways_)[*reason];
    }
  }
  oldest_ = source.ReadOldest();  // a look at the beginnings of indexes
  if (wide) compared_.reset();
  if (input.rollups != nullptr && input.since_rollup != nullptr) {
    Compare(source, input, moment);
  } else {
    discrepancies_.reset();
    compared_.reset();
  }
  if (all) counted_at_ = moment.now;
  if (wide) widened_at_ = moment.now;
  moment_ = moment;
}

}  // namespace slurmdb
