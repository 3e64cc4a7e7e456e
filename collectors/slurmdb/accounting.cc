#include "collectors/slurmdb/accounting.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/readers.h"

namespace slurmdb {

Accounting::Accounting(AccountingOptions options) : options_(std::move(options)), db_(options_.connection) {}

void Accounting::Open() {
  std::int64_t now = 0;
  if (db_.connected()) {
    try {
      now = ReadServerTime(db_);
    } catch (const DatabaseError& error) {
      // Idle connections are cut by servers and gateways; that is no failure of the poll.
      if (error.connection_usable()) throw;
      db_.Close();
    }
  }
  if (!db_.connected()) {
    db_.Connect();
    probe_schema_ = true;
    now = ReadServerTime(db_);
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
      for (auto& [name, cluster] : clusters_) cluster.jobs.reset();
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
  std::vector<std::string> tables;
  for (const std::string& name : names) {
    for (std::string& table : JobReader::Tables(name)) tables.push_back(std::move(table));
  }
  schema_ = Schema::Probe(db_, tables);
  probe_schema_ = false;
}

void Accounting::StartPoll() {
  polls_ = {};
  up_ = false;
  try {
    Open();
    up_ = true;
    FindClusters();
    tres_ = ReadTres(db_);
    qos_ = ReadQosNames(db_);
  } catch (const DatabaseError& error) {
    if (!error.connection_usable()) {
      db_.Close();
      up_ = false;
    }
    throw;
  }
}

std::int64_t Accounting::EpochAt(std::int64_t as_of) const {
  if (const auto* instant = std::get_if<std::int64_t>(&options_.epoch)) return *instant;
  return options_.calendar.PeriodStart(std::get<Period>(options_.epoch), as_of);
}

void Accounting::UpdateJobs(const std::string& name, Cluster& cluster) {
  const std::int64_t epoch = EpochAt(moment_.as_of);
  JobReader reader(db_, schema_, name);
  cluster.missing_columns = reader.MissingColumns();
  // A new book replaces the old one only when it is complete.
  std::unique_ptr<JobLedger> fresh;
  if (cluster.jobs == nullptr || cluster.jobs->options().epoch != epoch ||
      cluster.jobs->NeedsRecount(moment_)) {
    LedgerOptions ledger = options_.ledger;
    ledger.epoch = epoch;
    fresh = std::make_unique<JobLedger>(ledger);
    fresh->Recount(reader, moment_);
  }
  const Connection::Snapshot snapshot(db_);
  (fresh != nullptr ? *fresh : *cluster.jobs).Update(reader, moment_);
  if (fresh != nullptr) cluster.jobs = std::move(fresh);
  UpdateAssociations(name, cluster);
}

// Ids do not become visible in their order (sacctmgr holds its transaction open while it asks), and users can
// be renamed: so besides the new ids, all are read when a job has an unknown one, and now and then.
void Accounting::UpdateAssociations(const std::string& name, Cluster& cluster) {
  const auto unknown = [&] {
    return std::any_of(cluster.jobs->groups().begin(), cluster.jobs->groups().end(),
                       [&](const JobGroup& group) {
                         return group.id_assoc != 0 && !cluster.associations.contains(group.id_assoc) &&
                                !cluster.no_associations.contains(group.id_assoc);
                       });
  };
  const auto read = [&](std::uint32_t after) {
    for (AssociationRow& row : ReadAssociations(db_, name, after)) {
      const std::uint32_t id = row.id;
      cluster.associations.insert_or_assign(id, std::move(row));
    }
  };
  const bool due = moment_.now - cluster.associations_read_at >= options_.ledger.wide_interval;
  if (!due && !cluster.associations.empty()) read(cluster.associations.rbegin()->first);
  if (!due && !unknown()) return;
  read(0);
  cluster.associations_read_at = moment_.now;
  cluster.no_associations.clear();
  for (const JobGroup& group : cluster.jobs->groups()) {
    if (!cluster.associations.contains(group.id_assoc)) cluster.no_associations.insert(group.id_assoc);
  }
}

const std::vector<ClusterFailure>& Accounting::Require(Book book) {
  BookPoll& poll = polls_[static_cast<std::size_t>(book)];
  if (poll.error) throw DatabaseError(*poll.error);
  if (poll.done) return poll.failures;
  for (auto& [name, cluster] : clusters_) {
    try {
      UpdateJobs(name, cluster);
    } catch (const DatabaseError& error) {
      if (error.reason() == Reason::kSchema) probe_schema_ = true;
      if (!error.connection_usable() || !db_.connected()) {
        db_.Close();
        up_ = false;
        poll.error = error;
        throw;
      }
      poll.failures.push_back({name, error.reason(), error.what()});
    }
  }
  poll.done = true;
  return poll.failures;
}

AccountingView Accounting::View(std::int64_t staleness) const {
  AccountingView view;
  view.tres = &tres_;
  view.qos = &qos_;
  for (const auto& [name, cluster] : clusters_) {
    if (cluster.jobs == nullptr || cluster.jobs->moment().now + staleness < moment_.now) continue;
    view.clusters.push_back({name, cluster.jobs.get(), &cluster.associations});
  }
  return view;
}

std::vector<std::string> Accounting::missing_columns() const {
  std::vector<std::string> all;
  for (const auto& [name, cluster] : clusters_) {
    all.insert(all.end(), cluster.missing_columns.begin(), cluster.missing_columns.end());
  }
  return all;
}

}  // namespace slurmdb
