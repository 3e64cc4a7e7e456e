#include "collectors/slurmdb/job_ledger.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace slurmdb {
namespace {

constexpr std::int64_t kFine = 300;
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 86400;
constexpr std::int64_t kFineAge = 2 * kHour;

std::int64_t FloorTo(std::int64_t time, std::int64_t width) { return time - time % width; }

// Exact as long as job ids and epoch seconds fit 32 bits, which they do until 2106.
std::uint64_t Pack(const JobKey& key) {
  return (static_cast<std::uint64_t>(key.id_job) << 32) | (key.time_submit & 0xffffffff);
}

JobKey Unpack(std::uint64_t packed) {
  return {static_cast<std::uint32_t>(packed >> 32), packed & 0xffffffff};
}

struct Cell {
  std::int64_t start;
  std::int64_t width;
};

// The bucket a job that ended at `time` belongs to. The borders between ages lie on whole days and hours, so
// no two cells overlap.
Cell CellOf(std::int64_t time, std::int64_t now, std::int64_t wide_window) {
  std::int64_t width = kFine;
  if (time < FloorTo(now - wide_window, kDay)) {
    width = kDay;
  } else if (time < FloorTo(now - kFineAge, kHour)) {
    width = kHour;
  }
  return {FloorTo(time, width), width};
}

// Does the hourly roll-up count this row's allocation? It does not look at the state.
bool IsRolledUp(const JobRow& row) { return IsInstant(row.time_eligible) && IsInstant(row.time_start); }

}  // namespace

// ---- JobSource

void JobSource::ReadHistory(std::int64_t from, std::int64_t to, const Sink& sink) {
  while (from < to) {
    const std::int64_t end = std::min(to, FloorTo(from, kDay) + kDay);
    ReadEnded(from, end, sink);
    from = end;
  }
}

// ---- JobLedger

JobLedger::JobLedger(LedgerOptions options) : options_(std::move(options)) {}

bool JobLedger::NeedsRecount(const Moment& moment) const {
  if (!counted_at_) return true;
  const std::int64_t age = moment.now - *counted_at_;
  if (age >= options_.recount_interval) return true;
  // A record older than the wide window came in.
  return reroll_from_ && *reroll_from_ < moment.now - options_.wide_window && age >= options_.wide_interval;
}

// A group whose texts are only looked at, so that none is copied for a look-up.
struct JobLedger::GroupKey {
  std::uint32_t id_assoc;
  std::uint32_t id_qos;
  std::uint32_t id_user;
  std::uint32_t id_wckey;
  std::string_view account;
  std::string_view partition;
  std::int64_t hour;

  std::size_t Hash() const {
    std::size_t hash = std::hash<std::string_view>{}(partition);
    for (const std::size_t part :
         {std::hash<std::string_view>{}(account), std::size_t{id_assoc}, std::size_t{id_qos},
          std::size_t{id_user}, std::size_t{id_wckey}, static_cast<std::size_t>(hour)}) {
      hash ^= part + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
    }
    return hash;
  }
  bool Names(const JobGroup& group) const {
    return group.id_assoc == id_assoc && group.id_qos == id_qos && group.id_user == id_user &&
           group.id_wckey == id_wckey && group.hour == hour && group.partition == partition &&
           group.account == account;
  }
};

std::size_t JobLedger::GroupOf(const JobRow& row) {
  if (options_.rule == Rule::kRollUp) return IndexOf({row.id_assoc, row.id_qos, 0, row.id_wckey, "", "", 0});
  if (options_.rule == Rule::kEnforced)
    return IndexOf({row.id_assoc, row.id_qos, 0, 0, "", row.partition, 0});
  if (options_.rule == Rule::kCharged) {
    const std::optional<std::uint32_t> payer = options_.charges->PayerOf(row.id_assoc);
    return IndexOf({payer.value_or(row.id_assoc), row.id_qos, 0, 0,
                    payer ? std::string_view() : std::string_view(row.account), row.partition, 0});
  }
  if (options_.rule == Rule::kEfficiency)
    return IndexOf({row.id_assoc, 0, 0, 0, row.account, row.partition, 0});
  return IndexOf({row.id_assoc, row.id_qos, row.id_user, 0, row.account, row.partition, 0});
}

