// What the jobs of one cluster cost, as it was known at one moment after the other.
//
// Costs are counted since an instant that stays the same for weeks, and then since another one, long past by
// then. So that the rows need not be kept, the ledger that will take over is begun when its time begins, and
// both go forward day by day: there are two at the most.
//
//   ReplayedCosts costs(tariff, options, names, purged, calendar, from, to);
//   costs.EndDay(rows, midnight);   // each one from first_epoch() on
//   costs.MoveTo(rows, time);       // within [from, to]
//   Use(costs.ledger(), costs.charged_from());
//
// `rows` is a table as it was then, with at least all that ended since the midnight before. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/tariff.h"

namespace slurmdb {

// Which job rows are no longer there.
struct PurgedJobs {
  std::optional<std::int64_t> oldest_end;  // of those that are
  // Was it known at `time` that rows of jobs that ended since `epoch` are gone? Known once is known for good.
  std::function<bool(std::int64_t epoch, std::int64_t time)> since;
};

class ReplayedCosts {
 public:
  // All moments will lie within [from, to].
  ReplayedCosts(std::shared_ptr<const Tariff> tariff, LedgerOptions options, ClusterNames names,
                PurgedJobs purged, const Calendar& calendar, std::int64_t from, std::int64_t to);

  // Nothing is counted before.
  std::int64_t first_epoch() const { return *epochs_.begin(); }
  void EndDay(JobSource& rows, std::int64_t midnight);
  void MoveTo(JobSource& rows, std::int64_t time);
  // As of the last moment; null before the first.
  const JobLedger* ledger() const { return shown_; }
  // Job rows that ended before may have been purged.
  std::int64_t charged_from() const { return charged_from_; }
  // How many ledgers there are.
  std::size_t size() const { return counts_.size(); }

 private:
  struct Count {
    std::unique_ptr<JobLedger> ledger;
    std::int64_t purged_at = 0;  // from when on it is known that rows are gone
  };

  Count Begin(JobSource& rows, std::int64_t epoch, const Moment& moment) const;
  std::int64_t PurgedAt(std::int64_t epoch) const;

  std::shared_ptr<const Tariff> tariff_;
  LedgerOptions options_;
  ClusterNames names_;
  PurgedJobs purged_;
  std::int64_t from_;
  std::int64_t to_;
  std::set<std::int64_t> epochs_;         // of all moments
  std::map<std::int64_t, Count> counts_;  // by epoch
  const JobLedger* shown_ = nullptr;
  std::int64_t charged_from_ = 0;
};

}  // namespace slurmdb
