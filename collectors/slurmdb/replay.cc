#include "collectors/slurmdb/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "collectors/slurmdb/audit_reader.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/upkeep.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kDay = 86400;
// Jobs are not counted from further back when roll-ups stand still: see UpdateSinceRollup.
constexpr std::int64_t kFarthest = 33 * kDay;
// As far as a ledger may look back behind its last moment and its overlap, at the most: to the start of an
// hour. They are that fine for longer than a day, which is as far as moments are apart.
constexpr std::int64_t kLookBack = 7200;
constexpr std::int64_t kFineFor = 2 * kDay;

LedgerOptions WithoutUpkeep(LedgerOptions options) {
  options.frozen = true;
  options.wide_window = options.overlap + kFineFor;
  options.overlap = 0;
  options.wide_interval = kEver;
  options.recount_interval = kEver;
  return options;
}

}  // namespace

const std::array<Replay::Span, 2> Replay::kSpans = {{{6, 0, 6 * kDay}, {36, 6 * kDay, 36 * kDay}}};

const std::set<Book>& Replay::Books() {
  static const std::set<Book> kOfThePast = {Book::kJobs,  Book::kUsage, Book::kCluster,   Book::kNodes,
                                            Book::kAudit, Book::kCost,  Book::kEfficiency};
  return kOfThePast;
}

Replay::Replay(AccountingOptions options, std::set<Book> books)
    : options_(std::move(options)), books_(std::move(books)), db_(options_.connection) {
  overlap_ = options_.ledger.overlap;
  options_.ledger = WithoutUpkeep(options_.ledger);
  if (Wants(Book::kCluster)) books_.insert(Book::kUsage);
  if (Wants(Book::kAudit)) books_.insert(Book::kJobs);
}

std::int64_t Replay::Open() {
  db_.Connect();
  now_ = ReadServerTime(db_);
  ReadNames();
  return now_;
}

void Replay::ReadNames() {
  std::vector<std::string> names = ReadClusters(db_);
  std::erase_if(names, [&](const std::string& name) { return !options_.accepts_cluster(name); });
  schema_ = Schema::Probe(db_, TablesOf(names));
  tres_ = ReadTres(db_);
  qos_ = ReadQosNames(db_);
  if (schema_.Has("acct_table", "organization")) accounts_ = ReadAccounts(db_);
  if (schema_.Has("acct_coord_table", "acct")) coordinators_ = ReadCoordinators(db_);
  for (const std::string& name : names) {
    Cluster& cluster = clusters_[name];
    cluster.associations = AssociationTree(ReadAssociations(db_, schema_, name));
    if (schema_.Has(name + "_wckey_table", "wckey_name")) cluster.wckeys = ReadWckeys(db_, name);
    cluster.job_reader = std::make_unique<JobReader>(db_, schema_, name, std::nullopt);
    cluster.usage_reader = std::make_unique<UsageReader>(
        db_, schema_, name, UsageReader::IdsOf(cluster.associations, cluster.wckeys, qos_, tres_));
    if (Wants(Book::kEfficiency)) PrepareEfficiency(name, cluster);
  }
}

void Replay::SetRange(std::int64_t from, std::int64_t to) {
  to_ = to;
  first_epoch_ = PeriodOf(from).epoch;
  if (first_epoch_ > from) throw std::runtime_error("counters begin after the first moment asked for");
  const auto day_before = [&](std::int64_t time) {
    const Calendar& calendar = options_.calendar;
    return calendar.PeriodStart(Period::kDay, calendar.PeriodStart(Period::kDay, time) - 1);
  };
  start_ = day_before(first_epoch_);
  midnight_ = from;
  if (Wants(Book::kAudit)) PrepareTransactions();
  for (auto& [name, cluster] : clusters_) {
    if (Wants(Book::kCluster)) PrepareCapacity(name, cluster);
    if (Wants(Book::kCluster) || Wants(Book::kNodes)) PrepareEvents(name, cluster);
    if (Wants(Book::kUsage)) {
      PrepareUsage(name, cluster);
      UpdateRollups(cluster, {from, from, false});
      start_ = std::min(start_, options_.calendar.PeriodStart(Period::kDay, FirstRowNeeded(cluster, from)));
    }
    if (Wants(Book::kCost)) {
      PrepareCosts(name, cluster, from);
      start_ = std::min(start_, day_before(cluster.costs->first_epoch()));
    }
  }
  next_day_ = start_;
  midnight_ = start_;
  for (auto& [name, cluster] : clusters_) LoadLongest(cluster);
}

