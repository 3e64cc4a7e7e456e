// The book of jobs of one cluster since a fixed instant, the epoch.
//
//   JobLedger ledger(options);
//   if (ledger.NeedsRecount(moment)) ledger.Recount(source, moment);   // cold start, daily, after trouble
//   ledger.Update(source, moment);                                     // each poll, in one snapshot
//   ledger.totals();  ledger.live();
//
// How it stays exact without reading the table again and again. Ended jobs lie in buckets by their time_end:
// five minutes wide when young, then an hour, then a day. A poll reads the open rows and all rows that ended
// since a bucket boundary a little before the last poll, and *replaces* the buckets from there on: a row read
// twice cannot count twice, a corrected or deleted one corrects itself. A row that shows up or ends outside
// of that window is noticed in one of four ways, and then the bucket it belongs to is read again as a whole:
//   - a row that was open or in the window is gone: it is looked up by its key;
//   - a row inserted since the last poll has ended long ago (the record came late);
//   - a row new to the window is found in an older bucket (its time_end was corrected);
//   - slurmdbd's last_ran_table went back (a record about the past came in): a wider window is read. The same
//     happens every wide_interval, and every recount_interval the whole epoch is read into a new book.
//
// Times are epoch seconds. Jobs are counted by one of five rules (see Rule), clipped to [epoch,
// as_of], or to [epoch, until] when that comes first. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "collectors/slurmdb/enforced_weights.h"
#include "collectors/slurmdb/job_efficiency.h"
#include "collectors/slurmdb/job_histograms.h"
#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/job_totals.h"
#include "collectors/slurmdb/live_job.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {

// Where a ledger's rows come from: one cluster's tables. Implementations throw DatabaseError.
class JobSource {
 public:
  using Sink = std::function<void(const JobRow&)>;

  virtual ~JobSource() = default;
  // Rows with time_end = 0.
  virtual void ReadOpen(const Sink& sink) = 0;
  // Rows with from <= time_end < to; no upper bound when `to` is 0. `from` is above 0.
  virtual void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) = 0;
  // Rows with from <= time_end < to, a long time: in any order, by statements that stay short. Unless one
  // does better, a day at a time.
  virtual void ReadHistory(std::int64_t from, std::int64_t to, const Sink& sink);
  virtual void ReadByKey(std::span<const JobKey> keys, const Sink& sink) = 0;
  // Ended rows with job_db_inx > after and time_end < ended_before.
  virtual void ReadInsertedAfter(std::uint64_t after, std::int64_t ended_before, const Sink& sink) = 0;
  virtual std::vector<Suspension> ReadSuspensions(std::span<const std::uint64_t> db_inxs) = 0;
  // 0 for an empty table.
  virtual std::uint64_t MaxDbInx() = 0;
  // last_ran_table.hourly_rollup; none before the first roll-up.
  virtual std::optional<std::int64_t> LastHourlyRollup() = 0;
};

// What is counted.
enum class Rule {
  // As `sacct -D` has it: every TRES × real time less suspensions, in totals() since the epoch.
  kRealTime,
  // As slurmdbd's hourly roll-up has it: rows that were never eligible do not count, only cpu is stopped by a
  // suspension, and energy is counted when a job ends. Asked for by hours: RolledUp(from, to).
  kRollUp,
  // As slurmctld counts what limits such as GrpTRESMins are held against: every TRES but energy × time, that
  // of suspensions too, each second with the weight it has (see EnforcedWeights). In totals(), in units of
  // 1/kSecondParts of a second at the epoch; kTresWall is the time itself.
  kEnforced,
  // What somebody else makes of each row (see JobCharges), such as money: of the time since the epoch in
  // which it held resources, less suspensions. In totals(), by what the charges tell apart.
  kCharged,
  // Not consumption, but what ended jobs used of what they had, from their steps: in efficiency().
  kEfficiency,
};

struct JobGroup;

// By Rule::kCharged: what a row comes to. Not thread-safe.
class JobCharges {
 public:
  // `slot`: the beginning of a part of the time since the epoch; `id`: of one of the sums.
  using Sink = std::function<void(std::int64_t slot, std::uint32_t id, Uint128 amount)>;

