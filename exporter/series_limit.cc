#include "exporter/series_limit.h"

namespace exporter {
namespace {

// How many sample lines a series becomes.
std::size_t Lines(const prometheus::MetricFamily& family, const prometheus::ClientMetric& metric) {
  return family.type == prometheus::MetricType::Histogram ? metric.histogram.bucket.size() + 2 : 1;
}

}  // namespace

std::size_t LimitSeries(std::vector<prometheus::MetricFamily>& families, std::size_t limit) {
  if (limit == 0) return 0;
  std::size_t kept = 0;
  std::size_t dropped = 0;
  for (prometheus::MetricFamily& family : families) {
    std::erase_if(family.metric, [&](const prometheus::ClientMetric& metric) {
      const std::size_t lines = Lines(family, metric);
      if (kept + lines > limit) {
        dropped += lines;
        return true;
      }
      kept += lines;
      return false;
    });
  }
  return dropped;
}

}  // namespace exporter
