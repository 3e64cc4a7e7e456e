#include "collectors/slurmdb/transaction_book.h"

#include <algorithm>
#include <array>

namespace slurmdb {
namespace {

// Of slurmdbd's message types those that it records, by sacctmgr's names. Some have a second number
// from 23.11 on; adding federations is listed by sacctmgr as "Add Clusters".
constexpr std::array<std::pair<std::uint32_t, const char*>, 33> kActions = {{
    {1402, "add_accounts"},
    {1403, "add_account_coord"},
    {1404, "add_associations"},
    {1405, "add_clusters"},
    {1406, "add_users"},
    {1428, "modify_accounts"},
    {1429, "modify_associations"},
    {1430, "modify_clusters"},
    {1431, "modify_users"},
    {1435, "remove_accounts"},
    {1436, "remove_account_coords"},
    {1437, "remove_associations"},
    {1438, "remove_clusters"},
    {1439, "remove_users"},
    {1447, "add_qos"},
    {1450, "remove_qos"},
    {1451, "modify_qos"},
    {1452, "add_wckeys"},
    {1455, "remove_wckeys"},
    {1456, "modify_wckeys"},
    {1476, "modify_job"},
    {1477, "add_resources"},
    {1480, "remove_resources"},
    {1481, "modify_resources"},
    {1482, "add_cluster_resources"},
    {1483, "remove_cluster_resources"},
    {1484, "modify_cluster_resources"},
    {1485, "add_tres"},
    {1493, "add_federations"},
    {1496, "modify_federations"},
    {1497, "remove_federations"},
    {1501, "add_accounts"},
    {1502, "add_users"},
}};

// A command began some time before its transaction got its id.
constexpr std::int64_t kLongCommand = 86400;

}  // namespace

std::string ActionName(std::uint32_t action) {
  const auto* const found = std::find_if(kActions.begin(), kActions.end(),
                                         [&](const auto& known) { return known.first == action; });
  return found == kActions.end() ? "action_" + std::to_string(action) : found->second;
}

void ReadTransactionsSince(TransactionSource& source, std::uint64_t newest, std::int64_t since,
                           std::uint32_t rows_per_page, const TransactionSource::Sink& sink) {
  std::uint64_t before = newest + 1;
  for (;;) {
    std::uint32_t count = 0;
    bool reached = true;  // all of the page lies before
    source.ReadBefore(before, rows_per_page, [&](const TransactionRow& row) {
      ++count;
      before = std::min(before, row.id);
      reached &= row.timestamp < since - kLongCommand;
      sink(row);
    });
    if (count < rows_per_page || reached) return;
  }
}

// Rows on their way into the book.
struct TransactionBook::Reading {
  struct Row {
    std::uint64_t id;
    std::int64_t timestamp;
    Key key;
  };
  std::vector<Row> rows;
  std::optional<std::uint64_t> waiting;

  void Take(const TransactionRow& row, const LedgerOptions& options, std::int64_t as_of) {
    if (row.timestamp > as_of) {
      waiting = std::min(row.id, waiting.value_or(row.id));
    } else if (row.timestamp >= options.epoch && row.timestamp < options.until) {
      rows.push_back({row.id, row.timestamp, {std::string(row.cluster), row.action, std::string(row.actor)}});
    }
  }
};

TransactionBook::TransactionBook(LedgerOptions options, Filter accepts_cluster, std::uint32_t rows_per_page)
    : options_(std::move(options)),
      accepts_cluster_(std::move(accepts_cluster)),
      rows_per_page_(rows_per_page) {}

void TransactionBook::Count(const Key& key) {
  if (key.cluster.empty() || accepts_cluster_(key.cluster)) ++counts_[key];
}

void TransactionBook::Update(TransactionSource& source, std::uint64_t newest, const Moment& moment) {
  Reading reading;
  const bool all = !counted_at_ || moment.now - *counted_at_ >= options_.recount_interval || newest < newest_;
  const Moment before = std::exchange(moment_, moment);
  const auto take = [&](const TransactionRow& row) { reading.Take(row, options_, moment.as_of); };
  try {
    if (all) {
      ReadTransactionsSince(source, newest, options_.epoch, rows_per_page_, take);
    } else {
      std::uint64_t after = newest_at_.front().second;
      if (waiting_) after = std::min(after, *waiting_ - 1);
      source.ReadAfter(after, take);
    }
  } catch (...) {
    moment_ = before;
    throw;
  }

  const std::int64_t settled = moment.as_of - options_.overlap;
  std::uint64_t young = newest;  // the highest id before those that are young
  for (const Reading::Row& row : reading.rows) {
    if (row.timestamp > settled - options_.overlap) young = std::min(young, row.id - 1);
    const std::pair key(row.id, row.timestamp);
    const auto at = std::lower_bound(seen_.begin(), seen_.end(), key);
    if (at != seen_.end() && *at == key) continue;
    seen_.insert(at, key);
    Count(row.key);
  }
  waiting_ = reading.waiting;
  newest_ = newest;
  if (all) {
    counted_at_ = moment.now;
    newest_at_ = {{settled, young}};
  }
  newest_at_.emplace_back(moment.now, newest);
  // All ids up to what was the newest then have been given out, and had the overlap's time to become visible.
  while (newest_at_.size() > 1 && newest_at_[1].first <= settled) newest_at_.pop_front();
}

}  // namespace slurmdb
