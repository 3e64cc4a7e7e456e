#include "collectors/families.h"

#include <limits>
#include <utility>

namespace collectors {
namespace {

prometheus::ClientMetric& AddSample(prometheus::MetricFamily& family, const std::vector<std::string>& labels,
                                    const std::vector<std::string>& values) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) metric.label.push_back({labels[i], values[i]});
  return metric;
}

}  // namespace

SumFamily::SumFamily(std::string name, std::string help, prometheus::MetricType type,
                     std::vector<std::string> labels)
    : name_(std::move(name)), help_(std::move(help)), type_(type), labels_(std::move(labels)) {}

void SumFamily::Add(std::vector<std::string> values, slurmdb::Uint128 amount, double unit) {
  Sum& sum = sums_[std::move(values)];
  sum.amount += amount;
  sum.unit = unit;
}

prometheus::MetricFamily SumFamily::Build() const {
  prometheus::MetricFamily family{name_, help_, type_, {}};
  family.metric.reserve(sums_.size());
  for (const auto& [values, sum] : sums_) {
    prometheus::ClientMetric& metric = AddSample(family, labels_, values);
    const double value = static_cast<double>(sum.amount) * sum.unit;
    (type_ == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }
  return family;
}

HistogramFamily::HistogramFamily(std::string name, std::string help, std::vector<std::string> labels,
                                 std::vector<std::int64_t> bounds, std::int64_t parts)
    : name_(std::move(name)),
      help_(std::move(help)),
      labels_(std::move(labels)),
      bounds_(std::move(bounds)),
      parts_(static_cast<double>(parts)) {}

void HistogramFamily::Add(std::vector<std::string> values,
                          const slurmdb::JobHistograms::Histogram& histogram) {
  auto& sum = sums_[std::move(values)];
  sum.counts.resize(bounds_.size() + 1);
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) sum.counts[i] += histogram.counts[i];
  sum.sum += histogram.sum;
}

prometheus::MetricFamily HistogramFamily::Build() const {
  prometheus::MetricFamily family{name_, help_, prometheus::MetricType::Histogram, {}};
  for (const auto& [values, sum] : sums_) {
    prometheus::ClientMetric& metric = AddSample(family, labels_, values);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < sum.counts.size(); ++i) {
      so_far += sum.counts[i];
      const double bound = i < bounds_.size() ? static_cast<double>(bounds_[i]) / parts_
                                              : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({so_far, bound});
    }
    metric.histogram.sample_count = so_far;
    metric.histogram.sample_sum = static_cast<double>(sum.sum) / parts_;
  }
  return family;
}

GaugeFamily::GaugeFamily(std::string name, std::string help, std::vector<std::string> labels)
    : family_{std::move(name), std::move(help), prometheus::MetricType::Gauge, {}},
      labels_(std::move(labels)) {}

void GaugeFamily::Add(const std::vector<std::string>& values, double value) {
  AddSample(family_, labels_, values).gauge.value = value;
}

}  // namespace collectors
