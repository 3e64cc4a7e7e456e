// How long jobs waited and ran, and what share they used of what they had, as counts by size.
//
//   JobHistograms histograms;
//   histograms.Observe(bounds, Observed::kWait, 90);
//   histograms.of(Observed::kWait).counts;   // one a bound, and one for what exceeds them all
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace slurmdb {

enum class Observed {
  kWait,           // seconds from eligible to start
  kRun,            // seconds from start to end, less suspensions
  kTimelimitUsed,  // the same in kRatioParts of the time limit
  // By Rule::kEfficiency, in kRatioParts of what was allocated; of GPUs bytes of memory, too.
  kCpuEfficiency,
  kMemoryEfficiency,
  kGpuUtilization,
  kGpuMemory,
};
inline constexpr std::size_t kObserved = 7;

// Shares are kept in whole numbers, so that sums do not depend on the order they are made in.
inline constexpr std::int64_t kRatioParts = 1'000'000;

// Inclusive upper bounds, ascending, in the units of Observed; none for those that are not kept.
using HistogramBounds = std::array<std::vector<std::int64_t>, kObserved>;

class JobHistograms {
 public:
  struct Histogram {
    std::vector<std::uint32_t> counts;  // not cumulative; empty before the first observation
    std::uint64_t sum = 0;

    bool operator==(const Histogram&) const = default;
  };

  // `value` is not negative.
  void Observe(const HistogramBounds& bounds, Observed what, std::int64_t value);
  void Add(const JobHistograms& other);
  const Histogram& of(Observed what) const { return histograms_[static_cast<std::size_t>(what)]; }
  bool operator==(const JobHistograms&) const = default;

 private:
  std::array<Histogram, kObserved> histograms_;
};

}  // namespace slurmdb
