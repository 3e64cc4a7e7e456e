// The numbers in job_table.state. Source: slurm.h, enum job_states and the flags that slurmdbd stores.
#pragma once

#include <cstdint>
#include <string_view>

namespace slurmdb {

enum class JobState : std::uint8_t {
  kPending = 0,
  kRunning = 1,
  kSuspended = 2,
  kCompleted = 3,
  kCancelled = 4,
  kFailed = 5,
  kTimeout = 6,
  kNodeFail = 7,
  kPreempted = 8,
  kBootFail = 9,
  kDeadline = 10,
  kOutOfMemory = 11,
  // Flags that slurmdbd stores in place of a base state.
  kRequeued,
  kResizing,
  kRevoked,
  kUnknown,
};
inline constexpr std::size_t kJobStates = static_cast<std::size_t>(JobState::kUnknown) + 1;

// The flags are tested before the base state: they replace it, so masking alone would read "pending".
constexpr JobState JobStateOf(std::uint64_t stored) {
  constexpr std::uint64_t kRequeueFlag = 1U << 10;
  constexpr std::uint64_t kResizeFlag = 1U << 13;
  constexpr std::uint64_t kRevokedFlag = 1U << 19;
  if ((stored & kRevokedFlag) != 0) return JobState::kRevoked;
  if ((stored & kResizeFlag) != 0) return JobState::kResizing;
  if ((stored & kRequeueFlag) != 0) return JobState::kRequeued;
  const std::uint64_t base = stored & 0xff;
  if (base == 0 && stored != 0)
    return JobState::kUnknown;  // a flag that is not known yet, in place of a state
  return base <= static_cast<std::uint64_t>(JobState::kOutOfMemory) ? static_cast<JobState>(base)
                                                                    : JobState::kUnknown;
}

// Slurm's name in lower case, as used in the label `state`: "completed", "out_of_memory", …
constexpr std::string_view JobStateName(JobState state) {
  constexpr std::string_view kNames[kJobStates] = {
      "pending",   "running",   "suspended", "completed",     "cancelled", "failed",   "timeout", "node_fail",
      "preempted", "boot_fail", "deadline",  "out_of_memory", "requeued",  "resizing", "revoked", "unknown"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace slurmdb