std::size_t JobLedger::HourOf(std::size_t group, std::int64_t hour) {
  const JobGroup whole = groups_[group];  // a copy: they may move
  const std::size_t index =
      IndexOf({whole.id_assoc, whole.id_qos, 0, whole.id_wckey, whole.account, whole.partition, hour});
  whole_[index] = group;
  return index;
}

std::size_t JobLedger::IndexOf(const GroupKey& key) {
  constexpr std::size_t kMet = 1 << 12;
  if (met_.empty()) met_.resize(kMet);
  const std::size_t hash = key.Hash();
  std::uint32_t& met = met_[hash % kMet];
  if (met < groups_.size() && key.Names(groups_[met])) return met;
  const auto [first, last] = group_index_.equal_range(hash);
  const auto at =
      std::find_if(first, last, [&](const auto& entry) { return key.Names(groups_[entry.second]); });
  if (at != last) {
    met = static_cast<std::uint32_t>(at->second);
    return at->second;
  }
  const std::size_t index = groups_.size();
  groups_.push_back({key.id_assoc, key.id_qos, key.id_user, std::string(key.account),
                     std::string(key.partition), key.id_wckey, key.hour});
  whole_.push_back(index);
  shape_of_.push_back(ShapeOf(key));
  group_index_.emplace(hash, index);
  totals_.resize(groups_.size());  // so that every group has totals even when this reading comes to nothing
  return index;
}

std::size_t JobLedger::ShapeOf(const GroupKey& key) {
  JobShape shape{key.id_qos, std::string(key.partition)};
  const auto at = std::find(shapes_.begin(), shapes_.end(), shape);
  const auto index = static_cast<std::size_t>(at - shapes_.begin());
  if (at == shapes_.end()) shapes_.push_back(std::move(shape));
  histograms_.resize(shapes_.size());
  return index;
}

LiveJob JobLedger::JobOf(const JobRow& row) {
  LiveJob job;
  job.key = row.key;
  job.db_inx = row.db_inx;
  job.id_resv = row.id_resv;
  job.state = JobStateOf(row.state);
  job.time_eligible = row.time_eligible;
  job.time_start = row.time_start;
  job.time_end = row.time_end;
  job.time_suspended = row.time_suspended;
  job.ran = options_.rule == Rule::kRollUp ? IsRolledUp(row) : HasRun(row);
  // Whoever waits has nothing to be measured by.
  if (job.ran || options_.rule != Rule::kEfficiency) job.group = GroupOf(row);
  // A roll-up passes over hours that end before the row became eligible: the row that goes on after a resize
  // has the start of the one before.
  if (const std::int64_t eligible = Signed(row.time_eligible);
      options_.rule == Rule::kRollUp && job.ran && eligible > options_.epoch) {
    const std::int64_t hour = eligible - (eligible - options_.epoch) % kHour;
    job.time_start = std::max(job.time_start, static_cast<std::uint64_t>(hour));
  }
  ParseTres(row.tres_alloc, job.tres_alloc);
  if (row.tres_req) job.tres_req = ParseTres(*row.tres_req);
  job.tasks = std::max<std::uint64_t>(1, row.array_task_pending);
  if (row.timelimit && *row.timelimit != 0 && !IsUnset32(*row.timelimit))
    job.timelimit_minutes = row.timelimit;
  return job;
}

JobLedger::Bucket& JobLedger::BucketAt(std::int64_t time, Reading& reading) const {
  if (reading.last != nullptr && time >= reading.last_start &&
      time < reading.last_start + reading.last->width) {
    return *reading.last;
  }
  const Cell cell = CellOf(time, reading.now, options_.wide_window);
  Bucket& bucket = reading.buckets[cell.start];
  bucket.width = cell.width;
  reading.last_start = cell.start;
  reading.last = &bucket;
  return bucket;
}

