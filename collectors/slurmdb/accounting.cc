#include "collectors/slurmdb/accounting.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collectors/slurmdb/audit_reader.h"
#include "collectors/slurmdb/readers.h"

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
      for (auto& [name, cluster] : clusters_) cluster = ClusterBooks(name);
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
  for (const std::string& name : names) probe_schema_ |= clusters_.try_emplace(name, name).second;
  probe_schema_ |= !missing_columns().empty();  // they may have been granted meanwhile
  if (!probe_schema_) return;
  schema_ = Schema::Probe(db_, TablesOf(names));
  for (auto& [name, cluster] : clusters_) cluster.ForgetSizes();
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

void Accounting::ReadShared() {
  newest_transaction_ = schema_.Has("txn_table", "id") ? ReadNewestTransaction(db_) : 0;
  if (!ThisPoll().IsDue(shared_read_)) return;
  accounts_.clear();
  coordinators_.clear();
  if (schema_.Has("acct_table", "organization")) accounts_ = ReadAccounts(db_);
  if (schema_.Has("acct_coord_table", "acct")) coordinators_ = ReadCoordinators(db_);
  shared_read_ = {moment_.now, newest_transaction_};
}

Poll Accounting::ThisPoll() {
  return {db_,         schema_,   options_, tres_, qos_,
          accounts_,   qos_rows_, moment_,  poll_, newest_transaction_,
          shared_read_};
}

void Accounting::UpdateQos() {
  if (!ThisPoll().IsDue(qos_rows_read_)) return;
  qos_rows_ = ReadQos(db_, schema_);
  qos_rows_read_ = {moment_.now, newest_transaction_};
}

void Accounting::UpdateTransactions() {
  if (!TransactionReader::Readable(schema_)) {
    transactions_.reset();
    oldest_transaction_.reset();
  } else {
    const LedgerOptions options = ThisPoll().CounterOptions(transactions_.get());
    TransactionReader reader(db_);
    // A new book replaces the old one only when it is complete.
    std::unique_ptr<TransactionBook> fresh;
    if (transactions_ == nullptr || transactions_->options().epoch != options.epoch)
      fresh = std::make_unique<TransactionBook>(options, options_.accepts_cluster);
    (fresh != nullptr ? *fresh : *transactions_).Update(reader, newest_transaction_, moment_);
    if (fresh != nullptr) transactions_ = std::move(fresh);
    oldest_transaction_ = ReadOldestTransaction(db_);
  }
  if (!AdministratorsReadable(schema_)) {
    administrators_.reset();
  } else if (!administrators_ || ThisPoll().IsDue(administrators_read_)) {
    administrators_ = ReadAdministrators(db_);
    administrators_read_ = {moment_.now, newest_transaction_};
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
  }
  try {
    if (book == Book::kQuota) UpdateQos();
    if (book == Book::kAudit) UpdateTransactions();
  } catch (const DatabaseError& error) {
    Break(poll, error);
    throw;
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
      cluster.Update(book, ThisPoll());
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
  for (const auto& [name, cluster] : clusters_) {
    if (const auto seen = cluster.View(book, moment_.now, staleness)) {
      view.clusters.push_back(*seen);
    } else {
      ++view.clusters_missing;
    }
  }
  return view;
}

std::vector<std::string> Accounting::missing_columns() const {
  std::vector<std::string> all;
  for (const auto& [name, cluster] : clusters_) {
    const std::vector<std::string> some = cluster.missing_columns();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace slurmdb
