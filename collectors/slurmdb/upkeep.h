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

// Where counters start: at the beginning of a period of slurmdbd's calendar, or at an instant (epoch
// seconds).
using Epoch = std::variant<Period, std::int64_t>;

// The start of the counters that a page as of `as_of` shows.
std::int64_t EpochAt(const Epoch& epoch, const Calendar& calendar, std::int64_t as_of);

// All tables that are read, common ones and those of these clusters, unquoted, for Schema::Probe.
std::vector<std::string> TablesOf(const std::vector<std::string>& clusters);

// A new ledger that has counted, when the kept one cannot go on; else null.
std::unique_ptr<JobLedger> FreshLedger(const JobLedger* kept, const LedgerOptions& options, JobSource& source,
                                       const Moment& moment);

// Brings the ledger that counts what jobs did since the roll-ups up to `moment`, or takes it away when
// roll-ups have stood still for too long. In the snapshot in which `rollups` was brought up to date.
void UpdateSinceRollup(const UsageBook& rollups, LedgerOptions options, JobSource& jobs, const Moment& moment,
                       std::unique_ptr<JobLedger>& ledger);

}  // namespace slurmdb
