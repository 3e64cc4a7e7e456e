// The real tables: writes a World into them, and counts what is in them without a ledger.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/upkeep.h"
#include "tests/storm/world.h"

namespace storm {

using slurmdb::Uint128;

// id_assoc, id_qos, id_user, account, partition.
using Who = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::string, std::string>;

struct Sums {
  std::map<std::uint32_t, Uint128> tres_seconds;
  Uint128 energy = 0;
  std::uint64_t started = 0;
  std::map<int, std::uint64_t> ended;  // by slurmdb::JobState
  std::map<std::pair<int, std::uint32_t>, Uint128> ended_tres_seconds;

  bool operator==(const Sums&) const = default;
  bool empty() const { return *this == Sums{}; }
};

struct Plain {
  std::map<Who, Sums> sums;  // none of them empty
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>, int>
      live;  // id_job, time_submit, key: state
  bool operator==(const Plain&) const = default;
};

// Counts one cluster's tables over, by definition, row by row. Reads through `db`, in its transaction if it
// has one.
Plain CountPlainly(slurmdb::Connection& db, const std::string& cluster, const slurmdb::CounterPeriod& period,
                   std::int64_t as_of);
// The same of a ledger's book.
Plain BookOf(const slurmdb::JobLedger& ledger);
// The first difference, for people.
std::string Difference(const Plain& expected, const Plain& found);

// Writes what slurmdbd would. The user has to be allowed to write.
class Tables {
 public:
  explicit Tables(slurmdb::ConnectionOptions options);

  // Empty tables.
  void Clear();
  // Brings the tables to the world's state, in one transaction.
  void Write(const World& world);

 private:
  void WriteCluster(const World& world, int cluster);

  slurmdb::Connection db_;
  std::map<std::int64_t, Row> written_;
  std::int64_t last_ran_[kMaxClusters] = {};
};

}  // namespace storm