namespace {

void Count(TresSums& sums, const TresCounts& tres_alloc, std::int64_t seconds) {
  sums.Expect(tres_alloc.size());
  for (const TresCount& tres : tres_alloc) {
    if (tres.id == kTresEnergy) continue;
    sums.Add(tres.id, Uint128{tres.count} * static_cast<std::uint64_t>(seconds));
  }
}

void CountEnded(JobTotals& totals, const TresCounts& tres_alloc, JobState state, std::int64_t seconds) {
  Count(totals.tres_seconds, tres_alloc, seconds);
  // Most jobs complete: what they used is worked out once, as the rest, and not kept in every bucket.
  if (state != JobState::kCompleted) Count(totals.EndedAs(state), tres_alloc, seconds);
}

// By kRollUp: what a job adds within [from, to).
void CountHour(TresSums& sums, const LiveJob& job, std::int64_t from, std::int64_t to) {
  std::int64_t suspended = 0;
  for (const Suspension& suspension : job.suspensions) {
    suspended += Overlap(from, to, Signed(suspension.time_start),
                         suspension.time_end == 0 ? to : Signed(suspension.time_end));
  }
  for (const TresCount& tres : job.tres_alloc) {
    if (tres.id == kTresEnergy) {
      if (job.time_end != 0 && Signed(job.time_end) == to) sums.Add(tres.id, tres.count);
      continue;
    }
    const std::int64_t seconds = to - from - (tres.id == kTresCpu ? suspended : 0);
    if (seconds > 0) sums.Add(tres.id, Uint128{tres.count} * static_cast<std::uint64_t>(seconds));
  }
}

void CountEnd(JobTotals& totals, const TresCounts& tres_alloc, JobState state) {
  ++totals.ended[static_cast<std::size_t>(state)];
  for (const TresCount& tres : tres_alloc) {
    // Joules of the whole job, never to be multiplied by time.
    if (tres.id == kTresEnergy) totals.energy_joules += tres.count;
  }
}

}  // namespace

void JobLedger::ObserveStart(JobHistograms& histograms, std::uint64_t time_eligible,
                             std::uint64_t time_start) const {
  if (!IsInstant(time_eligible) || time_eligible > time_start) return;
  histograms.Observe(options_.histograms, Observed::kWait,
                     static_cast<std::int64_t>(time_start - time_eligible));
}

void JobLedger::ObserveEnd(JobHistograms& histograms, JobState state, std::int64_t seconds,
                           std::optional<std::uint64_t> limit) const {
  if (state == JobState::kResizing) return;
  seconds = std::max<std::int64_t>(0, seconds);
  histograms.Observe(options_.histograms, Observed::kRun, seconds);
  if (!limit || *limit == 0 || IsUnset32(*limit)) return;
  const Uint128 parts = Uint128{static_cast<std::uint64_t>(seconds)} * kRatioParts / (Uint128{*limit} * 60);
  histograms.Observe(options_.histograms, Observed::kTimelimitUsed, static_cast<std::int64_t>(parts));
}

void JobLedger::CountEnforced(TresSums& sums, const JobGroup& group, const TresCounts& tres_alloc,
                              std::int64_t start, std::int64_t end) const {
  AddEnforced(*options_.weights, options_.epoch, group.id_assoc, group.id_qos,
              options_.weights->PartitionQos(group.partition, group.id_qos), tres_alloc, start, end, sums);
}

template <typename Add>
void JobLedger::CountCharged(const LiveJob& job, std::int64_t as_of, Add add) {
  const std::optional<ChargedJob> charged = ChargedUntil(job, as_of);
  if (!charged) return;
  const JobGroup whole = groups_[job.group];
  options_.charges->Charge(whole, *charged, [&](std::int64_t slot, std::uint32_t id, Uint128 amount) {
    add(HourOf(job.group, slot), id, amount);
  });
}

// The end of a job is often recorded before those of its steps: it ends when it is told to, they when they
// are gone. Steps that were begun before a resize end in the next row, if at all. When a period ends there is
// no later: the next one does not know the row.
bool JobLedger::AwaitsSteps(const JobRow& row, const Reading& reading) const {
  return options_.rule == Rule::kEfficiency && row.steps.open && reading.as_of < options_.until &&
         JobStateOf(row.state) != JobState::kResizing &&
         Signed(row.time_end) > reading.as_of - options_.overlap / 3;
}

