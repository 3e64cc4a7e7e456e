// What the exporter says about itself: is the database there, how did each collector fare, how old is what
// you see.
//
// Thread-safe: the poller writes, scrapes read.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/error.h"

namespace exporter {

class SelfMetrics {
 public:
  // Every series that can be known in advance is there from the start, at 0.
  explicit SelfMetrics(const std::vector<std::string>& collectors);

  void SetUp(bool up);
  void SetPollInterval(double seconds);
  void SetMissingColumns(std::size_t count);
  void SetStateSaved(bool saved);
  // Which clusters the last poll could read. Clusters that are not in it vanish.
  void SetClusters(const std::map<std::string, bool>& success);

  void CollectorSucceeded(const std::string& collector);
  void CollectorFailed(const std::string& collector);
  void AddError(const std::string& collector, slurmdb::Reason reason);
  void SetDuration(const std::string& collector, double seconds);
  void AddRowsRead(const std::string& collector, double rows);
  void SetSeries(const std::string& collector, double series);
  // Why: "limit", "duplicate" or "invalid".
  void AddSeriesDropped(const std::string& collector, std::string_view why, double series);

  void ReloadSucceeded();
  void ReloadFailed();

  std::vector<prometheus::MetricFamily> Collect() const { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  prometheus::Gauge& up_;
  prometheus::Gauge& poll_interval_;
  prometheus::Gauge& missing_columns_;
  prometheus::Gauge& state_saved_;
  prometheus::Gauge& reload_successful_;
  prometheus::Gauge& reload_success_time_;
  prometheus::Family<prometheus::Gauge>& clusters_;
  prometheus::Family<prometheus::Gauge>& success_;
  prometheus::Family<prometheus::Gauge>& duration_;
  prometheus::Family<prometheus::Gauge>& last_success_;
  prometheus::Family<prometheus::Counter>& errors_;
  prometheus::Family<prometheus::Counter>& rows_read_;
  prometheus::Family<prometheus::Gauge>& series_;
  prometheus::Family<prometheus::Counter>& dropped_;
  std::map<std::string, prometheus::Gauge*> cluster_gauges_;  // used by the poller only
};

}  // namespace exporter