  virtual ~JobCharges() = default;
  // The association that stands for all that are charged alike: its account's. None: nothing is known of it.
  virtual std::optional<std::uint32_t> PayerOf(std::uint32_t id_assoc) const = 0;
  // What decides how rows of a group are charged: where it is the same text, they come to the same.
  virtual std::string SignatureOf(const JobGroup& group) = 0;
  // Slot by slot; what lies before the epoch is left out.
  virtual void Charge(const JobGroup& group, const ChargedJob& job, const Sink& sink) = 0;
};

// Later than anything.
inline constexpr std::int64_t kEver = std::int64_t{1} << 61;

struct LedgerOptions {
  Rule rule = Rule::kRealTime;
  std::int64_t epoch = 0;
  std::int64_t until =
      kEver;  // with kRealTime and kEfficiency: what starts or ends then or later does not count
  std::int64_t overlap = 900;
  std::int64_t wide_window = 93600;
  std::int64_t wide_interval = 3600;
  std::int64_t recount_interval = 86400;
  // Of the past, where rows that have ended stay as they are: nothing is kept to notice changes with, and
  // what is older than the wide window is summed up for good.
  bool frozen = false;
  HistogramBounds histograms;                      // with kRealTime and kEfficiency
  EfficiencyRules efficiency;                      // with kEfficiency
  std::shared_ptr<const EnforcedWeights> weights;  // with kEnforced
  std::shared_ptr<JobCharges> charges;             // with kCharged
};

// Who a job is charged to. Account, user and QOS names are resolved later, by id. What a rule does not tell
// apart is left empty.
struct JobGroup {
  std::uint32_t id_assoc = 0;
  std::uint32_t id_qos = 0;
  std::uint32_t id_user = 0;
  std::string account;  // job_table's own text, for rows whose association is unknown
  std::string partition;
  std::uint32_t id_wckey = 0;  // by kRollUp only
  // By kRollUp the start of the hour it ran in, 0 while it is open; by kCharged the slot.
  std::int64_t hour = 0;

  bool operator==(const JobGroup&) const = default;
};

// What histograms are told apart by.
struct JobShape {
  std::uint32_t id_qos = 0;
  std::string partition;

  bool operator==(const JobShape&) const = default;
};

class JobLedger {
 public:
  explicit JobLedger(LedgerOptions options);

  // True before the first count and every recount_interval.
  bool NeedsRecount(const Moment& moment) const;
  // Reads the history of the epoch, a slice at a time, into a new book. Update has to follow: until
  // then the totals are the old ones. Where an old book must stand if this fails, recount into another
  // ledger.
  void Recount(JobSource& source, const Moment& moment);
  // Brings the book up to `moment`. Call within one database snapshot. When it throws, the old book stands.
  void Update(JobSource& source, const Moment& moment);

  const LedgerOptions& options() const { return options_; }
  // kCharged: charges that are the same for all rows that are in the book.
  void UseCharges(std::shared_ptr<JobCharges> charges) { options_.charges = std::move(charges); }
  // The moment of the last Update.
  const Moment& moment() const { return moment_; }
  const std::vector<JobGroup>& groups() const { return groups_; }
  // Not with kRollUp: one entry a group, same index.
  const std::vector<JobTotals>& totals() const { return totals_; }
  const std::vector<JobShape>& shapes() const { return shapes_; }
  // kRealTime: of rows that started, and of those that ended, since the epoch; one entry a shape, same index.
  // Rows that go on after a resize have the start of the one before: their wait is not counted, and of a
  // resized job only the last row's run, which is the whole one.
  const std::vector<JobHistograms>& histograms() const { return histograms_; }
  // kEfficiency: of rows that ended since the epoch; one entry a group, same index. A row whose steps have
  // not all finished is waited for: a third of the overlap.
  const std::vector<JobEfficiency>& efficiency() const { return efficiency_; }
  // kRollUp: what was consumed within [from, to), by group; groups of all hours but with `hour` 0. `from` and
  // `to` lie a whole number of hours after the epoch, except that `to` may be as_of.
  std::vector<std::pair<JobGroup, TresSums>> RolledUp(std::int64_t from, std::int64_t to) const;
  const std::vector<LiveJob>& live() const { return live_; }
  // kRollUp: the jobs, live or ended, for which a roll-up has rules of its own: those in reservations and
  // those that were suspended. Valid until the next Update.
  std::vector<const LiveJob*> Exceptions() const;