void JobLedger::Take(const JobRow& row, Reading& reading) {
  // In the past, what had not been submitted yet was not there.
  if (!reading.live && Signed(row.key.time_submit) > reading.as_of) return;
  const std::int64_t end = Signed(row.time_end);
  if (end == 0 || end > reading.as_of || end >= options_.until || AwaitsSteps(row, reading)) {
    reading.jobs.push_back(JobOf(row));
    return;
  }
  if (options_.rule == Rule::kRollUp || options_.rule == Rule::kCharged) {
    LiveJob job = JobOf(row);
    if (row.time_suspended == 0) {
      Settle(job, reading);
    } else {  // how much of it lies in which hour is in suspend_table
      reading.held.push_back(std::move(job));
    }
    return;
  }
  const std::int64_t start = Signed(row.time_start);
  const JobState state = JobStateOf(row.state);
  const bool ran = HasRun(row);
  const bool enforced = options_.rule == Rule::kEnforced;
  if (options_.rule == Rule::kRealTime && ran && row.time_suspended != 0 && start < options_.epoch) {
    // How much of the suspension lies before the epoch is only in suspend_table.
    reading.held.push_back(JobOf(row));
    return;
  }
  Bucket& bucket = BucketAt(end, reading);
  if (!options_.frozen) bucket.keys.push_back(Pack(row.key));
  if (options_.rule == Rule::kEfficiency) {
    if (ran) bucket.efficiency[GroupOf(row)].Count(row, state, options_.efficiency, options_.histograms);
    return;
  }
  const std::size_t group = GroupOf(row);
  JobTotals& totals = bucket.totals[group];
  scratch_.clear();
  ParseTres(row.tres_alloc, scratch_);
  CountEnd(totals, scratch_, state);
  if (!ran) return;
  if (enforced) {
    CountEnforced(totals.tres_seconds, groups_[group], scratch_, HeldSince(row.time_start, row.time_eligible),
                  end);
    return;
  }
  JobHistograms& histograms = bucket.histograms[shape_of_[group]];
  if (start >= options_.epoch) {
    ++totals.started;
    ObserveStart(histograms, row.time_eligible, row.time_start);
  }
  const std::int64_t suspended = Signed(row.time_suspended);
  ObserveEnd(histograms, state, end - start - suspended, row.timelimit);
  const std::int64_t seconds = end - std::max(start, options_.epoch) - suspended;
  if (seconds > 0) CountEnded(totals, scratch_, state, seconds);
}

void JobLedger::Settle(const LiveJob& job, Reading& reading) {
  Bucket& bucket = BucketAt(Signed(job.time_end), reading);
  if (!options_.frozen) bucket.keys.push_back(Pack(job.key));
  if (options_.rule == Rule::kRealTime) {
    JobTotals& totals = bucket.totals[job.group];
    CountEnd(totals, job.tres_alloc, job.state);
    CountEnded(totals, job.tres_alloc, job.state, job.RunSeconds(options_.epoch, reading.as_of));
    ObserveEnd(bucket.histograms[shape_of_[job.group]], job.state,
               Signed(job.time_end) - Signed(job.time_start) - Signed(job.time_suspended),
               job.timelimit_minutes);
    return;
  }
  if (!job.ran) return;
  if (options_.rule == Rule::kCharged) {
    CountCharged(job, reading.as_of, [&](std::size_t group, std::uint32_t id, Uint128 amount) {
      bucket.totals[group].tres_seconds.Add(id, amount);
    });
    return;
  }
  if (job.id_resv != 0 || !job.suspensions.empty()) bucket.exceptions.push_back(job);
  const std::int64_t end = Signed(job.time_end);
  std::int64_t from = std::max(options_.epoch, Signed(job.time_start));
  // The hour in which it ends comes even if nothing ran in it: that is where its energy goes.
  while (from <= end) {
    const std::int64_t hour = from - (from - options_.epoch) % kHour;
    const std::int64_t to = std::min(end, hour + kHour);
    if (from < to || to == end) CountHour(bucket.totals[HourOf(job.group, hour)].tres_seconds, job, from, to);
    if (to == end) break;
    from = to;
  }
}

