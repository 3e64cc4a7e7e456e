// The tables that slurmdbd would have, as a model: what steps of a history do to the rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/storm/history.h"

namespace storm {

inline constexpr int kMaxClusters = 2;
inline constexpr const char* kClusters[kMaxClusters] = {"alpha", "beta"};

// Who a job may be charged to.
struct Charge {
  std::uint32_t assoc;
  std::uint32_t qos;
  std::uint32_t user;
  const char* account;  // job_table's own text
  const char* partition;
};
inline constexpr Charge kCharges[] = {{1, 1, 100, "physics", "cpu"},
                                      {2, 1, 200, "biology", "cpu"},
                                      {2, 2, 200, "biology", "gpu"},
                                      {0, 0, 300, "unknown", "cpu,gpu"}};
// What a job may hold.
inline constexpr const char* kTres[] = {"1=4,2=100,4=1,5=4", "1=1,1001=2,2=77,3=18446744073709551614",
                                        ",1=3,1=9,3=500,2=18446744073709551615", "1=64,2=257000,7=5,9=1=2"};

struct Pause {
  std::uint64_t db_inx = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;

  bool operator==(const Pause&) const = default;
};

// Instants are epoch seconds.
struct Row {
  bool exists = true;
  int cluster = 0;
  std::uint64_t db_inx = 0;
  std::int64_t id_job = 0;
  std::int64_t submit = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t state = 0;
  std::int64_t suspended = 0;  // as the column has it
  std::int64_t charge = 0;
  std::int64_t tres = -1;  // index into kTres; -1: nothing
  std::int64_t tasks = 0;
  std::vector<Pause> pauses;  // with the key they were written with

  bool operator==(const Row&) const = default;
  // Its pauses cannot be found any more, because its key is another one.
  bool detached() const { return !pauses.empty() && pauses.back().db_inx != db_inx; }
};

class World {
 public:
  explicit World(const Settings& settings) : settings_(settings) {}

  // Applies a step; those about the exporter do nothing here.
  void Apply(const Step& step);

  const std::map<std::int64_t, Row>& rows() const { return rows_; }  // by the job number in the steps
  // hourly_rollup; 0: no row in the table.
  std::int64_t last_ran(int cluster) const { return last_ran_[cluster]; }
  // When a row was last changed, epoch seconds.
  std::int64_t changed_at(std::int64_t job) const { return changed_at_.at(job); }

 private:
  Row* Find(std::int64_t job);
  bool Free(std::int64_t job) const { return job > 0 && !rows_.contains(job); }
  std::uint64_t NewKey() { return (std::uint64_t{1} << 63) + 1024 * ++keys_; }
  void End(Row& row, std::int64_t at, std::int64_t state);

  Settings settings_;
  std::map<std::int64_t, Row> rows_;
  std::map<std::int64_t, std::int64_t> changed_at_;
  std::int64_t last_ran_[kMaxClusters] = {};
  std::uint64_t keys_ = 0;
};

}  // namespace storm
