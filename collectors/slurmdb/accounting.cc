#include "collectors/slurmdb/accounting.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "collectors/slurmdb/audit_reader.h"
#include "collectors/slurmdb/cluster_usage_reader.h"
#include "collectors/slurmdb/event_reader.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/reservation_reader.h"
#include "collectors/slurmdb/usage_reader.h"

namespace slurmdb {

Accounting::Accounting(AccountingOptions options) : options_(std::move(options)), db_(options_.connection) {}

// The server tells whole seconds: while they may be the same as ours, they are.
std::int64_t Accounting::ReadClock() {
  using std::chrono::system_clock;
  const std::int64_t before = system_clock::to_time_t(system_clock::now());
  const std::int64_t now = ReadServerTime(db_);
  const std::int64_t after = system_clock::to_time_t(system_clock::now());
  clock_skew_ = now - std::clamp(now, before, after);
  return now;
}

void Accounting::Open() {
  std::int64_t now = 0;
  if (db_.connected()) {
    try {
      now = ReadClock();
    } catch (const DatabaseError& error) {
      // Idle connections are cut by servers and gateways; that is no failure of the poll.
      if (error.connection_usable()) throw;
      db_.Close();
    }
  }
  if (!db_.connected()) {
    db_.Connect();
    probe_schema_ = true;
    now = ReadClock();
  }
  if (!options_.as_of) {
    SetMoment(now);
  } else if (*options_.as_of <= now) {
    moment_ = {*options_.as_of, *options_.as_of, false};
  } else {
    throw DatabaseError(
        Reason::kInternal,
        fmt::format("as-of lies {} s in the future of the database's clock", *options_.as_of - now));
  }
}

// The database's clock decides, so that two exporters agree. But a clock that leaps would put months into the
// counters that never come off again.
void Accounting::SetMoment(std::int64_t now) {
  constexpr std::int64_t kLeap = 600;
  const auto taken = std::chrono::steady_clock::now();
  if (moment_.now != 0) {
    using std::chrono::duration_cast;
    using std::chrono::seconds;
    const std::int64_t expected = moment_.now + duration_cast<seconds>(taken - moment_taken_).count();
    const std::int64_t own =
        duration_cast<seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    if (now > expected + kLeap && now > own + kLeap) {
      throw DatabaseError(
          Reason::kParse,
          fmt::format("the database's clock has leapt {} s ahead, {} s ahead of this machine's",
                      now - expected, now - own));
    }
    if (now < moment_.now - kLeap) {
      // It was ahead and has been put right: the books are of a future that has not been.
      for (auto& [name, cluster] : clusters_) {
        cluster.jobs.reset();
        cluster.rollups.reset();
        cluster.since_rollup.reset();
        cluster.usage.reset();
        cluster.enforced.reset();
        cluster.quota.reset();
        cluster.events.reset();
        cluster.capacity.reset();
        cluster.status.reset();
        cluster.reservations.reset();
        cluster.storage.reset();
        cluster.audit.reset();
      }
      transactions_.reset();
      moment_ = {};
    }
  }
  moment_taken_ = taken;
  // Otherwise never backwards: another server's clock may be a little behind the last one's.
  moment_ = {std::max(moment_.now, now), std::max(moment_.as_of, now - options_.settle), true};
}

void Accounting::FindClusters() {
  std::vector<std::string> names = ReadClusters(db_);
  std::erase_if(names, [&](const std::string& name) { return !options_.accepts_cluster(name); });
  for (auto at = clusters_.begin(); at != clusters_.end();) {
    at =
        std::find(names.begin(), names.end(), at->first) == names.end() ? clusters_.erase(at) : std::next(at);
  }
  for (const std::string& name : names) probe_schema_ |= clusters_.try_emplace(name).second;
  probe_schema_ |= !missing_columns().empty();  // they may have been granted meanwhile
  if (!probe_schema_) return;
  std::vector<std::string> tables = {"txn_table", "acct_table",    "acct_coord_table",
                                     "qos_table", "cluster_table", "user_table"};
  for (const std::string& name : names) {
    for (std::string& table : JobReader::Tables(name)) tables.push_back(std::move(table));
    for (std::string& table : AuditReader::Tables(name)) tables.push_back(std::move(table));
    for (std::string& table : UsageReader::Tables(name)) tables.push_back(std::move(table));
    for (std::string& table : ClusterUsageReader::Tables(name)) tables.push_back(std::move(table));
    tables.push_back(EventReader::Table(name));
    tables.push_back(ReservationReader::Table(name));
    for (const char* table : {"assoc_table", "wckey_table"})
      tables.push_back(fmt::format("{}_{}", name, table));
  }
  schema_ = Schema::Probe(db_, tables);
  for (auto& [name, cluster] : clusters_) cluster.storage.reset();  // of tables that may be others now
  probe_schema_ = false;
}

void Accounting::StartPoll() {
  ++poll_;
  polls_ = {};
  up_ = false;
  try {
    Open();
    up_ = true;
    FindClusters();
    tres_ = ReadTres(db_);
    qos_ = ReadQosNames(db_);
    ReadShared();
  } catch (const DatabaseError& error) {
    if (!error.connection_usable()) {
      db_.Close();
      up_ = false;
    }
    throw;
  }
}

// Only sacctmgr changes some tables, and each change but that of an account's parent is a transaction. But
// that table may not be granted, and ids do not become visible in their order (sacctmgr holds its transaction
// open while it asks): so now and then, too.
bool Accounting::IsDue(const Reading& last) const {
  return newest_transaction_ != last.newest_transaction ||
         moment_.now - last.at >= options_.ledger.wide_interval;
}

void Accounting::ReadShared() {
  newest_transaction_ = schema_.Has("txn_table", "id") ? ReadNewestTransaction(db_) : 0;
  if (!IsDue(shared_read_)) return;
  accounts_.clear();
  coordinators_.clear();
  if (schema_.Has("acct_table", "organization")) accounts_ = ReadAccounts(db_);
  if (schema_.Has("acct_coord_table", "acct")) coordinators_ = ReadCoordinators(db_);
  shared_read_ = {moment_.now, newest_transaction_};
}

std::int64_t Accounting::EpochAt(std::int64_t as_of) const {
  if (const auto* instant = std::get_if<std::int64_t>(&options_.epoch)) return *instant;
  return options_.calendar.PeriodStart(std::get<Period>(options_.epoch), as_of);
}

std::unique_ptr<JobLedger> Accounting::FreshLedger(const JobLedger* kept, const LedgerOptions& options,
                                                   JobReader& reader) const {
  if (kept != nullptr && kept->options().epoch == options.epoch && !kept->NeedsRecount(moment_))
    return nullptr;
  auto fresh = std::make_unique<JobLedger>(options);
  fresh->Recount(reader, moment_);
  return fresh;
}

void Accounting::UpdateJobs(const std::string& name, Cluster& cluster) {
  JobReader reader(db_, schema_, name);
  cluster.missing_columns[static_cast<std::size_t>(Book::kJobs)] = reader.MissingColumns();
  LedgerOptions options = options_.ledger;
  options.epoch = EpochAt(moment_.as_of);
  // A new book replaces the old one only when it is complete.
  std::unique_ptr<JobLedger> fresh = FreshLedger(cluster.jobs.get(), options, reader);
  const Connection::Snapshot snapshot(db_);
  (fresh != nullptr ? *fresh : *cluster.jobs).Update(reader, moment_);
  if (fresh != nullptr) cluster.jobs = std::move(fresh);
  std::vector<std::uint32_t> used;
  for (const JobGroup& group : cluster.jobs->groups()) used.push_back(group.id_assoc);
  UpdateAssociations(name, cluster, used);
}

UsageReader Accounting::ReaderOfUsage(const std::string& name, const Cluster& cluster) {
  UsageReader::Ids ids;
  for (const auto& [id, row] : cluster.associations.rows()) ids.associations.push_back(id);
  for (const auto& [id, row] : cluster.wckeys) ids.wckeys.push_back(id);
  ids.tres = tres_.ids();
  return {db_, schema_, name, std::move(ids)};
}

void Accounting::UpdateTree(const std::string& name, Cluster& cluster) {
  if (cluster.tree_poll == poll_) return;
  if (ReadTreeMark(db_, schema_, name) != cluster.tree_mark) {
    cluster.associations_read = {};
    cluster.limits_read = {};
  }
  UpdateAssociations(name, cluster, {});
  cluster.tree_poll = poll_;
}

void Accounting::UpdateUsage(const std::string& name, Cluster& cluster) {
  // The ids come first: where no index leads to usage by its time, they do.
  UpdateTree(name, cluster);
  UsageReader rollups = ReaderOfUsage(name, cluster);
  if (!rollups.Has(UsageKind::kAssociation)) {
    throw DatabaseError(Reason::kSchema, name + "_assoc_usage_…_table: not there, or not granted");
  }
  JobReader jobs(db_, schema_, name, Rule::kRollUp);
  if (cluster.rollups == nullptr) {
    cluster.rollups =
        std::make_unique<UsageBook>(UsageOptions{options_.calendar, options_.ledger.recount_interval});
  }
  {
    const Connection::Snapshot snapshot(db_);
    cluster.rollups->Update(rollups, moment_);
    // When roll-ups stand still for so long, the totals of a month are not worth reading all its jobs for.
    constexpr std::int64_t kFarthest = 32 * std::int64_t{86400};
    const std::int64_t from = cluster.rollups->hours_from();
    if (moment_.as_of - from > kFarthest) {
      cluster.since_rollup.reset();
    } else {
      LedgerOptions options = options_.ledger;
      options.rule = Rule::kRollUp;
      options.epoch = from;
      std::unique_ptr<JobLedger> fresh = FreshLedger(cluster.since_rollup.get(), options, jobs);
      (fresh != nullptr ? *fresh : *cluster.since_rollup).Update(jobs, moment_);
      if (fresh != nullptr) cluster.since_rollup = std::move(fresh);
    }
  }
  if (cluster.usage == nullptr) cluster.usage = std::make_unique<UsageSummary>(options_.calendar);
  cluster.usage->Update(*cluster.rollups, cluster.since_rollup.get());
  std::vector<std::uint32_t> used;
  for (const auto& [key, line] : cluster.usage->lines(UsageKind::kAssociation)) {
    if (used.empty() || used.back() != key.first) used.push_back(key.first);  // a line a TRES
  }
  UpdateAssociations(name, cluster, used);
}

void Accounting::UpdateLimits(const std::string& name, Cluster& cluster) {
  if (IsDue(qos_rows_read_)) {
    qos_rows_ = ReadQos(db_, schema_);
    qos_rows_read_ = {moment_.now, newest_transaction_};
  }
  if (!IsDue(cluster.limits_read)) return;
  cluster.limits = EffectiveLimits(ReadAssociationLimits(db_, schema_, name), cluster.associations);
  cluster.tres = ReadClusterTres(db_, schema_, name);
  cluster.limits_read = {moment_.now, newest_transaction_};
}

void Accounting::UpdateEnforced(const std::string& name, Cluster& cluster, const QuotaPolicy& policy,
                                const Moment& moment) {
  JobReader reader(db_, schema_, name, Rule::kEnforced);
  LedgerOptions options = options_.ledger;
  options.rule = Rule::kEnforced;
  options.weights =
      std::make_shared<const EnforcedWeights>(WeightsOf(policy, cluster.associations, qos_rows_));
  const JobLedger* kept = cluster.enforced.get();
  const std::int64_t wanted = EnforcedEpoch(policy, moment.as_of);
  if (kept != nullptr && (cluster.enforced_for != wanted || *kept->options().weights != *options.weights)) {
    kept = nullptr;
  }
  if (kept != nullptr && !kept->NeedsRecount(moment)) {
    const Connection::Snapshot snapshot(db_);
    cluster.enforced->Update(reader, moment);
    return;
  }
  EarlierUsage earlier;
  std::tie(options.epoch, earlier) = BeforeEnforced(name, cluster, policy, *options.weights, moment);
  auto fresh = std::make_unique<JobLedger>(options);
  fresh->Recount(reader, moment);
  const Connection::Snapshot snapshot(db_);
  fresh->Update(reader, moment);
  cluster.enforced = std::move(fresh);
  cluster.before_enforced = std::move(earlier);
  cluster.enforced_for = wanted;
}

std::pair<std::int64_t, EarlierUsage> Accounting::BeforeEnforced(const std::string& name, Cluster& cluster,
                                                                 const QuotaPolicy& policy,
                                                                 const EnforcedWeights& weights,
                                                                 const Moment& moment) {
  const std::int64_t from = CountedFrom(policy, moment.as_of);
  const std::int64_t epoch = EnforcedEpoch(policy, moment.as_of);
  const std::optional<std::int64_t> oldest = JobReader(db_, schema_, name, Rule::kEnforced).OldestEnd();
  const bool all_there = oldest && *oldest <= epoch;
  if (all_there && from >= epoch) return {epoch, {}};
  UsageReader reader = ReaderOfUsage(name, cluster);
  if (!reader.Has(UsageKind::kAssociation)) {
    EarlierUsage unknown;
    unknown.any = true;
    return {epoch, unknown};
  }
  const Calendar& calendar = options_.calendar;
  const std::int64_t first_day = calendar.PeriodStart(Period::kDay, from);
  UsageBook rollups(
      {calendar, options_.ledger.recount_interval, calendar.PeriodStart(Period::kMonth, first_day)});
  {
    const Connection::Snapshot snapshot(db_);
    rollups.Update(reader, moment);
  }
  std::int64_t last_missing = epoch - 1;
  if (!all_there) {
    // Jobs that ended before the oldest one left were purged, or there were none; usage tells which.
    last_missing = oldest.value_or(moment.as_of);
    const std::int64_t day = calendar.PeriodStart(Period::kDay, last_missing);
    if (day <= first_day || rollups.RolledUp(UsageKind::kAssociation, first_day, day).empty())
      return {epoch, {}};
  }
  // Whole days, and none that may be rolled up once more.
  const std::int64_t border = std::min(calendar.NextStart(Period::kDay, last_missing),
                                       calendar.PeriodStart(Period::kDay, rollups.settled_until()));
  if (border <= first_day) return {epoch, {}};
  EarlierUsage earlier = EarlierUsageOf(rollups, calendar, weights, first_day, border);
  if (!earlier.any) return {epoch, {}};
  return {border, std::move(earlier)};
}

void Accounting::UpdateQuota(const std::string& name, Cluster& cluster) {
  UpdateTree(name, cluster);
  UpdateLimits(name, cluster);
  const QuotaPolicy policy = options_.quota_policy(name);
  // Gauges of the present: an end record that comes late corrects them.
  Moment moment = moment_;
  if (moment.live) moment.as_of = moment.now;
  if (HasBudgets(cluster.limits, qos_rows_)) {
    UpdateEnforced(name, cluster, policy, moment);
    std::vector<std::uint32_t> used;
    for (const JobGroup& group : cluster.enforced->groups()) used.push_back(group.id_assoc);
    UpdateAssociations(name, cluster, used);
  } else {
    cluster.enforced.reset();
  }
  auto quota = std::make_unique<QuotaBook>(policy);
  quota->Update(moment, cluster.enforced.get(), cluster.associations, qos_rows_, cluster.before_enforced);
  cluster.quota = std::move(quota);
}

void Accounting::UpdateEvents(EventReader& reader, Cluster& cluster) {
  if (cluster.events != nullptr && cluster.events_poll == poll_) return;
  if (cluster.events == nullptr)
    cluster.events = std::make_unique<EventBook>(options_.calendar, options_.ledger);
  cluster.events->Update(reader, moment_);
  cluster.events_poll = poll_;
}

void Accounting::UpdateNodes(const std::string& name, Cluster& cluster) {
  EventReader reader(db_, schema_, name);
  if (!reader.readable())
    throw DatabaseError(Reason::kSchema, EventReader::Table(name) + ": not there, or not granted");
  const Connection::Snapshot snapshot(db_);
  UpdateEvents(reader, cluster);
}

void Accounting::UpdateReservations(const std::string& name, Cluster& cluster) {
  ReservationReader reader(db_, schema_, name);
  if (!reader.readable())
    throw DatabaseError(Reason::kSchema, ReservationReader::Table(name) + ": not there, or not granted");
  std::vector<std::string>& missing = cluster.missing_columns[static_cast<std::size_t>(Book::kReservations)];
  missing.clear();
  if (!reader.HasJobs()) missing.push_back(name + "_job_table.id_resv");
  if (cluster.reservations == nullptr)
    cluster.reservations = std::make_unique<ReservationBook>(options_.ledger);
  const Connection::Snapshot snapshot(db_);
  cluster.reservations->Update(reader, moment_);
}

// Sizes are estimates that change slowly: now and then is enough.
void Accounting::UpdateStorage(const std::string& name, Cluster& cluster) {
  if (cluster.storage == nullptr || moment_.now - cluster.storage->read_at >= options_.ledger.wide_interval) {
    auto read = std::make_unique<Storage>(ReadStorage(db_, schema_, name));
    read->read_at = moment_.now;
    cluster.storage = std::move(read);
  }
  cluster.storage->at = moment_;
}

void Accounting::UpdateStatus(const std::string& name, Cluster& cluster) {
  EventReader events(db_, schema_, name);
  ClusterUsageReader rollups(db_, schema_, name, tres_.ids(), moment_.as_of);
  std::vector<std::string>& missing = cluster.missing_columns[static_cast<std::size_t>(Book::kCluster)];
  missing.clear();
  const bool has_usage = rollups.Has(UsageKind::kAssociation);
  if (!events.readable()) missing.push_back(EventReader::Table(name) + ".*");
  if (!has_usage) missing.push_back(name + "_usage_…_table.*");
  if (cluster.status == nullptr) cluster.status = std::make_unique<ClusterStatus>(options_.calendar);
  if (cluster.capacity == nullptr) {
    cluster.capacity =
        std::make_unique<UsageBook>(UsageOptions{options_.calendar, options_.ledger.recount_interval});
  }
  const Connection::Snapshot snapshot(db_);
  const std::optional<ClusterRow> row = ReadCluster(db_, schema_, name);
  if (events.readable()) UpdateEvents(events, cluster);
  if (has_usage) cluster.capacity->Update(rollups, moment_);

  ClusterStatus& status = *cluster.status;
  status.row = row.value_or(ClusterRow{});
  status.registered = events.readable() ? cluster.events->registration(moment_.now) : std::nullopt;
  status.live.reset();
  if (has_usage) status.usage.Update(*cluster.capacity, nullptr);
  const JobLedger* jobs = cluster.since_rollup.get();
  const std::int64_t since = cluster.capacity->rolled_up_until();
  if (has_usage && events.readable() && since != 0 && jobs != nullptr && jobs->moment().now == moment_.now) {
    status.live = EstimateCapacity(*cluster.events, events.planned_down(), *jobs, since, moment_.as_of);
  }
  status.at = moment_;
}

void Accounting::UpdateTransactions() {
  if (!TransactionReader::Readable(schema_)) {
    transactions_.reset();
    oldest_transaction_.reset();
  } else {
    LedgerOptions options = options_.ledger;
    options.epoch = EpochAt(moment_.as_of);
    TransactionReader reader(db_);
    // A new book replaces the old one only when it is complete.
    std::unique_ptr<TransactionBook> fresh;
    if (transactions_ == nullptr || transactions_->epoch() != options.epoch)
      fresh = std::make_unique<TransactionBook>(options, options_.accepts_cluster);
    (fresh != nullptr ? *fresh : *transactions_).Update(reader, newest_transaction_, moment_);
    if (fresh != nullptr) transactions_ = std::move(fresh);
    oldest_transaction_ = ReadOldestTransaction(db_);
  }
  if (!AdministratorsReadable(schema_)) {
    administrators_.reset();
  } else if (!administrators_ || IsDue(administrators_read_)) {
    administrators_ = ReadAdministrators(db_);
    administrators_read_ = {moment_.now, newest_transaction_};
  }
}

void Accounting::UpdateAudit(const std::string& name, Cluster& cluster) {
  AuditReader reader(db_, schema_, name, tres_.ids());
  cluster.missing_columns[static_cast<std::size_t>(Book::kAudit)] = reader.MissingColumns();
  const auto is_new = [&](const auto& kept) { return kept != nullptr && kept->moment().now == moment_.now; };
  AuditInput input;
  input.associations = &cluster.associations;
  if (is_new(cluster.jobs)) input.jobs = cluster.jobs.get();
  if (is_new(cluster.usage)) {
    input.rollups = cluster.rollups.get();
    input.since_rollup = cluster.since_rollup.get();
  }
  if (cluster.audit == nullptr)
    cluster.audit = std::make_unique<AuditBook>(options_.calendar, options_.ledger);
  const Connection::Snapshot snapshot(db_);
  cluster.audit->Update(reader, input, moment_);
}

void Accounting::UpdateAssociations(const std::string& name, Cluster& cluster,
                                    const std::vector<std::uint32_t>& used) {
  const auto unknown = [&](std::uint32_t id) {
    return id != 0 && cluster.associations.Find(id) == nullptr && !cluster.no_associations.contains(id);
  };
  if (!IsDue(cluster.associations_read) && std::none_of(used.begin(), used.end(), unknown)) return;
  cluster.tree_mark = ReadTreeMark(db_, schema_, name);
  cluster.associations = AssociationTree(ReadAssociations(db_, schema_, name));
  if (schema_.Has(name + "_wckey_table", "wckey_name")) cluster.wckeys = ReadWckeys(db_, name);
  cluster.associations_read = {moment_.now, newest_transaction_};
  cluster.no_associations.clear();
  for (const std::uint32_t id : used) {
    if (cluster.associations.Find(id) == nullptr) cluster.no_associations.insert(id);
  }
}

const ClusterFailure* Accounting::TimedOut(const std::string& cluster) const {
  for (const BookPoll& poll : polls_) {
    for (const ClusterFailure& failure : poll.failures) {
      if (failure.cluster == cluster && failure.reason == Reason::kTimeout) return &failure;
    }
  }
  return nullptr;
}

void Accounting::Break(BookPoll& poll, const DatabaseError& error) {
  if (error.reason() == Reason::kSchema) probe_schema_ = true;
  if (error.connection_usable() && db_.connected()) return;
  db_.Close();
  up_ = false;
  poll.error = error;
}

const std::vector<ClusterFailure>& Accounting::Require(Book book) {
  BookPoll& poll = polls_[static_cast<std::size_t>(book)];
  if (poll.error) throw DatabaseError(*poll.error);
  if (poll.done) return poll.failures;
  // The estimate of the hour that runs is made from the jobs that usage counts. Without them it is left out.
  if (book == Book::kCluster) Require(Book::kUsage);
  if (book == Book::kAudit) {
    // The other books are looked into; what they do not have is left out.
    Require(Book::kJobs);
    Require(Book::kUsage);
    try {
      UpdateTransactions();
    } catch (const DatabaseError& error) {
      Break(poll, error);
      throw;
    }
  }
  for (auto& [name, cluster] : clusters_) {
    if (const ClusterFailure* failure = TimedOut(name)) {
      poll.failures.push_back(*failure);
      continue;
    }
    if (book == Book::kAudit) {
      // Without its jobs there is little to say of a cluster.
      const auto& failures = polls_[static_cast<std::size_t>(Book::kJobs)].failures;
      const auto failed = std::find_if(
          failures.begin(), failures.end(),
          [&cluster_name = name](const ClusterFailure& one) { return one.cluster == cluster_name; });
      if (failed != failures.end()) {
        poll.failures.push_back(*failed);
        continue;
      }
    }
    try {
      switch (book) {
        case Book::kJobs:
          UpdateJobs(name, cluster);
          break;
        case Book::kUsage:
          UpdateUsage(name, cluster);
          break;
        case Book::kQuota:
          UpdateQuota(name, cluster);
          break;
        case Book::kCoordinators:
          if (!schema_.Has("acct_coord_table", "acct"))
            throw DatabaseError(Reason::kSchema, "acct_coord_table: not there, or not granted");
          UpdateAssociations(name, cluster, {});
          break;
        case Book::kCluster:
          UpdateStatus(name, cluster);
          break;
        case Book::kNodes:
          UpdateNodes(name, cluster);
          break;
        case Book::kReservations:
          UpdateReservations(name, cluster);
          break;
        case Book::kStorage:
          UpdateStorage(name, cluster);
          break;
        case Book::kAudit:
          UpdateAudit(name, cluster);
          break;
      }
    } catch (const DatabaseError& error) {
      Break(poll, error);
      if (poll.error) throw;
      poll.failures.push_back({name, error.reason(), error.what()});
    }
  }
  poll.done = true;
  return poll.failures;
}

AccountingView Accounting::View(Book book, std::int64_t staleness) const {
  AccountingView view;
  view.tres = &tres_;
  view.qos = &qos_;
  view.accounts = &accounts_;
  view.coordinators = &coordinators_;
  view.qos_rows = &qos_rows_;
  view.clock_skew = clock_skew_;
  if (book == Book::kAudit) {
    view.transactions = transactions_.get();
    view.oldest_transaction = oldest_transaction_;
    if (administrators_) view.administrators = &*administrators_;
  }
  const auto fresh = [&](const auto& kept) {
    return kept != nullptr && kept->moment().now + staleness >= moment_.now;
  };
  const auto is_fresh = [&](const Cluster& cluster) {
    switch (book) {
      case Book::kJobs:
        return fresh(cluster.jobs);
      case Book::kUsage:
        return fresh(cluster.usage);
      case Book::kQuota:
        return fresh(cluster.quota);
      case Book::kCoordinators:
        return !cluster.associations.rows().empty();
      case Book::kCluster:
        return fresh(cluster.status);
      case Book::kNodes:
        return fresh(cluster.events);
      case Book::kReservations:
        return fresh(cluster.reservations);
      case Book::kStorage:
        return fresh(cluster.storage);
      case Book::kAudit:
        return fresh(cluster.audit);
    }
    return false;
  };
  for (const auto& [name, cluster] : clusters_) {
    if (!is_fresh(cluster)) continue;
    const bool all = book != Book::kAudit;  // else what was looked into just now
    view.clusters.push_back(
        {name, &cluster.associations, all || fresh(cluster.jobs) ? cluster.jobs.get() : nullptr,
         all || fresh(cluster.usage) ? cluster.usage.get() : nullptr, &cluster.wckeys, &cluster.limits,
         &cluster.tres, cluster.quota.get(), cluster.status.get(), cluster.events.get(),
         cluster.reservations.get(), cluster.storage.get(), cluster.audit.get()});
  }
  return view;
}

std::vector<std::string> Accounting::missing_columns() const {
  std::vector<std::string> all;
  for (const auto& [name, cluster] : clusters_) {
    for (const std::vector<std::string>& some : cluster.missing_columns)
      all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace slurmdb
