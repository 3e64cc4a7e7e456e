// What slurmdbd has rolled up, of one cluster: TRES-seconds by association, wckey and QOS over any period.
//
//   UsageBook book(options);
//   book.Update(source, moment);             // each poll, in one snapshot
//   book.RolledUp(UsageKind::kAssociation, from, to);
//
// A period is put together from months, days and hours, the coarsest that are there: months until the last
// one rolled up, days after them, hours after those. They are read once. A poll asks how far the roll-ups
// have come (all answered from the ends of indexes) and reads what changed since: by mod_time where that is
// indexed (23.02 and later), else the rows from where the last roll-up began. Where that was, the stamps on
// the cluster's own rows tell, of which there is one an hour, day and month. Rows that were removed (the
// runaway fix, a purge) are noticed by the oldest and the newest row of each table, which are looked for at
// each poll, and by when they were created: they may have been rolled up anew meanwhile. Then, and every
// recount_interval, all is read anew.
//
// slurmdbd rewrites its roll-ups, downwards too: these are gauges, never counters. Times are epoch seconds.
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"

namespace slurmdb {

enum class UsageKind { kAssociation, kWckey, kQos };
inline constexpr std::array kAllUsageKinds = {UsageKind::kAssociation, UsageKind::kWckey, UsageKind::kQos};
inline constexpr std::size_t kUsageKinds = kAllUsageKinds.size();
enum class UsageLevel { kHour, kDay, kMonth };
inline constexpr std::array kAllUsageLevels = {UsageLevel::kHour, UsageLevel::kDay, UsageLevel::kMonth};
inline constexpr std::size_t kUsageLevels = kAllUsageLevels.size();

// By level.
template <typename T>
using ByLevel = std::array<T, kUsageLevels>;

// A row of a usage table. Which one say the first three and time_start.
struct UsageRow {
  std::uint32_t id = 0;   // association or wckey; a QOS has a row for each association that used it
  std::uint32_t qos = 0;  // of the QOS tables only
  std::uint32_t tres = 0;
  std::int64_t time_start = 0;
  std::uint64_t seconds = 0;  // TRES-seconds in Slurm's units; joules for energy
};

// A row that has to be there still.
struct UsageWitness {
  UsageLevel level = UsageLevel::kHour;
  std::uint32_t id = 0;
  std::uint32_t tres = 0;
  std::int64_t time_start = 0;

  bool operator<(const UsageWitness& other) const {
    return std::tie(level, id, tres, time_start) <
           std::tie(other.level, other.id, other.tres, other.time_start);
  }
};

// When the cluster's own rows of a level were written, by time_start. Every roll-up stamps all of its span.
using UsageStamps = std::map<std::int64_t, std::int64_t>;

// How far slurmdbd has come.
struct UsageMarks {
  // last_ran_table, by level; none before the first roll-up.
  std::optional<ByLevel<std::int64_t>> last_ran;
  // The start of the newest hour, day and month of the cluster's own usage; 0 for none.
  ByLevel<std::int64_t> newest{};
  // The newest mod_time by kind and level; none where it is not indexed.
  std::array<ByLevel<std::optional<std::int64_t>>, kUsageKinds> changed;
  // When the witnesses were created; none where one is gone.
  std::map<UsageWitness, std::optional<std::int64_t>> created;
};

// Where the rows come from: one cluster's tables. Implementations throw DatabaseError.
class UsageSource {
 public:
  using Sink = std::function<void(const UsageRow&)>;

  virtual ~UsageSource() = default;
  virtual bool Has(UsageKind kind) const = 0;
  virtual UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) = 0;
  // Of the rows with time_start >= from.
  virtual ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& from) = 0;
  // Rows with time_start >= from and, unless it is none, mod_time > changed_after.
  virtual void Read(UsageKind kind, UsageLevel level, std::int64_t from,
                    std::optional<std::int64_t> changed_after, const Sink& sink) = 0;
};

