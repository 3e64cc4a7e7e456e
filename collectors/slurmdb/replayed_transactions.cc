#include "collectors/slurmdb/replayed_transactions.h"

#include <algorithm>
#include <string>
#include <utility>

namespace slurmdb {
namespace {

constexpr std::uint32_t kRowsPerPage = 5000;

}  // namespace

ReplayedTransactions::ReplayedTransactions(TransactionBook::Filter accepts_cluster)
    : accepts_cluster_(std::move(accepts_cluster)) {}

void ReplayedTransactions::Read(TransactionSource& source, std::uint64_t newest, std::int64_t from,
                                std::int64_t to) {
  ReadTransactionsSince(source, newest, from, kRowsPerPage, [&](const TransactionRow& row) {
    if (row.timestamp < from || row.timestamp > to) return;
    const auto key = keys_.insert({std::string(row.cluster), row.action, std::string(row.actor)}).first;
    rows_.push_back({row.timestamp, &*key});
  });
  std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.time < b.time; });
}

void ReplayedTransactions::MoveTo(const CounterPeriod& period, std::int64_t time) {
  if (book_ == nullptr || book_->options().epoch != period.epoch) {
    LedgerOptions options;
    options.epoch = period.epoch;
    options.until = period.until;
    book_ = std::make_unique<TransactionBook>(options, accepts_cluster_);
    while (next_ < rows_.size() && rows_[next_].time < period.epoch) ++next_;
  }
  const auto counts = [&](const Row& row) { return row.time <= time && row.time < period.until; };
  for (; next_ < rows_.size() && counts(rows_[next_]); ++next_) book_->Count(*rows_[next_].key);
}

}  // namespace slurmdb
