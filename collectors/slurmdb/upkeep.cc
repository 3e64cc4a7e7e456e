#include "collectors/slurmdb/upkeep.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "collectors/slurmdb/cluster_books.h"
#include "collectors/slurmdb/history.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/usage_reader.h"

namespace slurmdb {

CounterPeriod CounterPeriodAt(const Epoch& epoch, const Calendar& calendar, std::int64_t as_of) {
  if (const auto* instant = std::get_if<std::int64_t>(&epoch)) return {*instant, kEver};
  const auto period = std::get<Period>(epoch);
  return {calendar.PeriodStart(period, as_of - 1), calendar.NextStart(period, as_of - 1)};
}

std::vector<std::string> TablesOf(const std::vector<std::string>& clusters) {
  std::vector<std::string> tables = {"txn_table", "acct_table",    "acct_coord_table",
                                     "qos_table", "cluster_table", "user_table"};
  for (const std::string& name : clusters) {
    for (std::string& table : ClusterBooks::Tables(name)) tables.push_back(std::move(table));
  }
  return tables;
}

std::unique_ptr<JobLedger> FreshLedger(const JobLedger* kept, const LedgerOptions& options, JobSource& source,
                                       const Moment& moment) {
  if (kept != nullptr && kept->options().epoch == options.epoch && !kept->NeedsRecount(moment))
    return nullptr;
  auto fresh = std::make_unique<JobLedger>(options);
  fresh->Recount(source, moment);
  return fresh;
}

void UpdateSinceRollup(const UsageBook& rollups, LedgerOptions options, JobSource& jobs, const Moment& moment,
                       std::unique_ptr<JobLedger>& ledger) {
  // When roll-ups stand still for so long, the totals of a month are not worth reading all its jobs for.
  constexpr std::int64_t kFarthest = 32 * std::int64_t{86400};
  options.rule = Rule::kRollUp;
  options.epoch = rollups.hours_from();
  if (moment.as_of - options.epoch > kFarthest) {
    ledger.reset();
    return;
  }
  std::unique_ptr<JobLedger> fresh = FreshLedger(ledger.get(), options, jobs, moment);
  (fresh != nullptr ? *fresh : *ledger).Update(jobs, moment);
  if (fresh != nullptr) ledger = std::move(fresh);
}

std::int64_t JobsKeptFrom(JobReader& jobs, UsageReader& usage, const Calendar& calendar, std::int64_t from,
                          std::int64_t as_of) {
  const std::optional<std::int64_t> oldest = jobs.OldestEnd();
  if ((oldest && *oldest <= from) || !usage.Has(UsageKind::kAssociation))
    return from;  // else nobody can tell
  // There were no jobs before, or they are gone; usage tells which.
  const std::int64_t first = oldest.value_or(as_of);
  // The first jobs of a new cluster may have run over midnight: that is their own usage. Where they began
  // before `from`, others must have ended since.
  const std::int64_t start = jobs.OldestStart().value_or(first);
  const std::int64_t day = calendar.PeriodStart(Period::kDay, start > from ? std::min(start, first) : first);
  if (day <= from) return from;
  // As far as roll-ups had come by then.
  const std::int64_t then = std::min(as_of, calendar.NextStart(Period::kDay, first));
  const ByLevel<std::int64_t> until = RolledUpUntil(usage.ReadMarks({}), calendar, then);
  bool any = false;
  for (const UsageSpan& span : UsageSpansOf(calendar, until, UsageLevel::kMonth, from, day)) {
    usage.ReadWithin(UsageKind::kAssociation, span.level, span.from, span.to,
                     [&](const UsageRow& row) { any |= row.seconds != 0; });
  }
  return any ? first : from;
}

}  // namespace slurmdb
