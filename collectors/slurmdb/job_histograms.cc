#include "collectors/slurmdb/job_histograms.h"

#include <algorithm>

namespace slurmdb {

void JobHistograms::Observe(const HistogramBounds& bounds, Observed what, std::int64_t value) {
  const std::vector<std::int64_t>& at_most = bounds[static_cast<std::size_t>(what)];
  if (at_most.empty()) return;
  Histogram& histogram = histograms_[static_cast<std::size_t>(what)];
  if (histogram.counts.empty()) histogram.counts.resize(at_most.size() + 1);
  const auto bucket = std::lower_bound(at_most.begin(), at_most.end(), value) - at_most.begin();
  ++histogram.counts[static_cast<std::size_t>(bucket)];
  histogram.sum += static_cast<std::uint64_t>(value);
}

void JobHistograms::Add(const JobHistograms& other) {
  for (std::size_t i = 0; i < kObserved; ++i) {
    const Histogram& from = other.histograms_[i];
    Histogram& to = histograms_[i];
    if (to.counts.size() < from.counts.size()) to.counts.resize(from.counts.size());
    for (std::size_t bucket = 0; bucket < from.counts.size(); ++bucket)
      to.counts[bucket] += from.counts[bucket];
    to.sum += from.sum;
  }
}

}  // namespace slurmdb
