// Sums of what jobs did, as the job ledger keeps them for each group of jobs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {

// Sums by TRES id, sorted by id.
class TresSums {
 public:
  void Add(std::uint32_t id, Uint128 amount);
  // Before the first of so many different ids: growing step by step costs more than all else of a start.
  void Expect(std::size_t ids) {
    if (entries_.capacity() == 0) entries_.reserve(ids);
  }
  void Add(const TresSums& other);
  // No sum of `other` may exceed this one's.
  void Subtract(const TresSums& other);
  void DropZeros();
  const std::vector<std::pair<std::uint32_t, Uint128>>& entries() const { return entries_; }
  bool operator==(const TresSums&) const = default;

 private:
  std::vector<std::pair<std::uint32_t, Uint128>> entries_;
};

// What one group did between epoch and as_of.
struct JobTotals {
  TresSums tres_seconds;      // Slurm's units × seconds; energy is not in here
  Uint128 energy_joules = 0;  // of ended jobs
  // 32 bits: there is one of these for each group and bucket, and jobs are counted, not seconds.
  std::uint32_t started = 0;
  std::array<std::uint32_t, kJobStates> ended{};
  // Of tres_seconds, those of rows that ended, by how, in the order of states; in a bucket without
  // kCompleted, which is the rest.
  std::vector<std::pair<JobState, TresSums>> ended_tres_seconds;

  TresSums& EndedAs(JobState state);
  void Add(const JobTotals& other);
  bool operator==(const JobTotals&) const = default;
};

}  // namespace slurmdb