// Where what is rolled up ends at `as_of`, by level: an hour's, a day's and a month's start.
ByLevel<std::int64_t> RolledUpUntil(const UsageMarks& marks, const Calendar& calendar, std::int64_t as_of);
// Local hours start a whole number of hours after local midnight, in zones with half hours too.
std::int64_t HourStart(const Calendar& calendar, std::int64_t time);

struct UsageOptions {
  Calendar calendar{""};
  std::int64_t recount_interval = 86400;
  // Months are kept from here on, or from the beginning of last year if that is earlier.
  std::int64_t months_from = std::numeric_limits<std::int64_t>::max();
};

// Sums by id (association, wckey or QOS) and TRES, sorted. Modulo 2^64, as Slurm's own sums are.
using UsageSums = std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t>;

class UsageBook {
 public:
  explicit UsageBook(UsageOptions options);

  // Brings the book up to `moment`. When it throws, the old book stands.
  void Update(UsageSource& source, const Moment& moment);

  const Moment& moment() const { return moment_; }
  // Everything before this instant has been rolled up at least once; 0 for nothing.
  std::int64_t rolled_up_until() const { return until_[0]; }
  // What lies after it may be rolled up once more: something about the past came in. Never after
  // rolled_up_until().
  std::int64_t settled_until() const { return settled_; }
  // Hours are kept from here on, a day's start.
  std::int64_t hours_from() const { return keep_[0]; }
  // Whether slurmdbd's days of late begin when the calendar's do, that is, whether the time zone is right;
  // none before the first day.
  std::optional<bool> DaysAgree() const;
  bool Has(UsageKind kind) const { return has_[static_cast<std::size_t>(kind)]; }
  // Within [from, to); `from` is the start of a day, `to` too or an hour's after hours_from().
  UsageSums RolledUp(UsageKind kind, std::int64_t from, std::int64_t to) const;
  // Changes whenever the book does.
  std::uint64_t revision() const { return revision_; }

 private:
  using RowKey = std::array<std::uint32_t, 3>;               // id, QOS, TRES
  using Slot = std::uint32_t;                                // index into Kind::slots
  using Rows = std::vector<std::pair<Slot, std::uint64_t>>;  // by slot
  using Bins = std::map<std::int64_t, Rows>;                 // by time_start
  struct Kind {
    std::vector<RowKey> slots;
    std::map<RowKey, Slot> index;
    ByLevel<Bins> bins;
  };
  using Kinds = std::array<Kind, kUsageKinds>;
  // Rows of one table on their way into the book. From `replaced_from` on they are all there are.
  struct Change {
    UsageKind kind;
    UsageLevel level;
    std::int64_t replaced_from;
    std::map<std::int64_t, std::map<RowKey, std::uint64_t>> rows;  // by time_start
  };

  // From where rows of each level are needed when they have been rolled up `until` then.
  ByLevel<std::int64_t> KeepFrom(const ByLevel<std::int64_t>& until, std::int64_t as_of) const;
  std::vector<UsageWitness> Witnesses() const;
  // Has one gone, if only for a while?
  bool Missing(const UsageMarks& marks) const;
  // The start of the first row that was written since the last Update; none if nothing was.
  std::optional<std::int64_t> FirstWritten(std::size_t level, const UsageStamps& stamps) const;
  std::int64_t FloorHour(std::int64_t time) const;
  // The start of the hour, day or month, whichever the level is.
  std::int64_t Floor(UsageLevel level, std::int64_t time) const;
  void Store(const Change& change);

  UsageOptions options_;
  Moment moment_;
  std::array<bool, kUsageKinds> has_{};
  ByLevel<std::int64_t> until_{};  // rolled up so far
  ByLevel<std::int64_t> keep_{};   // the oldest that may be asked for
  std::int64_t settled_ = 0;
  Kinds kinds_;
  std::optional<UsageMarks> marks_;
  ByLevel<UsageStamps> stamps_;       // where rows of some kind are not found by mod_time
  std::int64_t lowest_last_ran_ = 0;  // since the rows were last read
  std::int64_t read_all_at_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace slurmdb