void JobLedger::Finish(JobSource& source, Reading& reading) {
  std::unordered_map<std::uint64_t, std::vector<LiveJob*>> wanting;
  for (std::vector<LiveJob>* jobs : {&reading.jobs, &reading.held}) {
    for (LiveJob& job : *jobs) {
      // By these it does not matter when a suspension was.
      if (options_.rule == Rule::kEnforced || options_.rule == Rule::kEfficiency) continue;
      if (job.state == JobState::kSuspended || job.time_suspended != 0) wanting[job.db_inx].push_back(&job);
    }
  }
  if (!wanting.empty()) {
    std::vector<std::uint64_t> db_inxs;
    db_inxs.reserve(wanting.size());
    for (const auto& [db_inx, jobs] : wanting) db_inxs.push_back(db_inx);
    std::sort(db_inxs.begin(), db_inxs.end());
    for (const Suspension& suspension : source.ReadSuspensions(db_inxs)) {
      for (LiveJob* job : wanting[suspension.db_inx]) job->suspensions.push_back(suspension);
    }
  }
  for (const LiveJob& job : reading.held) Settle(job, reading);
  reading.held.clear();
  for (auto& [start, bucket] : reading.buckets) std::sort(bucket.keys.begin(), bucket.keys.end());
}

void JobLedger::Recount(JobSource& source, const Moment& moment) {
  Reading reading(moment);
  // What marks the beginning comes first: whatever happens during the long reading is then noticed by Update.
  const std::optional<std::int64_t> last_rollup = source.LastHourlyRollup();
  const std::uint64_t max_db_inx = source.MaxDbInx();
  source.ReadOpen([&](const JobRow& row) { Take(row, reading); });
  const std::int64_t until = CellOf(moment.now - options_.overlap, moment.now, options_.wide_window).start;
  // The tail will be read again by Update; but should Update fail, its rows are known and missed when they
  // have moved. First, so that a row that leaves it meanwhile is met in its slice.
  source.ReadEnded(std::max(until, options_.epoch), 0, [&](const JobRow& row) { Take(row, reading); });
  if (options_.epoch < until) {
    source.ReadHistory(options_.epoch, until, [&](const JobRow& row) { Take(row, reading); });
  }
  Finish(source, reading);
  buckets_ = std::move(reading.buckets);
  frozen_ = {};
  live_ = std::move(reading.jobs);
  read_at_ = moment.now;
  widened_at_ = moment.now;
  counted_at_ = moment.now;
  max_db_inx_ = max_db_inx;
  last_rollup_ = last_rollup;
  reroll_from_.reset();
}

void JobLedger::Bucket::Add(const Bucket& other) {
  for (const auto& [group, sums] : other.totals) totals[group].Add(sums);
  for (const auto& [shape, observed] : other.histograms) histograms[shape].Add(observed);
  for (const auto& [group, sums] : other.efficiency) efficiency[group].Add(sums);
  exceptions.insert(exceptions.end(), other.exceptions.begin(), other.exceptions.end());
  const auto middle = static_cast<std::ptrdiff_t>(keys.size());
  keys.insert(keys.end(), other.keys.begin(), other.keys.end());
  std::inplace_merge(keys.begin(), keys.begin() + middle, keys.end());
}

void JobLedger::Coalesce(std::int64_t now) {
  for (auto at = buckets_.begin(); at != buckets_.end();) {
    const Cell cell = CellOf(at->first, now, options_.wide_window);
    if (cell.width <= at->second.width) {
      ++at;
      continue;
    }
    Bucket bucket = std::move(at->second);
    at = buckets_.erase(at);
    Bucket& wider = buckets_[cell.start];
    wider.width = cell.width;
    wider.Add(bucket);
  }
  // Hours are asked for by their time.
  if (!options_.frozen || options_.rule == Rule::kRollUp) return;
  const std::int64_t border = FloorTo(now - options_.wide_window, kDay);
  while (!buckets_.empty() && buckets_.begin()->first < border) {
    frozen_.Add(buckets_.begin()->second);
    buckets_.erase(buckets_.begin());
  }
}

