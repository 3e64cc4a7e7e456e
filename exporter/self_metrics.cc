#include "exporter/self_metrics.h"

#include "exporter/version.h"

namespace exporter {
namespace {

prometheus::Family<prometheus::Gauge>& GaugeFamily(prometheus::Registry& registry, const char* name,
                                                   const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry& registry, const char* name,
                                                       const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Labels Of(const std::string& collector) { return {{"collector", collector}}; }

}  // namespace

SelfMetrics::SelfMetrics(const std::vector<std::string>& collectors)
    : up_(GaugeFamily(registry_, "slurmdbd_up",
                      "Whether the last poll reached the accounting database (the database, not the slurmdbd "
                      "daemon).")
              .Add({})),
      poll_interval_(GaugeFamily(registry_, "slurmdbd_exporter_poll_interval_seconds",
                                 "How often the database is polled, as configured.")
                         .Add({})),
      missing_columns_(GaugeFamily(registry_, "slurmdbd_exporter_missing_columns",
                                   "Columns that are not there or not granted; what needs them is left out.")
                           .Add({})),
      state_saved_(
          GaugeFamily(registry_, "slurmdbd_exporter_state_saved",
                      "Whether the high-water marks of the last poll were written; 1 when no state directory "
                      "is used.")
              .Add({})),
      reload_successful_(GaugeFamily(registry_, "slurmdbd_exporter_config_last_reload_successful",
                                     "Whether the last attempt to load the configuration succeeded.")
                             .Add({})),
      reload_success_time_(GaugeFamily(registry_,
                                       "slurmdbd_exporter_config_last_reload_success_timestamp_seconds",
                                       "When the configuration was last loaded.")
                               .Add({})),
      clusters_(GaugeFamily(registry_, "slurmdbd_exporter_cluster_success",
                            "Whether the last poll could read the tables of this cluster.")),
      success_(GaugeFamily(registry_, "slurmdbd_scrape_collector_success",
                           "Whether the collector's last poll succeeded for every cluster.")),
      duration_(GaugeFamily(
          registry_, "slurmdbd_scrape_collector_duration_seconds",
          "How long the collector's last poll took; what several collectors share is counted for the "
          "first of them.")),
      last_success_(
          GaugeFamily(registry_, "slurmdbd_exporter_collector_last_success_timestamp_seconds",
                      "When the collector last succeeded, by this machine's clock; 0 means never.")),
      errors_(CounterFamily(registry_, "slurmdbd_exporter_collector_errors_total",
                            "Failures of the collector, by reason.")),
      rows_read_(
          CounterFamily(registry_, "slurmdbd_exporter_collector_rows_read_total",
                        "Rows fetched from the database for the collector; what several collectors share is "
                        "counted for the first of them.")),
      series_(GaugeFamily(registry_, "slurmdbd_exporter_collector_series",
                          "Sample lines the collector has on the page.")),
      dropped_(CounterFamily(registry_, "slurmdbd_exporter_collector_series_dropped_total",
                             "Series left out at each poll: over the limit, duplicate or invalid.")) {
  SetStateSaved(true);
  GaugeFamily(registry_, "slurmdbd_exporter_build_info", "What this exporter was built from; always 1.")
      .Add({{"version", kVersion}, {"revision", kRevision}, {"branch", kBranch}, {"compiler", kCompiler}})
      .Set(1);
  for (const std::string& collector : collectors) {
    success_.Add(Of(collector));
    duration_.Add(Of(collector));
    last_success_.Add(Of(collector));
    rows_read_.Add(Of(collector));
    series_.Add(Of(collector));
    for (const slurmdb::Reason reason : slurmdb::kAllReasons) {
      errors_.Add({{"collector", collector}, {"reason", std::string(slurmdb::ReasonName(reason))}});
    }
    for (const char* why : {"limit", "duplicate", "invalid"}) {
      dropped_.Add({{"collector", collector}, {"reason", why}});
    }
  }
}

void SelfMetrics::SetUp(bool up) { up_.Set(up ? 1 : 0); }
void SelfMetrics::SetPollInterval(double seconds) { poll_interval_.Set(seconds); }
void SelfMetrics::SetMissingColumns(std::size_t count) { missing_columns_.Set(static_cast<double>(count)); }

void SelfMetrics::SetStateSaved(bool saved) { state_saved_.Set(saved ? 1 : 0); }

void SelfMetrics::SetClusters(const std::map<std::string, bool>& success) {
  for (auto at = cluster_gauges_.begin(); at != cluster_gauges_.end();) {
    if (success.contains(at->first)) {
      ++at;
      continue;
    }
    clusters_.Remove(at->second);
    at = cluster_gauges_.erase(at);
  }
  for (const auto& [cluster, ok] : success) {
    prometheus::Gauge*& gauge = cluster_gauges_[cluster];
    if (gauge == nullptr) gauge = &clusters_.Add({{"cluster", cluster}});
    gauge->Set(ok ? 1 : 0);
  }
}

void SelfMetrics::CollectorSucceeded(const std::string& collector) {
  success_.Add(Of(collector)).Set(1);
  last_success_.Add(Of(collector)).SetToCurrentTime();
}

void SelfMetrics::CollectorFailed(const std::string& collector) { success_.Add(Of(collector)).Set(0); }

void SelfMetrics::AddError(const std::string& collector, slurmdb::Reason reason) {
  errors_.Add({{"collector", collector}, {"reason", std::string(slurmdb::ReasonName(reason))}}).Increment();
}

void SelfMetrics::SetDuration(const std::string& collector, double seconds) {
  duration_.Add(Of(collector)).Set(seconds);
}

void SelfMetrics::AddRowsRead(const std::string& collector, double rows) {
  rows_read_.Add(Of(collector)).Increment(rows);
}

void SelfMetrics::SetSeries(const std::string& collector, double series) {
  series_.Add(Of(collector)).Set(series);
}

void SelfMetrics::AddSeriesDropped(const std::string& collector, std::string_view why, double series) {
  if (series > 0) dropped_.Add({{"collector", collector}, {"reason", std::string(why)}}).Increment(series);
}

void SelfMetrics::ReloadSucceeded() {
  reload_successful_.Set(1);
  reload_success_time_.SetToCurrentTime();
}

void SelfMetrics::ReloadFailed() { reload_successful_.Set(0); }

}  // namespace exporter
