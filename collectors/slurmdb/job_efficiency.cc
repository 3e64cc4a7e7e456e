#include "collectors/slurmdb/job_efficiency.h"

#include <algorithm>
#include <optional>

#include "collectors/slurmdb/tres.h"

namespace slurmdb {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::uint64_t kPerCpu = std::uint64_t{1} << 63;  // in mem_req

std::optional<std::uint64_t> CountOf(const TresCounts& counts, std::uint32_t id) {
  if (id == 0) return std::nullopt;
  const auto found =
      std::find_if(counts.begin(), counts.end(), [id](const TresCount& tres) { return tres.id == id; });
  return found == counts.end() ? std::nullopt : std::optional(found->count);
}

// Garbage in a record must not become a number that wraps.
std::int64_t Bounded(Uint128 value) {
  constexpr std::int64_t kMost = std::int64_t{1} << 50;
  return value > static_cast<Uint128>(kMost) ? kMost : static_cast<std::int64_t>(value);
}

// Of a row that ran, in seconds.
std::uint64_t RunSeconds(const JobRow& row) {
  const Uint128 before = Uint128{row.time_start} + row.time_suspended;
  return row.time_end > before ? static_cast<std::uint64_t>(row.time_end - before) : 0;
}

// What was asked for in all, in bytes; 0: not known.
Uint128 RequestedBytes(const JobRow& row, std::uint64_t cpus) {
  const Uint128 each = Uint128{row.mem_req & ~kPerCpu} * kMebibyte;
  return each * ((row.mem_req & kPerCpu) != 0 ? cpus : row.nodes_alloc);
}

std::optional<Unmeasured> WhyNot(const JobRow& row, JobState state, std::optional<std::uint64_t> cpus) {
  // The row that goes on after a resize has the start of the one before: older than its own submission.
  if (state == JobState::kResizing || row.time_start < row.key.time_submit) return Unmeasured::kResized;
  if (!row.steps.any) return Unmeasured::kNoSteps;
  if (!cpus || *cpus == 0 || *cpus >= kInfinite) return Unmeasured::kNoCpus;
  if (RunSeconds(row) == 0) return Unmeasured::kNoTime;
  return std::nullopt;
}

}  // namespace

void AddStep(const StepRow& step, const EfficiencyRules& rules, StepUse& use) {
  if (step.state <= static_cast<std::uint64_t>(JobState::kSuspended)) {
    use.open = true;
    return;
  }
  constexpr Uint128 kMillion = 1'000'000;
  const Uint128 cpu = (Uint128{step.user_sec} + step.sys_sec) * kMillion + step.user_usec + step.sys_usec;
  const TresCounts total = ParseTres(step.usage_total);
  // Without jobacct_gather there are steps that have used nothing at all.
  use.any |= cpu != 0 || !total.empty();
  use.cpu_microseconds += cpu;
  if (rules.memory == MemoryFormula::kTotal) {
    use.bytes = std::max<Uint128>(use.bytes, CountOf(total, kTresMem).value_or(0));
  } else if (const std::uint64_t peak = CountOf(ParseTres(step.usage_max), kTresMem).value_or(0);
             peak > use.task_bytes) {
    use.task_bytes = peak;
    use.bytes = Uint128{peak} * std::max<std::uint32_t>(1, step.tasks);
  }
  // Nothing is less than 0.
  use.gpu_percent = std::max(use.gpu_percent, CountOf(total, rules.gpu_utilization));
  use.gpu_bytes = std::max(use.gpu_bytes, CountOf(total, rules.gpu_memory));
}

std::string_view UnmeasuredName(Unmeasured why) {
  constexpr std::string_view kNames[kUnmeasured] = {"no_steps", "no_time", "no_cpus", "resized"};
  return kNames[static_cast<std::size_t>(why)];
}

void JobEfficiency::Count(const JobRow& row, JobState state, const EfficiencyRules& rules,
                          const HistogramBounds& bounds) {
  const TresCounts allocated = ParseTres(row.tres_alloc);
  const std::optional<std::uint64_t> cpus = CountOf(allocated, kTresCpu);
  if (const std::optional<Unmeasured> why = WhyNot(row, state, cpus)) {
    ++unmeasured[static_cast<std::size_t>(*why)];
    return;
  }
  const std::uint64_t seconds = RunSeconds(row);
  const StepUse& used = row.steps;
  const auto observe = [&](Observed what, Uint128 value) {
    histograms.Observe(bounds, what, Bounded(value));
  };
  const auto observe_share = [&](Observed what, Uint128 part, Uint128 whole) {
    if (whole != 0) observe(what, part * kRatioParts / whole);
  };

  const Uint128 had = Uint128{*cpus} * seconds * 1'000'000;
  cpu_used += used.cpu_microseconds;
  cpu_idle += had > used.cpu_microseconds ? had - used.cpu_microseconds : 0;
  observe_share(Observed::kCpuEfficiency, used.cpu_microseconds, had);

  const Uint128 memory = Uint128{CountOf(allocated, kTresMem).value_or(0)} * kMebibyte;
  if (used.bytes != 0) {  // no process does with nothing: it was over before the first look at it
    const Uint128 peak = std::min(used.bytes, memory);
    memory_used += peak * seconds;
    memory_idle += (memory - peak) * seconds;
    observe_share(Observed::kMemoryEfficiency, used.bytes,
                  rules.memory == MemoryFormula::kRequested ? RequestedBytes(row, *cpus) : memory);
  }

  if (const std::optional<std::uint64_t> gpus = CountOf(allocated, rules.gpu); gpus && *gpus != 0) {
    if (used.gpu_percent) observe_share(Observed::kGpuUtilization, *used.gpu_percent, Uint128{*gpus} * 100);
    if (used.gpu_bytes) observe(Observed::kGpuMemory, *used.gpu_bytes / *gpus);
  }
}

void JobEfficiency::Add(const JobEfficiency& other) {
  cpu_used += other.cpu_used;
  cpu_idle += other.cpu_idle;
  memory_used += other.memory_used;
  memory_idle += other.memory_idle;
  for (std::size_t i = 0; i < kUnmeasured; ++i) unmeasured[i] += other.unmeasured[i];
  histograms.Add(other.histograms);
}

}  // namespace slurmdb
