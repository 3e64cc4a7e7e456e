// How well jobs used what they were given, as Slurm's seff has it: from the steps of rows that have ended.
//
//   StepUse use;
//   AddStep(step, rules, use);                       // each step of the row
//   efficiency.Count(row, state, rules, bounds);     // row.steps is the use
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collectors/slurmdb/job_histograms.h"
#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {

// What memory efficiency is: seff has changed its mind twice.
enum class MemoryFormula {
  kRequested,  // to 22.05: peak of the largest task × tasks of its step, of what was asked for
  kAllocated,  // 23.02 to 24.05: the same, of what was allocated
  kTotal,      // from 24.11 on: the peaks of all tasks of a step, of what was allocated
};

struct EfficiencyRules {
  MemoryFormula memory = MemoryFormula::kTotal;
  // Ids of the TRES gres/gpu, gres/gpuutil and gres/gpumem; 0 where they are not accounted for.
  std::uint32_t gpu = 0;
  std::uint32_t gpu_utilization = 0;
  std::uint32_t gpu_memory = 0;

  bool operator==(const EfficiencyRules&) const = default;
};

// CPU adds up over steps; of memory and GPUs the step that used most counts.
void AddStep(const StepRow& step, const EfficiencyRules& rules, StepUse& use);

// Why nothing can be said of a row that ran and ended.
enum class Unmeasured {
  kNoSteps,  // no step has finished, or Slurm gathers nothing
  kNoTime,   // it ran for no whole second
  kNoCpus,   // it is not known how many it had
  kResized,  // its steps may be another row's
};
inline constexpr std::size_t kUnmeasured = 4;

// The label `reason`: "no_steps", …
std::string_view UnmeasuredName(Unmeasured why);

// What one group's rows used, and what they had without using it.
struct JobEfficiency {
  // Of rows that are in the histogram kCpuEfficiency.
  Uint128 cpu_used = 0;  // microseconds, as all of CPU here
  Uint128 cpu_idle = 0;  // allocated and not used: none of a row that used more than it had
  // Of rows whose memory was sampled, in byte-seconds: as if they had needed their peak all the time.
  Uint128 memory_used = 0;  // not more than was allocated
  Uint128 memory_idle = 0;
  std::array<std::uint32_t, kUnmeasured> unmeasured{};
  JobHistograms histograms;

  // A row that ran and has ended in `state`.
  void Count(const JobRow& row, JobState state, const EfficiencyRules& rules, const HistogramBounds& bounds);
  void Add(const JobEfficiency& other);
  bool operator==(const JobEfficiency&) const = default;
};

}  // namespace slurmdb