void JobLedger::ReadBucket(JobSource& source, std::int64_t time, Reading& reading) {
  Bucket& bucket = BucketAt(time, reading);
  const std::int64_t start = CellOf(time, reading.now, options_.wide_window).start;
  source.ReadEnded(std::max(start, options_.epoch), start + bucket.width,
                   [&](const JobRow& row) { Take(row, reading); });
}

std::set<std::int64_t> JobLedger::FindStale(JobSource& source, std::int64_t from,
                                            const Reading& reading) const {
  // What was known, and what is here now.
  std::unordered_set<std::uint64_t> known;
  for (const LiveJob& job : live_) known.insert(Pack(job.key));
  for (auto at = buckets_.lower_bound(from); at != buckets_.end(); ++at) {
    known.insert(at->second.keys.begin(), at->second.keys.end());
  }
  std::unordered_set<std::uint64_t> here;
  for (const LiveJob& job : reading.jobs) here.insert(Pack(job.key));
  for (const LiveJob& job : reading.held) here.insert(Pack(job.key));
  for (const auto& [start, bucket] : reading.buckets) here.insert(bucket.keys.begin(), bucket.keys.end());

  std::set<std::int64_t> stale;
  const auto mark = [&](const JobRow& row) {
    const std::int64_t end = Signed(row.time_end);
    if (end >= options_.epoch && end < from) {
      stale.insert(CellOf(end, reading.now, options_.wide_window).start);
    }
  };
  std::vector<JobKey> vanished;
  for (const std::uint64_t key : known) {
    if (!here.contains(key)) vanished.push_back(Unpack(key));
  }
  if (!vanished.empty()) source.ReadByKey(vanished, mark);
  source.ReadInsertedAfter(max_db_inx_, from, mark);
  for (const std::uint64_t key : here) {
    if (known.contains(key)) continue;
    for (auto at = buckets_.begin(); at != buckets_.end() && at->first < from; ++at) {
      if (std::binary_search(at->second.keys.begin(), at->second.keys.end(), key)) stale.insert(at->first);
    }
  }
  return stale;
}

void JobLedger::Update(JobSource& source, const Moment& moment) {
  Reading reading(moment);
  Coalesce(moment.now);

  std::optional<std::int64_t> reroll_from = reroll_from_;
  const std::optional<std::int64_t> rollup = source.LastHourlyRollup();
  if (rollup && last_rollup_ && *rollup < *last_rollup_) {
    reroll_from = std::min(*rollup, reroll_from.value_or(*rollup));
  }
  // Releases from 25.11 on send last_ran back all the time, so the signal is not answered at every poll.
  const std::int64_t since_wide = moment.now - widened_at_;
  const bool answer_reroll = reroll_from && since_wide >= options_.wide_interval / 4;
  const bool wide = since_wide >= options_.wide_interval || answer_reroll;
  std::int64_t from = read_at_ - options_.overlap;
  if (wide) from = std::min(from, moment.now - options_.wide_window);
  if (answer_reroll) from = std::min(from, std::max(*reroll_from, moment.now - options_.wide_window));
  from = CellOf(std::min(from, moment.as_of), moment.now, options_.wide_window).start;

  const std::uint64_t max_db_inx = source.MaxDbInx();
  source.ReadOpen([&](const JobRow& row) { Take(row, reading); });
  source.ReadEnded(std::max(from, options_.epoch), 0, [&](const JobRow& row) { Take(row, reading); });

  std::set<std::int64_t> stale;
  if (!options_.frozen) stale = FindStale(source, from, reading);
  for (const std::int64_t start : stale) ReadBucket(source, start, reading);
  Finish(source, reading);

  // Nothing below throws on account of the database: from here on the new book stands.
  buckets_.erase(buckets_.lower_bound(from), buckets_.end());
  for (const std::int64_t start : stale) buckets_.erase(start);
  buckets_.merge(reading.buckets);
  live_ = std::move(reading.jobs);
  moment_ = moment;
  read_at_ = moment.now;
  if (wide) widened_at_ = moment.now;
  // A record from before the wide window is left for the next recount.
  reroll_from_ = reroll_from;
  if (answer_reroll && *reroll_from >= moment.now - options_.wide_window) reroll_from_.reset();
  last_rollup_ = rollup;
  max_db_inx_ = max_db_inx;
  SumUp();
}

