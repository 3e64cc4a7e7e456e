// Transactions as they were counted at one moment after the other. All are read once; of each, its time and
// which counter it belongs to are kept.
//
//   ReplayedTransactions transactions(accepts_cluster);
//   transactions.Read(source, newest, from, to);
//   transactions.MoveTo(period, time);
//   Use(*transactions.book());
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "collectors/slurmdb/transaction_book.h"
#include "collectors/slurmdb/upkeep.h"

namespace slurmdb {

class ReplayedTransactions {
 public:
  explicit ReplayedTransactions(TransactionBook::Filter accepts_cluster);

  // Those that began within [from, to]; `newest` is the highest id in the table.
  void Read(TransactionSource& source, std::uint64_t newest, std::int64_t from, std::int64_t to);
  // Counts those of the period that began until `time`. Forward only.
  void MoveTo(const CounterPeriod& period, std::int64_t time);
  // Null before the first moment.
  const TransactionBook* book() const { return book_.get(); }

 private:
  struct Row {
    std::int64_t time = 0;
    const TransactionBook::Key* key = nullptr;  // in keys_
  };

  TransactionBook::Filter accepts_cluster_;
  std::set<TransactionBook::Key> keys_;  // few, and repeated in many rows
  std::vector<Row> rows_;                // by time
  std::size_t next_ = 0;                 // the first that has not been counted
  std::unique_ptr<TransactionBook> book_;
};

}  // namespace slurmdb
