#include "collectors/slurmdb/accounting.h"

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
      if (error.reason() != Reason::kLost) throw;
      db_.Close();
    }
  }
  if (!db_.connected()) {
    db_.Connect();
    probe_schema_ = true;
    now = ReadServerTime(db_);
  }
  if (options_.as_of) {
    moment_ = {*options_.as_of, *options_.as_of, false};
  } else {
    // Never backwards: another server's clock may be behind the last one's.
    moment_ = {std::max(moment_.now, now), std::max(moment_.as_of, now - options_.settle), true};
  }
}

void Accounting::FindClusters() {
  std::vector<std::string> names = ReadClusters(db_);
  std::erase_if(names, [&](const std::string& name) { return !options_.accepts_cluster(name); });
  for (auto at = clusters_.begin(); at != clusters_.end();) {
    at =
        std::find(names.begin(), names.end(), at->first) == names.end() ? clusters_.erase(at) : std::next(at);
  }
  for (const std::string& name : names) probe_schema_ |= clusters_.try_emplace(name).second;
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
  if (cluster.jobs == nullptr || cluster.jobs->options().epoch != epoch) {
    LedgerOptions ledger = options_.ledger;
    ledger.epoch = epoch;
    cluster.jobs = std::make_unique<JobLedger>(ledger);
  }
  const std::uint32_t newest = cluster.associations.empty() ? 0 : cluster.associations.rbegin()->first;
  for (AssociationRow& row : ReadAssociations(db_, name, newest)) {
    const std::uint32_t id = row.id;
    cluster.associations.insert_or_assign(id, std::move(row));
  }
  JobReader reader(db_, schema_, name);
  cluster.missing_columns = reader.MissingColumns();
  if (cluster.jobs->NeedsRecount(moment_)) cluster.jobs->Recount(reader, moment_);
  const Connection::Snapshot snapshot(db_);
  cluster.jobs->Update(reader, moment_);
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