void Replay::PrepareUsage(const std::string& name, Cluster& cluster) {
  if (!cluster.usage_reader->Has(UsageKind::kAssociation))
    throw DatabaseError(Reason::kSchema, name + "_assoc_usage_…_table: not there, or not granted");
  cluster.usage_rows = std::make_unique<ReplayedUsage>(
      *cluster.usage_reader,
      [&reader = *cluster.usage_reader](UsageKind kind, UsageLevel level, std::int64_t from, std::int64_t to,
                                        const UsageSource::Sink& sink) {
        reader.ReadWithin(kind, level, from, to, sink);
      },
      options_.calendar, to_);
  cluster.rollups = std::make_unique<UsageBook>(UsageOptions{options_.calendar, kEver});
  cluster.usage = std::make_unique<UsageSummary>(options_.calendar);
}

void Replay::PrepareCapacity(const std::string& name, Cluster& cluster) {
  cluster.status = std::make_unique<ClusterStatus>(options_.calendar);
  cluster.status->row = ReadCluster(db_, schema_, name).value_or(ClusterRow{});
  cluster.capacity_reader = std::make_unique<ClusterUsageReader>(db_, schema_, name, tres_.ids(), now_);
  cluster.capacity_rows = std::make_unique<ReplayedUsage>(
      *cluster.capacity_reader,
      [&reader = *cluster.capacity_reader](UsageKind /*kind*/, UsageLevel level, std::int64_t from,
                                           std::int64_t to, const UsageSource::Sink& sink) {
        reader.ReadWithin(level, from, to, sink);
      },
      options_.calendar, to_);
  cluster.capacity = std::make_unique<UsageBook>(UsageOptions{options_.calendar, kEver});
}

void Replay::PrepareEvents(const std::string& name, Cluster& cluster) {
  cluster.event_reader = std::make_unique<EventReader>(db_, schema_, name);
  if (cluster.event_reader->readable()) {
    cluster.events = std::make_unique<ReplayedEvents>(
        *cluster.event_reader,
        [&reader = *cluster.event_reader](std::int64_t from, std::int64_t to, const EventSource::Sink& sink) {
          reader.ReadWithin(from, to, sink);
        },
        options_.calendar);
  } else if (Wants(Book::kNodes)) {
    throw DatabaseError(Reason::kSchema, EventReader::Table(name) + ": not there, or not granted");
  }
}

void Replay::PrepareEfficiency(const std::string& name, Cluster& cluster) {
  LedgerOptions& options = cluster.efficiency_options;
  options = options_.ledger;
  options.rule = Rule::kEfficiency;
  options.overlap = overlap_;  // says how long steps that have not finished are waited for
  options.efficiency = JobStepReader::RulesOf(schema_, name, tres_, options_.memory_formula);
  cluster.step_reader = std::make_unique<JobStepReader>(db_, schema_, name, options.efficiency);
  if (!cluster.step_reader->readable())
    throw DatabaseError(Reason::kSchema, JobStepReader::Table(name) + ": not there, or not granted");
}

void Replay::PrepareCosts(const std::string& name, Cluster& cluster, std::int64_t from) {
  if (options_.tariff == nullptr) throw DatabaseError(Reason::kInternal, "there is no tariff");
  PurgedJobs purged;
  purged.oldest_end = cluster.job_reader->OldestEnd();
  purged.since = [this, &cluster](std::int64_t epoch, std::int64_t time) {
    return JobsKeptFrom(*cluster.job_reader, *cluster.usage_reader, options_.calendar, epoch, time) != epoch;
  };
  cluster.costs = std::make_unique<ReplayedCosts>(
      options_.tariff, options_.ledger, ClusterNames{name, &cluster.associations, &accounts_, &qos_, &tres_},
      std::move(purged), options_.calendar, from, to_);
}

void Replay::PrepareTransactions() {
  if (!TransactionReader::Readable(schema_)) return;
  TransactionReader reader(db_);
  transactions_ = std::make_unique<ReplayedTransactions>(options_.accepts_cluster);
  transactions_->Read(reader, ReadNewestTransaction(db_), first_epoch_, to_);
}

