// How books are kept up to date: what Accounting, for the present, and Replay, for the past, do alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

class JobReader;
class UsageReader;

// Where counters start: at the beginning of a period of slurmdbd's calendar, or at an instant (epoch
// seconds).
using Epoch = std::variant<Period, std::int64_t>;

// What counters are of: consumption within [epoch, until], events from the epoch on and before `until`.
struct CounterPeriod {
  std::int64_t epoch = 0;
  std::int64_t until = kEver;
};

// That of a page as of `as_of`. The instant at which a period ends shows all of it, and nothing of the next.
CounterPeriod CounterPeriodAt(const Epoch& epoch, const Calendar& calendar, std::int64_t as_of);

// Sets the period of a book that is to be brought up to `as_of`. `kept`, the book that there is, or null,
// first shows its own period as a whole, whenever that ended: else what was counted since its last update
// would be seen by nobody.
template <typename Book>
void SetPeriod(const Book* kept, CounterPeriod period, std::int64_t as_of, LedgerOptions& options) {
  if (kept != nullptr && kept->moment().as_of < kept->options().until && kept->options().until < as_of)
    period = {kept->options().epoch, kept->options().until};
  options.epoch = period.epoch;
  options.until = period.until;
}

// All tables that are read, common ones and those of these clusters, unquoted, for Schema::Probe.
std::vector<std::string> TablesOf(const std::vector<std::string>& clusters);

// A new ledger that has counted, when the kept one cannot go on; else null.
std::unique_ptr<JobLedger> FreshLedger(const JobLedger* kept, const LedgerOptions& options, JobSource& source,
                                       const Moment& moment);

// Brings the ledger that counts what jobs did since the roll-ups up to `moment`, or takes it away when
// roll-ups have stood still for too long. In the snapshot in which `rollups` was brought up to date.
void UpdateSinceRollup(const UsageBook& rollups, LedgerOptions options, JobSource& jobs, const Moment& moment,
                       std::unique_ptr<JobLedger>& ledger);

// From when on all rows of jobs that ended since `from` are there: `from`, or when the oldest one ended if by
// `as_of` there is usage from before, whose jobs must have been purged.
std::int64_t JobsKeptFrom(JobReader& jobs, UsageReader& usage, const Calendar& calendar, std::int64_t from,
                          std::int64_t as_of);

}  // namespace slurmdb
