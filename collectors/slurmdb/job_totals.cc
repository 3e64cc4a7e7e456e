#include "collectors/slurmdb/job_totals.h"

#include <algorithm>

namespace slurmdb {

void TresSums::Add(std::uint32_t id, Uint128 amount) {
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), id,
                       [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
  if (at != entries_.end() && at->first == id) {
    at->second += amount;
  } else {
    entries_.insert(at, {id, amount});
  }
}

void TresSums::Add(const TresSums& other) {
  for (const auto& [id, amount] : other.entries_) Add(id, amount);
}

void TresSums::Subtract(const TresSums& other) {
  for (const auto& [id, amount] : other.entries_) {
    const auto at = std::find_if(entries_.begin(), entries_.end(),
                                 [id = id](const auto& entry) { return entry.first == id; });
    if (at != entries_.end()) at->second -= amount;
  }
}

void TresSums::DropZeros() {
  std::erase_if(entries_, [](const auto& entry) { return entry.second == 0; });
}

TresSums& JobTotals::EndedAs(JobState state) {
  auto at = std::lower_bound(ended_tres_seconds.begin(), ended_tres_seconds.end(), state,
                             [](const auto& entry, JobState wanted) { return entry.first < wanted; });
  if (at == ended_tres_seconds.end() || at->first != state)
    at = ended_tres_seconds.insert(at, {state, TresSums{}});
  return at->second;
}

void JobTotals::Add(const JobTotals& other) {
  for (const auto& [state, sums] : other.ended_tres_seconds) EndedAs(state).Add(sums);
  tres_seconds.Add(other.tres_seconds);
  energy_joules += other.energy_joules;
  started += other.started;
  for (std::size_t i = 0; i < ended.size(); ++i) ended[i] += other.ended[i];
}

}  // namespace slurmdb