void Replay::Load(Cluster& cluster, std::int64_t from, std::int64_t to, std::int64_t submitted_from,
                  std::int64_t submitted_to) {
  std::vector<std::uint64_t> suspended;
  std::vector<std::uint64_t> with_steps;
  const auto add = [&](const JobRow& row) {
    if (!cluster.rows.Add(row)) return;
    if (row.time_suspended != 0 || JobStateOf(row.state) == JobState::kSuspended)
      suspended.push_back(row.db_inx);
    if (cluster.step_reader != nullptr && JobStepReader::MayHaveSteps(row)) with_steps.push_back(row.db_inx);
  };
  if (to == 0) {
    cluster.job_reader->ReadOpen(add);
  } else {
    cluster.job_reader->ReadSubmitted(from, to, submitted_from, submitted_to, add);
  }
  std::sort(suspended.begin(), suspended.end());
  for (const Suspension& suspension : cluster.job_reader->ReadSuspensions(suspended))
    cluster.rows.Add(suspension);
  if (with_steps.empty()) return;
  for (const auto& [db_inx, use] : cluster.step_reader->ReadUses(with_steps)) cluster.rows.Add(db_inx, use);
}

void Replay::LoadLongest(Cluster& cluster) {
  const Calendar& calendar = options_.calendar;
  // Open rows first: whatever ends meanwhile is known as it was when all began.
  Load(cluster, 0, 0, 0, 0);
  for (std::int64_t day = start_; day <= LastEnd();) {
    const std::int64_t next = calendar.NextStart(Period::kDay, day);
    Load(cluster, day, next, 0, std::min(day - kSpans.back().farthest, to_ + 1));
    day = next;
  }
}

// A row may end a little after the clock was read.
std::int64_t Replay::LastEnd() const { return options_.calendar.NextStart(Period::kDay, now_); }

void Replay::LoadSpan(Cluster& cluster, const Span& span, std::int64_t day) {
  const Calendar& calendar = options_.calendar;
  std::int64_t end = day;
  for (int i = 0; i < span.days; ++i) end = calendar.NextStart(Period::kDay, end);
  // The first ones bring along what is there already.
  const bool is_first = day == start_;
  std::int64_t ended = is_first ? day : calendar.PeriodStart(Period::kDay, day + span.nearest);
  const std::int64_t last = std::min(end + span.farthest - 1, LastEnd());
  while (ended <= last) {
    const std::int64_t next = calendar.NextStart(Period::kDay, ended);
    const std::int64_t from = std::max(is_first ? 0 : day, ended - span.farthest);
    const std::int64_t to = std::min({end, to_ + 1, ended - span.nearest});
    if (from < to) Load(cluster, ended, next, from, to);
    ended = next;
  }
}

void Replay::LoadDay(Cluster& cluster, std::int64_t day) {
  Load(cluster, day, options_.calendar.NextStart(Period::kDay, day), day, kEver);
}

std::int64_t Replay::FirstRowNeeded(const Cluster& cluster, std::int64_t time) const {
  std::int64_t first = midnight_ - overlap_ - kLookBack;
  if (cluster.rollups != nullptr) {
    const std::int64_t hours = cluster.rollups->hours_from();
    // The next day's roll-up is looked at first.
    first = std::min(first, time - hours > kFarthest
                                ? options_.calendar.PeriodStart(
                                      Period::kDay, options_.calendar.PeriodStart(Period::kDay, time) - 1)
                                : hours);
  }
  return first;
}

void Replay::UpdateLedger(Cluster& cluster, LedgerOptions options, const Moment& moment,
                          std::unique_ptr<JobLedger>& ledger) const {
  SetPeriod(ledger.get(), PeriodOf(moment.as_of), moment.as_of, options);
  std::unique_ptr<JobLedger> fresh = FreshLedger(ledger.get(), options, cluster.rows, moment);
  if (fresh != nullptr) ledger = std::move(fresh);
  ledger->Update(cluster.rows, moment);
}

void Replay::UpdateLedgers(Cluster& cluster, const Moment& moment) const {
  if (Wants(Book::kJobs)) UpdateLedger(cluster, options_.ledger, moment, cluster.jobs);
  if (Wants(Book::kEfficiency)) UpdateLedger(cluster, cluster.efficiency_options, moment, cluster.efficiency);
}

void Replay::UpdateRollups(Cluster& cluster, const Moment& moment) {
  if (cluster.rollups == nullptr || cluster.rollups->moment().as_of >= moment.as_of) return;
  cluster.usage_rows->MoveTo(moment.as_of);
  cluster.rollups->Update(*cluster.usage_rows, moment);
  if (cluster.capacity == nullptr || !cluster.capacity_reader->Has(UsageKind::kAssociation)) return;
  cluster.capacity_rows->MoveTo(moment.as_of);
  cluster.capacity->Update(*cluster.capacity_rows, moment);
}

