#include "collectors/slurmdb/cluster_books.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "collectors/slurmdb/audit_reader.h"
#include "collectors/slurmdb/cluster_usage_reader.h"
#include "collectors/slurmdb/event_reader.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/job_step_reader.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/reservation_reader.h"
#include "collectors/slurmdb/usage_reader.h"

namespace slurmdb {

bool Poll::IsDue(const Reading& last) const {
  return newest_transaction != last.newest_transaction ||
         moment.now - last.at >= options.ledger.wide_interval;
}

std::vector<std::string> ClusterBooks::Tables(const std::string& cluster) {
  std::vector<std::string> tables = {EventReader::Table(cluster), ReservationReader::Table(cluster),
                                     JobStepReader::Table(cluster), cluster + "_assoc_table",
                                     cluster + "_wckey_table"};
  for (const auto& more : {JobReader::Tables(cluster), AuditReader::Tables(cluster),
                           UsageReader::Tables(cluster), ClusterUsageReader::Tables(cluster)})
    tables.insert(tables.end(), more.begin(), more.end());
  return tables;
}

void ClusterBooks::Update(Book book, const Poll& poll) {
  switch (book) {
    case Book::kJobs:
      return UpdateJobs(poll);
    case Book::kUsage:
      return UpdateUsage(poll);
    case Book::kQuota:
      return UpdateQuota(poll);
    case Book::kCluster:
      return UpdateStatus(poll);
    case Book::kNodes:
      return UpdateNodes(poll);
    case Book::kReservations:
      return UpdateReservations(poll);
    case Book::kStorage:
      return UpdateStorage(poll);
    case Book::kAudit:
      return UpdateAudit(poll);
    case Book::kCost:
      return UpdateCost(poll);
    case Book::kEfficiency:
      return UpdateEfficiency(poll);
    case Book::kCoordinators:
      return UpdateCoordinators(poll);
  }
}

std::optional<std::int64_t> ClusterBooks::ReadAt(Book book) const {
  const auto at = [](const auto& kept) -> std::optional<std::int64_t> {
    if (kept == nullptr) return std::nullopt;
    return kept->moment().now;
  };
  switch (book) {
    case Book::kJobs:
      return at(jobs_);
    case Book::kUsage:
      return at(usage_);
    case Book::kQuota:
      return at(quota_);
    case Book::kCluster:
      return at(status_);
    case Book::kNodes:
      return at(events_);
    case Book::kReservations:
      return at(reservations_);
    case Book::kStorage:
      return at(storage_);
    case Book::kAudit:
      return at(audit_);
    case Book::kCost:
      return at(charged_);
    case Book::kEfficiency:
      return at(efficiency_);
    case Book::kCoordinators:
      if (!associations_.rows().empty()) return associations_read_.at;
  }
  return std::nullopt;
}

std::optional<ClusterView> ClusterBooks::View(Book book, std::int64_t now, std::int64_t staleness) const {
  const auto fresh = [&](Book one) {
    const std::optional<std::int64_t> at = ReadAt(one);
    return at && *at + staleness >= now;
  };
  if (!fresh(book)) return std::nullopt;
  ClusterView view;
  view.name = name_;
  view.associations = &associations_;
  view.wckeys = &wckeys_;
  view.limits = &limits_;
  view.tres = &tres_;
  // The audit tells what was looked into just now.
  if (book != Book::kAudit || fresh(Book::kJobs)) view.jobs = jobs_.get();
  if (book != Book::kAudit || fresh(Book::kUsage)) view.usage = usage_.get();
  view.quota = quota_.get();
  view.status = status_.get();
  view.events = events_.get();
  view.reservations = reservations_.get();
  view.storage = storage_.get();
  view.audit = audit_.get();
  view.charged = charged_.get();
  view.charged_from = charged_from_;
  view.efficiency = efficiency_.get();
  return view;
}

std::vector<std::string> ClusterBooks::missing_columns() const {
  std::vector<std::string> all;
  for (const std::vector<std::string>& some : missing_columns_)
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

void ClusterBooks::UpdateLedger(const Poll& poll, const LedgerOptions& options, JobSource& rows,
                                const JobLedger* kept, std::unique_ptr<JobLedger>& ledger) {
  // A new book replaces the old one only when it is complete.
  std::unique_ptr<JobLedger> fresh = FreshLedger(kept, options, rows, poll.moment);
  const Connection::Snapshot snapshot(poll.db);
  (fresh != nullptr ? *fresh : *ledger).Update(rows, poll.moment);
  if (fresh != nullptr) ledger = std::move(fresh);
  UpdateAssociations(poll, *ledger);
}

void ClusterBooks::UpdateJobs(const Poll& poll) {
  JobReader reader(poll.db, poll.schema, name_);
  MissingColumns(Book::kJobs) = reader.MissingColumns();
  UpdateLedger(poll, poll.CounterOptions(jobs_.get()), reader, jobs_.get(), jobs_);
}

void ClusterBooks::UpdateEfficiency(const Poll& poll) {
  LedgerOptions options = poll.CounterOptions(efficiency_.get());
  options.rule = Rule::kEfficiency;
  options.efficiency = JobStepReader::RulesOf(poll.schema, name_, poll.tres, poll.options.memory_formula);
  JobStepReader reader(poll.db, poll.schema, name_, options.efficiency);
  if (!reader.readable())
    throw DatabaseError(Reason::kSchema, JobStepReader::Table(name_) + ": not there, or not granted");
  MissingColumns(Book::kEfficiency) = reader.MissingColumns();
  const JobLedger* kept = efficiency_.get();
  if (kept != nullptr && kept->options().efficiency != options.efficiency) kept = nullptr;
  UpdateLedger(poll, options, reader, kept, efficiency_);
}

UsageReader ClusterBooks::ReaderOfUsage(const Poll& poll) const {
  return {poll.db, poll.schema, name_, UsageReader::IdsOf(associations_, wckeys_, poll.qos, poll.tres)};
}

void ClusterBooks::UpdateTree(const Poll& poll) {
  if (tree_poll_ == poll.number) return;
  if (ReadTreeMark(poll.db, poll.schema, name_) != tree_mark_) {
    associations_read_ = {};
    limits_read_ = {};
  }
  UpdateAssociations(poll, {});
  tree_poll_ = poll.number;
}

void ClusterBooks::UpdateUsage(const Poll& poll) {
  // The ids come first: where no index leads to usage by its time, they do.
  UpdateTree(poll);
  UsageReader rollups = ReaderOfUsage(poll);
  if (!rollups.Has(UsageKind::kAssociation)) {
    throw DatabaseError(Reason::kSchema, name_ + "_assoc_usage_…_table: not there, or not granted");
  }
  JobReader jobs(poll.db, poll.schema, name_, Rule::kRollUp);
  if (rollups_ == nullptr) {
    rollups_ = std::make_unique<UsageBook>(
        UsageOptions{poll.options.calendar, poll.options.ledger.recount_interval});
  }
  {
    const Connection::Snapshot snapshot(poll.db);
    rollups_->Update(rollups, poll.moment);
    UpdateSinceRollup(*rollups_, poll.options.ledger, jobs, poll.moment, since_rollup_);
  }
  if (usage_ == nullptr) usage_ = std::make_unique<UsageSummary>(poll.options.calendar);
  usage_->Update(*rollups_, since_rollup_.get());
  std::vector<std::uint32_t> used;
  for (const auto& [key, line] : usage_->lines(UsageKind::kAssociation)) {
    if (used.empty() || used.back() != key.first) used.push_back(key.first);  // a line a TRES
  }
  UpdateAssociations(poll, used);
}

void ClusterBooks::UpdateLimits(const Poll& poll) {
  if (!poll.IsDue(limits_read_)) return;
  limits_ = EffectiveLimits(ReadAssociationLimits(poll.db, poll.schema, name_), associations_);
  tres_ = ReadClusterTres(poll.db, poll.schema, name_);
  limits_read_ = {poll.moment.now, poll.newest_transaction};
}

void ClusterBooks::UpdateEnforced(const Poll& poll, const QuotaPolicy& policy, const Moment& moment) {
  JobReader reader(poll.db, poll.schema, name_, Rule::kEnforced);
  LedgerOptions options = poll.options.ledger;
  options.rule = Rule::kEnforced;
  options.weights = std::make_shared<const EnforcedWeights>(WeightsOf(policy, associations_, poll.qos_rows));
  const JobLedger* kept = enforced_.get();
  const std::int64_t wanted = EnforcedEpoch(policy, moment.as_of);
  if (kept != nullptr && (enforced_for_ != wanted || *kept->options().weights != *options.weights)) {
    kept = nullptr;
  }
  if (kept != nullptr && !kept->NeedsRecount(moment)) {
    const Connection::Snapshot snapshot(poll.db);
    enforced_->Update(reader, moment);
    return;
  }
  EarlierUsage earlier;
  std::tie(options.epoch, earlier) = BeforeEnforced(poll, policy, *options.weights, moment);
  auto fresh = std::make_unique<JobLedger>(options);
  fresh->Recount(reader, moment);
  const Connection::Snapshot snapshot(poll.db);
  fresh->Update(reader, moment);
  enforced_ = std::move(fresh);
  before_enforced_ = std::move(earlier);
  enforced_for_ = wanted;
}

std::pair<std::int64_t, EarlierUsage> ClusterBooks::BeforeEnforced(const Poll& poll,
                                                                   const QuotaPolicy& policy,
                                                                   const EnforcedWeights& weights,
                                                                   const Moment& moment) const {
  const std::int64_t from = CountedFrom(policy, moment.as_of);
  const std::int64_t epoch = EnforcedEpoch(policy, moment.as_of);
  const std::optional<std::int64_t> oldest =
      JobReader(poll.db, poll.schema, name_, Rule::kEnforced).OldestEnd();
  const bool all_there = oldest && *oldest <= epoch;
  if (all_there && from >= epoch) return {epoch, {}};
  UsageReader reader = ReaderOfUsage(poll);
  if (!reader.Has(UsageKind::kAssociation)) {
    EarlierUsage unknown;
    unknown.any = true;
    return {epoch, unknown};
  }
  const Calendar& calendar = poll.options.calendar;
  const std::int64_t first_day = calendar.PeriodStart(Period::kDay, from);
  UsageBook rollups(
      {calendar, poll.options.ledger.recount_interval, calendar.PeriodStart(Period::kMonth, first_day)});
  {
    const Connection::Snapshot snapshot(poll.db);
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

void ClusterBooks::UpdateQuota(const Poll& poll) {
  UpdateTree(poll);
  UpdateLimits(poll);
  const QuotaPolicy policy = poll.options.quota_policy(name_);
  // Gauges of the present: an end record that comes late corrects them.
  Moment moment = poll.moment;
  if (moment.live) moment.as_of = moment.now;
  if (HasBudgets(limits_, poll.qos_rows)) {
    UpdateEnforced(poll, policy, moment);
    UpdateAssociations(poll, *enforced_);
  } else {
    enforced_.reset();
  }
  auto quota = std::make_unique<QuotaBook>(policy);
  quota->Update(moment, enforced_.get(), associations_, poll.qos_rows, before_enforced_);
  quota_ = std::move(quota);
}

void ClusterBooks::UpdateCost(const Poll& poll) {
  const std::shared_ptr<const Tariff>& tariff = poll.options.tariff;
  if (tariff == nullptr) throw DatabaseError(Reason::kInternal, "there is no tariff");
  UpdateTree(poll);
  LedgerOptions options = poll.options.ledger;
  options.rule = Rule::kCharged;
  options.epoch = tariff->EpochAt(poll.moment.as_of);
  JobLedger* kept = charged_.get();
  if (kept != nullptr && kept->options().epoch == options.epoch) options.charges = kept->options().charges;
  const ChargedBy by{associations_read_, poll.accounts_read, poll.qos, poll.tres.size()};
  if (options.charges == nullptr || charged_by_ != by) {
    const std::shared_ptr<JobCharges> earlier = std::move(options.charges);
    options.charges =
        tariff->ChargesOf({name_, &associations_, &poll.accounts, &poll.qos, &poll.tres}, options.epoch);
    // Most changes of names concern nothing that was charged.
    const auto is_same = [&](const JobGroup& group) {
      return earlier->SignatureOf(group) == options.charges->SignatureOf(group);
    };
    if (kept != nullptr && earlier != nullptr &&
        std::all_of(kept->groups().begin(), kept->groups().end(), is_same)) {
      kept->UseCharges(options.charges);
    } else {
      kept = nullptr;
    }
  }
  JobReader reader(poll.db, poll.schema, name_, Rule::kCharged);
  std::unique_ptr<JobLedger> fresh = FreshLedger(kept, options, reader, poll.moment);
  const Connection::Snapshot snapshot(poll.db);
  std::int64_t from = charged_from_;
  if (fresh != nullptr) {
    UsageReader usage = ReaderOfUsage(poll);
    from = JobsKeptFrom(reader, usage, poll.options.calendar, options.epoch, poll.moment.as_of);
  }
  (fresh != nullptr ? *fresh : *charged_).Update(reader, poll.moment);
  if (fresh != nullptr) charged_ = std::move(fresh);
  charged_by_ = by;
  charged_from_ = from;
}

void ClusterBooks::UpdateEvents(const Poll& poll, EventReader& reader) {
  if (events_ != nullptr && events_poll_ == poll.number) return;
  if (events_ == nullptr) events_ = std::make_unique<EventBook>(poll.options.calendar, poll.options.ledger);
  events_->Update(reader, poll.moment);
  events_poll_ = poll.number;
}

void ClusterBooks::UpdateNodes(const Poll& poll) {
  EventReader reader(poll.db, poll.schema, name_);
  if (!reader.readable())
    throw DatabaseError(Reason::kSchema, EventReader::Table(name_) + ": not there, or not granted");
  const Connection::Snapshot snapshot(poll.db);
  UpdateEvents(poll, reader);
}

void ClusterBooks::UpdateReservations(const Poll& poll) {
  ReservationReader reader(poll.db, poll.schema, name_);
  if (!reader.readable())
    throw DatabaseError(Reason::kSchema, ReservationReader::Table(name_) + ": not there, or not granted");
  std::vector<std::string>& missing = MissingColumns(Book::kReservations);
  missing.clear();
  if (!reader.HasJobs()) missing.push_back(name_ + "_job_table.id_resv");
  if (reservations_ == nullptr) reservations_ = std::make_unique<ReservationBook>(poll.options.ledger);
  const Connection::Snapshot snapshot(poll.db);
  reservations_->Update(reader, poll.moment);
}

// Sizes are estimates that change slowly: now and then is enough.
void ClusterBooks::UpdateStorage(const Poll& poll) {
  if (storage_ == nullptr || poll.moment.now - storage_->read_at >= poll.options.ledger.wide_interval) {
    auto read = std::make_unique<Storage>(ReadStorage(poll.db, poll.schema, name_));
    read->read_at = poll.moment.now;
    storage_ = std::move(read);
  }
  storage_->at = poll.moment;
}

void ClusterBooks::UpdateStatus(const Poll& poll) {
  EventReader events(poll.db, poll.schema, name_);
  ClusterUsageReader rollups(poll.db, poll.schema, name_, poll.tres.ids(), poll.moment.as_of);
  std::vector<std::string>& missing = MissingColumns(Book::kCluster);
  missing.clear();
  const bool has_usage = rollups.Has(UsageKind::kAssociation);
  if (!events.readable()) missing.push_back(EventReader::Table(name_) + ".*");
  if (!has_usage) missing.push_back(name_ + "_usage_…_table.*");
  if (status_ == nullptr) status_ = std::make_unique<ClusterStatus>(poll.options.calendar);
  if (capacity_ == nullptr) {
    capacity_ = std::make_unique<UsageBook>(
        UsageOptions{poll.options.calendar, poll.options.ledger.recount_interval});
  }
  const Connection::Snapshot snapshot(poll.db);
  const std::optional<ClusterRow> row = ReadCluster(poll.db, poll.schema, name_);
  if (events.readable()) UpdateEvents(poll, events);
  if (has_usage) capacity_->Update(rollups, poll.moment);

  ClusterStatus& status = *status_;
  status.row = row.value_or(ClusterRow{});
  status.registered = events.readable() ? events_->registration(poll.moment.now) : std::nullopt;
  status.live.reset();
  if (has_usage) status.usage.Update(*capacity_, nullptr);
  const JobLedger* jobs = since_rollup_.get();
  const std::int64_t since = capacity_->rolled_up_until();
  if (has_usage && events.readable() && since != 0 && jobs != nullptr &&
      jobs->moment().now == poll.moment.now) {
    status.live = EstimateCapacity(*events_, events.planned_down(), *jobs, since, poll.moment.as_of);
  }
  status.at = poll.moment;
}

void ClusterBooks::UpdateAudit(const Poll& poll) {
  AuditReader reader(poll.db, poll.schema, name_, poll.tres.ids());
  MissingColumns(Book::kAudit) = reader.MissingColumns();
  const auto is_new = [&](const auto& kept) {
    return kept != nullptr && kept->moment().now == poll.moment.now;
  };
  AuditInput input;
  input.associations = &associations_;
  if (is_new(jobs_)) input.jobs = jobs_.get();
  if (is_new(usage_)) {
    input.rollups = rollups_.get();
    input.since_rollup = since_rollup_.get();
  }
  if (audit_ == nullptr) audit_ = std::make_unique<AuditBook>(poll.options.calendar, poll.options.ledger);
  const Connection::Snapshot snapshot(poll.db);
  audit_->Update(reader, input, poll.moment);
}

void ClusterBooks::UpdateAssociations(const Poll& poll, const JobLedger& jobs) {
  std::vector<std::uint32_t> used;
  for (const JobGroup& group : jobs.groups()) used.push_back(group.id_assoc);
  UpdateAssociations(poll, used);
}

void ClusterBooks::UpdateAssociations(const Poll& poll, const std::vector<std::uint32_t>& used) {
  const auto unknown = [&](std::uint32_t id) {
    return id != 0 && associations_.Find(id) == nullptr && !no_associations_.contains(id);
  };
  if (!poll.IsDue(associations_read_) && std::none_of(used.begin(), used.end(), unknown)) return;
  tree_mark_ = ReadTreeMark(poll.db, poll.schema, name_);
  associations_ = AssociationTree(ReadAssociations(poll.db, poll.schema, name_));
  if (poll.schema.Has(name_ + "_wckey_table", "wckey_name")) wckeys_ = ReadWckeys(poll.db, name_);
  associations_read_ = {poll.moment.now, poll.newest_transaction};
  no_associations_.clear();
  for (const std::uint32_t id : used) {
    if (associations_.Find(id) == nullptr) no_associations_.insert(id);
  }
}

void ClusterBooks::UpdateCoordinators(const Poll& poll) {
  if (!poll.schema.Has("acct_coord_table", "acct"))
    throw DatabaseError(Reason::kSchema, "acct_coord_table: not there, or not granted");
  UpdateAssociations(poll, {});
}

}  // namespace slurmdb
