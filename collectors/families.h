// Builds metric families out of sums.
//
//   SumFamily running("slurmdbd_jobs", "Jobs …", prometheus::MetricType::Gauge, {"cluster", "state"});
//   running.Add({"alpha", "running"}, 1);
//   families.push_back(running.Build());
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/job_histograms.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/tres.h"

namespace collectors {

// Sums amounts by label values, in whole numbers, so that the result does not depend on the order and a
// counter that grows by too little for a double does not stand still.
class SumFamily {
 public:
  SumFamily(std::string name, std::string help, prometheus::MetricType type, std::vector<std::string> labels);

  // Adds `amount` × `unit` to the series with these values, in the order of the label names. `unit` has to be
  // the same at each call for one series. An amount of 0 makes the series appear.
  void Add(std::vector<std::string> values, slurmdb::Uint128 amount, double unit = 1.0);

  // The family, its series sorted by label values.
  prometheus::MetricFamily Build() const;

 private:
  struct Sum {
    slurmdb::Uint128 amount = 0;
    double unit = 1.0;
  };
  std::string name_;
  std::string help_;
  prometheus::MetricType type_;
  std::vector<std::string> labels_;
  std::map<std::vector<std::string>, Sum> sums_;
};

// Histograms by label values. Series of the same values are added up.
class HistogramFamily {
 public:
  // `bounds` and what is observed are in whole parts, of which `parts` make one of the unit that is shown.
  HistogramFamily(std::string name, std::string help, std::vector<std::string> labels,
                  std::vector<std::int64_t> bounds, std::int64_t parts);

  void Add(std::vector<std::string> values, const slurmdb::JobHistograms::Histogram& histogram);

  prometheus::MetricFamily Build() const;

 private:
  std::string name_;
  std::string help_;
  std::vector<std::string> labels_;
  std::vector<std::int64_t> bounds_;
  double parts_;
  std::map<std::vector<std::string>, slurmdb::JobHistograms::Histogram> sums_;
};

// Series with a value each. Label values have to differ.
class GaugeFamily {
 public:
  GaugeFamily(std::string name, std::string help, std::vector<std::string> labels);

  // In the order of the label names.
  void Add(const std::vector<std::string>& values, double value);

  prometheus::MetricFamily Build() && { return std::move(family_); }

 private:
  prometheus::MetricFamily family_;
  std::vector<std::string> labels_;
};

}  // namespace collectors