void Replay::UpdateUsage(Cluster& cluster, const Moment& moment) const {
  UpdateSinceRollup(*cluster.rollups, options_.ledger, cluster.rows, moment, cluster.since_rollup);
  cluster.usage->Update(*cluster.rollups, cluster.since_rollup.get());
}

void Replay::UpdateStatus(Cluster& cluster, const Moment& moment) {
  ClusterStatus& status = *cluster.status;
  const bool has_usage = cluster.capacity_reader->Has(UsageKind::kAssociation);
  const EventBook* events = cluster.events == nullptr ? nullptr : cluster.events->book();
  status.at = moment;
  status.registered = events == nullptr ? std::nullopt : events->registration(moment.now);
  status.live.reset();
  if (!has_usage) return;
  status.usage.Update(*cluster.capacity, nullptr);
  const std::int64_t since = cluster.capacity->rolled_up_until();
  if (events != nullptr && since != 0 && cluster.since_rollup != nullptr) {
    status.live = EstimateCapacity(*events, cluster.event_reader->planned_down(), *cluster.since_rollup,
                                   since, moment.as_of);
  }
}

void Replay::MoveTo(std::int64_t time) {
  for (; next_day_ <= time; next_day_ = options_.calendar.NextStart(Period::kDay, next_day_)) {
    for (auto& [name, cluster] : clusters_) {
      // The day before is over: counted now, most of its rows can go.
      const Moment midnight{next_day_, next_day_, false};
      UpdateRollups(cluster, midnight);
      cluster.rows.MoveTo(next_day_, FirstRowNeeded(cluster, next_day_));
      if (next_day_ >= first_epoch_) UpdateLedgers(cluster, midnight);
      if (Wants(Book::kCost)) cluster.costs->EndDay(cluster.rows, next_day_);
      for (const Span& span : kSpans) {
        if (days_ % span.days == 0) LoadSpan(cluster, span, next_day_);
      }
      LoadDay(cluster, next_day_);
    }
    midnight_ = next_day_;
    ++days_;
  }
  const Moment moment{time, time, false};
  if (transactions_ != nullptr) transactions_->MoveTo(PeriodOf(time), time);
  for (auto& [name, cluster] : clusters_) {
    UpdateRollups(cluster, moment);
    cluster.rows.MoveTo(time, FirstRowNeeded(cluster, time));
    UpdateLedgers(cluster, moment);
    if (Wants(Book::kCost)) cluster.costs->MoveTo(cluster.rows, time);
    if (Wants(Book::kUsage)) UpdateUsage(cluster, moment);
    if (cluster.events != nullptr) cluster.events->MoveTo(time);
    if (Wants(Book::kCluster)) UpdateStatus(cluster, moment);
  }
}

AccountingView Replay::View() const {
  AccountingView view;
  view.tres = &tres_;
  view.qos = &qos_;
  view.accounts = &accounts_;
  view.coordinators = &coordinators_;
  if (transactions_ != nullptr) view.transactions = transactions_->book();
  for (const auto& [name, cluster] : clusters_) {
    ClusterView& one = view.clusters.emplace_back();
    one.name = name;
    one.associations = &cluster.associations;
    one.jobs = cluster.jobs.get();
    one.usage = cluster.usage.get();
    one.wckeys = &cluster.wckeys;
    one.status = cluster.status.get();
    one.efficiency = cluster.efficiency.get();
    if (cluster.events != nullptr) one.events = cluster.events->book();
    if (cluster.costs != nullptr) {
      one.charged = cluster.costs->ledger();
      one.charged_from = cluster.costs->charged_from();
    }
  }
  return view;
}

std::size_t Replay::rows_kept() const {
  std::size_t rows = 0;
  for (const auto& [name, cluster] : clusters_) rows += cluster.rows.size();
  return rows;
}

std::vector<std::string> Replay::missing_columns() const {
  std::vector<std::string> all;
  for (const auto& [name, cluster] : clusters_) {
    for (std::string& column : cluster.job_reader->MissingColumns()) all.push_back(std::move(column));
    if (cluster.step_reader == nullptr) continue;
    for (std::string& column : cluster.step_reader->MissingColumns()) all.push_back(std::move(column));
  }
  return all;
}

}  // namespace slurmdb
