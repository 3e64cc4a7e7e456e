#include "collectors/slurmdb/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "collectors/slurmdb/readers.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kDay = 86400;
// Jobs are not counted from further back when roll-ups stand still: see UpdateSinceRollup.
constexpr std::int64_t kFarthest = 33 * kDay;
// As far as a ledger may look back behind its last moment, at the most: to the start of an hour.
constexpr std::int64_t kLookBack = 7200;

LedgerOptions WithoutUpkeep(LedgerOptions options) {
  options.overlap = 0;
  options.wide_interval = kEver;
  options.recount_interval = kEver;
  return options;
}

}  // namespace

const std::set<Book>& Replay::Books() {
  static const std::set<Book> kOfThePast = {Book::kJobs, Book::kUsage, Book::kCluster};
  return kOfThePast;
}

Replay::Replay(AccountingOptions options, std::set<Book> books)
    : options_(std::move(options)), books_(std::move(books)), db_(options_.connection) {
  options_.ledger = WithoutUpkeep(options_.ledger);
  if (Wants(Book::kCluster)) books_.insert(Book::kUsage);
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
  }
}

void Replay::SetRange(std::int64_t from, std::int64_t to) {
  to_ = to;
  first_epoch_ = PeriodOf(from).epoch;
  if (first_epoch_ > from) throw std::runtime_error("counters begin after the first moment asked for");
  const Calendar& calendar = options_.calendar;
  start_ = calendar.PeriodStart(Period::kDay, calendar.PeriodStart(Period::kDay, first_epoch_) - 1);
  const Moment first{from, from, false};
  at_ = from;
  for (auto& [name, cluster] : clusters_) {
    if (Wants(Book::kCluster)) PrepareCapacity(name, cluster);
    if (Wants(Book::kUsage)) {
      PrepareUsage(name, cluster);
      UpdateRollups(cluster, first);
      start_ = std::min(start_, calendar.PeriodStart(Period::kDay, FirstRowNeeded(cluster, from)));
    }
    if (Wants(Book::kCluster)) {
      EventReader events(db_, schema_, name);
      if (events.readable()) cluster.events->Update(events, first);
    }
  }
  next_day_ = start_;
  at_ = start_;
  for (auto& [name, cluster] : clusters_) LoadLongest(cluster);
}

void Replay::PrepareUsage(const std::string& name, Cluster& cluster) {
  cluster.usage_reader = std::make_unique<UsageReader>(
      db_, schema_, name, UsageReader::IdsOf(cluster.associations, cluster.wckeys, qos_, tres_));
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
  cluster.planned_down = EventReader(db_, schema_, name).planned_down();
  cluster.events = std::make_unique<EventBook>(options_.calendar, options_.ledger);
}

std::int64_t Replay::ChunkOf(std::int64_t day) const {
  return std::max(start_, options_.calendar.PeriodStart(Period::kMonth, day));
}

void Replay::Load(Cluster& cluster, std::int64_t from, std::int64_t to, std::int64_t submitted_from,
                  std::int64_t submitted_to) {
  std::vector<std::uint64_t> suspended;
  const auto add = [&](const JobRow& row) {
    const bool was_suspended = row.time_suspended != 0 || JobStateOf(row.state) == JobState::kSuspended;
    if (cluster.rows.Add(row) && was_suspended) suspended.push_back(row.db_inx);
  };
  if (to == 0) {
    cluster.job_reader->ReadOpen(add);
  } else {
    cluster.job_reader->ReadSubmitted(from, to, submitted_from, submitted_to, add);
  }
  std::sort(suspended.begin(), suspended.end());
  for (const Suspension& suspension : cluster.job_reader->ReadSuspensions(suspended))
    cluster.rows.Add(suspension);
}

