// What the collectors of live jobs share: each live job with its phase, and what it holds or asks for.
#pragma once

#include <cstdint>
#include <string_view>

#include "collectors/slurmdb/accounting_source.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/job_state.h"

namespace collectors {

inline constexpr slurmdb::JobState kPhases[] = {slurmdb::JobState::kPending, slurmdb::JobState::kRunning,
                                                slurmdb::JobState::kSuspended};

// Jobs that one row stands for: the tasks of a pending array, else 1.
inline std::uint64_t JobsOf(const slurmdb::LiveJob& job, slurmdb::JobState phase) {
  return phase == slurmdb::JobState::kPending ? job.tasks : 1;
}

// Calls visit(id, amount) for what a job holds (running, suspended) or asks for (pending, all tasks
// together). Energy is not something to hold.
template <typename Visit>
void ForEachTres(const slurmdb::LiveJob& job, slurmdb::JobState phase, Visit visit) {
  const bool pending = phase == slurmdb::JobState::kPending;
  if (pending && !job.tres_req) return;
  for (const slurmdb::TresCount& tres : pending ? *job.tres_req : job.tres_alloc) {
    if (tres.id == slurmdb::kTresEnergy) continue;
    visit(tres.id, slurmdb::Uint128{tres.count} * JobsOf(job, phase));
  }
}

}  // namespace collectors
