// A txn_table in memory.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "collectors/slurmdb/transaction_book.h"

namespace slurmdb {

struct FakeTransaction {
  std::int64_t timestamp = 0;
  std::uint32_t action = 1406;
  std::string actor = "root";
  std::string cluster{};
};

class FakeTransactions : public TransactionSource {
 public:
  void ReadAfter(std::uint64_t after, const Sink& sink) override {
    if (fails) throw std::runtime_error("no answer");
    for (auto at = rows.upper_bound(after); at != rows.end(); ++at) Give(*at, sink);
  }
  void ReadBefore(std::uint64_t before, std::uint32_t limit, const Sink& sink) override {
    if (fails) throw std::runtime_error("no answer");
    auto at = rows.lower_bound(before);
    while (at != rows.begin() && limit-- > 0) Give(*--at, sink);
  }
  std::uint64_t newest() const { return rows.empty() ? 0 : rows.rbegin()->first; }

  std::map<std::uint64_t, FakeTransaction> rows;
  int read = 0;
  bool fails = false;

 private:
  void Give(const std::pair<const std::uint64_t, FakeTransaction>& row, const Sink& sink) {
    ++read;
    const auto& [id, what] = row;
    sink({id, what.timestamp, what.action, what.actor, what.cluster});
  }
};

}  // namespace slurmdb