void Replay::LoadLongest(Cluster& cluster) {
  const Calendar& calendar = options_.calendar;
  // Open rows first: whatever ends meanwhile is known as it was when all began.
  Load(cluster, 0, 0, 0, 0);
  // A row may end a little after the clock was read.
  const std::int64_t last = calendar.NextStart(Period::kDay, now_);
  for (std::int64_t day = start_; day <= last;) {
    const std::int64_t next = calendar.NextStart(Period::kDay, day);
    Load(cluster, day, next, 0, day > to_ ? to_ + 1 : ChunkOf(day));
    day = next;
  }
}

void Replay::LoadMonth(Cluster& cluster, std::int64_t day) {
  const Calendar& calendar = options_.calendar;
  const std::int64_t end = std::min(calendar.NextStart(Period::kMonth, day), to_ + 1);
  for (const std::int64_t begin = day; day < end;) {
    const std::int64_t next = calendar.NextStart(Period::kDay, day);
    if (day > begin) Load(cluster, day, next, begin, day);
    day = next;
  }
}

void Replay::LoadDay(Cluster& cluster, std::int64_t day) {
  Load(cluster, day, options_.calendar.NextStart(Period::kDay, day), day, kEver);
}

std::int64_t Replay::FirstRowNeeded(const Cluster& cluster, std::int64_t time) const {
  std::int64_t first = at_ - kLookBack;
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

void Replay::UpdateJobs(Cluster& cluster, const Moment& moment) {
  cluster.rows.MoveTo(moment.as_of, FirstRowNeeded(cluster, moment.as_of));
  LedgerOptions options = options_.ledger;
  SetPeriod(cluster.jobs.get(), PeriodOf(moment.as_of), moment.as_of, options);
  std::unique_ptr<JobLedger> fresh = FreshLedger(cluster.jobs.get(), options, cluster.rows, moment);
  if (fresh != nullptr) cluster.jobs = std::move(fresh);
  cluster.jobs->Update(cluster.rows, moment);
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
  const bool has_events = cluster.events->moment().now != 0;
  status.at = moment;
  status.registered = has_events ? cluster.events->registration(moment.now) : std::nullopt;
  status.live.reset();
  if (!has_usage) return;
  status.usage.Update(*cluster.capacity, nullptr);
  const std::int64_t since = cluster.capacity->rolled_up_until();
  if (has_events && since != 0 && cluster.since_rollup != nullptr) {
    status.live =
        EstimateCapacity(*cluster.events, cluster.planned_down, *cluster.since_rollup, since, moment.as_of);
  }
}

void Replay::MoveTo(std::int64_t time) {
  for (; next_day_ <= time; next_day_ = options_.calendar.NextStart(Period::kDay, next_day_)) {
    for (auto& [name, cluster] : clusters_) {
      // The day before is over: counted now, most of its rows can go.
      const Moment midnight{next_day_, next_day_, false};
      UpdateRollups(cluster, midnight);
      if (next_day_ >= first_epoch_) UpdateJobs(cluster, midnight);
      if (next_day_ == ChunkOf(next_day_)) LoadMonth(cluster, next_day_);
      LoadDay(cluster, next_day_);
    }
    at_ = next_day_;
  }
  const Moment moment{time, time, false};
  for (auto& [name, cluster] : clusters_) {
    UpdateRollups(cluster, moment);
    UpdateJobs(cluster, moment);
    if (Wants(Book::kUsage)) UpdateUsage(cluster, moment);
    if (Wants(Book::kCluster)) UpdateStatus(cluster, moment);
  }
  at_ = time;
}

AccountingView Replay::View() const {
  AccountingView view;
  view.tres = &tres_;
  view.qos = &qos_;
  view.accounts = &accounts_;
  view.coordinators = &coordinators_;
  for (const auto& [name, cluster] : clusters_) {
    ClusterView& one = view.clusters.emplace_back();
    one.name = name;
    one.associations = &cluster.associations;
    one.jobs = cluster.jobs.get();
    one.usage = cluster.usage.get();
    one.wckeys = &cluster.wckeys;
    one.status = cluster.status.get();
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
  }
  return all;
}

}  // namespace slurmdb
