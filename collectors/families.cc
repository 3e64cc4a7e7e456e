#include "collectors/families.h"

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

GaugeFamily::GaugeFamily(std::string name, std::string help, std::vector<std::string> labels)
    : family_{std::move(name), std::move(help), prometheus::MetricType::Gauge, {}},
      labels_(std::move(labels)) {}

void GaugeFamily::Add(const std::vector<std::string>& values, double value) {
  AddSample(family_, labels_, values).gauge.value = value;
}

}  // namespace collectors
