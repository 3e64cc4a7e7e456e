// Metric families for the tests of this folder, in few words.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exporter/exposition/family.h"

namespace exporter {

using Labels = std::vector<prometheus::ClientMetric::Label>;

// A gauge, counter or untyped sample: whichever the family's type says.
inline prometheus::ClientMetric Sample(Labels labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = metric.counter.value = metric.untyped.value = value;
  return metric;
}

inline prometheus::ClientMetric HistogramSample(Labels labels,
                                                std::vector<prometheus::ClientMetric::Bucket> buckets,
                                                std::uint64_t count, double sum) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram.bucket = std::move(buckets);
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = sum;
  return metric;
}

inline prometheus::MetricFamily Family(prometheus::MetricType type, std::string name,
                                       std::vector<prometheus::ClientMetric> metrics,
                                       std::string help = "Help.") {
  prometheus::MetricFamily family;
  family.type = type;
  family.name = std::move(name);
  family.help = std::move(help);
  family.metric = std::move(metrics);
  return family;
}

// `count` gauge samples of as many users, not in their order.
inline std::vector<prometheus::ClientMetric> ManySamples(int count) {
  std::vector<prometheus::ClientMetric> metrics;
  metrics.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    metrics.push_back(Sample({{"user", "user" + std::to_string(i * 7919LL % 100003)}}, i * 0.37));
  }
  return metrics;
}

inline std::shared_ptr<const RenderedFamily> Rendered(const prometheus::MetricFamily& family) {
  return Renderer().Render(family).family;
}

}  // namespace exporter