 private:
  // Jobs that ended in [start of this bucket, start + width), none after as_of.
  struct Bucket {
    std::int64_t width = 0;
    std::unordered_map<std::size_t, JobTotals> totals;          // by group
    std::map<std::size_t, JobHistograms> histograms;            // by shape
    std::unordered_map<std::size_t, JobEfficiency> efficiency;  // by group
    std::vector<LiveJob> exceptions;
    std::vector<std::uint64_t> keys;  // of all its rows, packed; sorted once it is in the book

    // What another one has, of an earlier or later time.
    void Add(const Bucket& other);
  };
  using Buckets = std::map<std::int64_t, Bucket>;  // by start

  // Rows on their way into the book.
  struct Reading {
    explicit Reading(const Moment& at) : now(at.now), as_of(at.as_of), live(at.live) {}

    std::int64_t now;
    std::int64_t as_of;
    bool live;
    Buckets buckets;
    std::vector<LiveJob> jobs;  // open, or ended after as_of
    std::vector<LiveJob> held;  // ended, but waiting for their suspensions to be read
    // The bucket of the last row: rows come by their end.
    std::int64_t last_start = 0;
    Bucket* last = nullptr;
  };

  std::size_t GroupOf(const JobRow& row);
  // The group's share of one hour.
  std::size_t HourOf(std::size_t group, std::int64_t hour);
  struct GroupKey;
  std::size_t IndexOf(const GroupKey& key);
  std::size_t ShapeOf(const GroupKey& key);
  void ObserveStart(JobHistograms& histograms, std::uint64_t time_eligible, std::uint64_t time_start) const;
  // `seconds`: its whole run. `limit`: its time limit in minutes.
  void ObserveEnd(JobHistograms& histograms, JobState state, std::int64_t seconds,
                  std::optional<std::uint64_t> limit) const;
  // By kEnforced: what a job that held resources within [start, end) adds.
  void CountEnforced(TresSums& sums, const JobGroup& group, const TresCounts& tres_alloc, std::int64_t start,
                     std::int64_t end) const;
  // By kCharged: what a job comes to until as_of; `add` takes the index of a group and the sum of an id.
  template <typename Add>
  void CountCharged(const LiveJob& job, std::int64_t as_of, Add add);
  // By kEfficiency: will its steps tell more?
  bool AwaitsSteps(const JobRow& row, const Reading& reading) const;
  // Puts an ended job into its bucket, its suspensions known.
  void Settle(const LiveJob& job, Reading& reading);
  LiveJob JobOf(const JobRow& row);
  void Take(const JobRow& row, Reading& reading);
  Bucket& BucketAt(std::int64_t time, Reading& reading) const;
  // Reads the suspensions that matter, puts the held rows into their buckets and sorts the buckets' keys.
  void Finish(JobSource& source, Reading& reading);
  void ReadBucket(JobSource& source, std::int64_t time, Reading& reading);
  // Every bucket gets the width that its age asks for at `now`.
  void Coalesce(std::int64_t now);
  // Starts of buckets before `from` that have to be read again, by what is and what is not in `reading`.
  std::set<std::int64_t> FindStale(JobSource& source, std::int64_t from, const Reading& reading) const;
  void SumUp(const Bucket& bucket);
  void SumUp();

  LedgerOptions options_;
  Moment moment_;
  std::vector<JobGroup> groups_;
  std::unordered_multimap<std::size_t, std::size_t> group_index_;  // hash of a group -> its index
  std::vector<std::uint32_t>
      met_;  // by the hash's last bits: the group found last, which is likely to come again
  std::vector<std::size_t> whole_;     // by group: the one with hour 0
  std::vector<std::size_t> shape_of_;  // by group
  std::vector<JobShape> shapes_;
  Buckets buckets_;
  Bucket frozen_;  // what ended before them
  std::vector<LiveJob> live_;
  std::vector<JobTotals> totals_;
  std::vector<JobHistograms> histograms_;
  std::vector<JobEfficiency> efficiency_;
  TresCounts scratch_;
  std::int64_t read_at_ = 0;     // `now` of the last successful reading
  std::int64_t widened_at_ = 0;  // of the last one with a wide window
  std::optional<std::int64_t> counted_at_;
  std::uint64_t max_db_inx_ = 0;
  std::optional<std::int64_t> last_rollup_;
  std::optional<std::int64_t> reroll_from_;  // a re-roll was seen and not yet answered
};

}  // namespace slurmdb