std::vector<std::pair<JobGroup, TresSums>> JobLedger::RolledUp(std::int64_t from, std::int64_t to) const {
  std::map<std::size_t, TresSums> sums;  // by group of hour 0
  for (const auto& [start, bucket] : buckets_) {
    if (start + bucket.width <= from) continue;  // what ended before has nothing in it
    for (const auto& [group, totals] : bucket.totals) {
      const std::int64_t hour = groups_[group].hour;
      if (hour >= from && hour < to) sums[whole_[group]].Add(totals.tres_seconds);
    }
  }
  for (const LiveJob& job : live_) {
    if (!job.ran) continue;
    const std::int64_t begin = std::max(from, Signed(job.time_start));
    const std::int64_t end = std::min({to, moment_.as_of, job.time_end == 0 ? to : Signed(job.time_end)});
    if (begin < end) CountHour(sums[job.group], job, begin, end);
  }
  std::vector<std::pair<JobGroup, TresSums>> rolled;
  rolled.reserve(sums.size());
  for (auto& [group, tres] : sums) rolled.emplace_back(groups_[group], std::move(tres));
  return rolled;
}

std::vector<const LiveJob*> JobLedger::Exceptions() const {
  std::vector<const LiveJob*> found;
  const auto add = [&](const LiveJob& job) {
    if (job.ran && (job.id_resv != 0 || !job.suspensions.empty())) found.push_back(&job);
  };
  for (const auto& [start, bucket] : buckets_) {
    for (const LiveJob& job : bucket.exceptions) add(job);
  }
  for (const LiveJob& job : live_) add(job);
  return found;
}

void JobLedger::SumUp(const Bucket& bucket) {
  for (const auto& [group, totals] : bucket.totals) totals_[group].Add(totals);
  for (const auto& [shape, histograms] : bucket.histograms) histograms_[shape].Add(histograms);
  for (const auto& [group, efficiency] : bucket.efficiency) efficiency_[group].Add(efficiency);
}

void JobLedger::SumUp() {
  if (options_.rule == Rule::kRollUp) return;
  efficiency_.assign(options_.rule == Rule::kEfficiency ? groups_.size() : 0, JobEfficiency{});
  totals_.assign(groups_.size(), JobTotals{});
  histograms_.assign(shapes_.size(), JobHistograms{});
  SumUp(frozen_);
  for (const auto& [start, bucket] : buckets_) SumUp(bucket);
  if (options_.rule == Rule::kEfficiency) return;
  for (JobTotals& totals : totals_) {
    if (options_.rule != Rule::kRealTime) break;
    TresSums completed = totals.tres_seconds;
    for (const auto& [state, sums] : totals.ended_tres_seconds) completed.Subtract(sums);
    completed.DropZeros();  // or a 0 would be there until something else had ended
    if (!completed.entries().empty()) totals.EndedAs(JobState::kCompleted) = std::move(completed);
  }
  for (const LiveJob& job : live_) {
    if (!job.ran) continue;
    const std::int64_t start = Signed(job.time_start);
    if (options_.rule == Rule::kCharged) {
      CountCharged(job, moment_.as_of, [&](std::size_t group, std::uint32_t id, Uint128 amount) {
        totals_[group].tres_seconds.Add(id, amount);
      });
      continue;
    }
    JobTotals& totals = totals_[job.group];
    if (options_.rule == Rule::kEnforced) {
      const std::int64_t end =
          job.time_end == 0 ? moment_.as_of : std::min(moment_.as_of, Signed(job.time_end));
      CountEnforced(totals.tres_seconds, groups_[job.group], job.tres_alloc,
                    HeldSince(job.time_start, job.time_eligible), end);
      continue;
    }
    if (start >= options_.epoch && start <= moment_.as_of && start < options_.until) {
      ++totals.started;
      ObserveStart(histograms_[shape_of_[job.group]], job.time_eligible, job.time_start);
    }
    const std::int64_t seconds = job.RunSeconds(options_.epoch, std::min(moment_.as_of, options_.until));
    if (seconds > 0) Count(totals.tres_seconds, job.tres_alloc, seconds);
  }
}

}  // namespace slurmdb
