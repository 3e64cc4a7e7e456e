// What was changed through sacctmgr since a fixed instant, the epoch: how many transactions, of what, by
// whom.
//
//   TransactionBook book(options);
//   book.Update(source, newest_id, moment);   // each poll
//   book.counts();
//
// Ids are given out in order, but a transaction becomes visible when it is committed, and sacctmgr holds it
// open while it asks its operator. So each poll reads again from an id that was the newest a while ago, and
// every recount_interval all of the epoch; a row counts once, whenever it shows up. Rows that are purged stay
// counted. Times are epoch seconds. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"

namespace slurmdb {

// A row of txn_table; text is valid only while it is being handed over.
struct TransactionRow {
  std::uint64_t id = 0;
  std::int64_t timestamp = 0;  // when the command began
  std::uint32_t action = 0;    // see ActionName
  std::string_view actor;
  std::string_view cluster;  // empty: of no cluster, as accounts, users and QOS are
};

// Where the rows come from. Implementations throw DatabaseError.
class TransactionSource {
 public:
  using Sink = std::function<void(const TransactionRow&)>;

  virtual ~TransactionSource() = default;
  // Rows with id > after.
  virtual void ReadAfter(std::uint64_t after, const Sink& sink) = 0;
  // The last `limit` rows with id < before, newest first.
  virtual void ReadBefore(std::uint64_t before, std::uint32_t limit, const Sink& sink) = 0;
};

// All rows that began at `since` or later, and some that did not: backwards from `newest`, the highest id,
// for not every release has an index on the time.
void ReadTransactionsSince(TransactionSource& source, std::uint64_t newest, std::int64_t since,
                           std::uint32_t rows_per_page, const TransactionSource::Sink& sink);

// "add_users": sacctmgr's own name of an action, as a label; "action_1499" for one that is not known.
std::string ActionName(std::uint32_t action);

class TransactionBook {
 public:
  struct Key {
    std::string cluster;
    std::uint32_t action = 0;
    std::string actor;

    bool operator==(const Key&) const = default;
    bool operator<(const Key& other) const {
      return std::tie(cluster, action, actor) < std::tie(other.cluster, other.action, other.actor);
    }
  };

  using Filter = std::function<bool(std::string_view)>;

  // Of the options the epoch, until, overlap and recount_interval count. Transactions of clusters that are
  // not accepted are left out.
  explicit TransactionBook(
      LedgerOptions options, Filter accepts_cluster = [](std::string_view) { return true; },
      std::uint32_t rows_per_page = 5000);

  // Brings the book up to `moment`; `newest` is the highest id in the table. When it throws, the old book
  // stands.
  void Update(TransactionSource& source, std::uint64_t newest, const Moment& moment);
  // Of the past, where each row is known to be new: counts it, and nothing else is brought up to date.
  void Count(const Key& key);

  const LedgerOptions& options() const { return options_; }
  const Moment& moment() const { return moment_; }
  // Transactions begun within [epoch, as_of], and before `until`.
  const std::map<Key, std::uint64_t>& counts() const { return counts_; }

 private:
  struct Reading;

  LedgerOptions options_;
  Filter accepts_cluster_;
  std::uint32_t rows_per_page_;
  Moment moment_;
  std::optional<std::int64_t> counted_at_;
  // Id and time of what is counted, sorted. An id alone would not do: a server may give one out again when
  // it has lost the rows at the end.
  std::vector<std::pair<std::uint64_t, std::int64_t>> seen_;
  std::map<Key, std::uint64_t> counts_;
  std::deque<std::pair<std::int64_t, std::uint64_t>> newest_at_;  // by time of the poll
  std::uint64_t newest_ = 0;
  std::optional<std::uint64_t> waiting_;  // the lowest id of rows that lie after as_of
};

}  // namespace slurmdb
