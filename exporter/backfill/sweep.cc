#include "exporter/backfill/sweep.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "exporter/files.h"
#include "exporter/series_limit.h"

namespace exporter {
namespace {

using prometheus::MetricFamily;

// Throws when a label is one of the family's own.
void AddLabels(MetricFamily& family, const std::vector<std::pair<std::string, std::string>>& labels) {
  for (prometheus::ClientMetric& metric : family.metric) {
    for (const auto& [name, value] : labels) {
      const auto same = [&name = name](const auto& label) { return label.name == name; };
      if (std::any_of(metric.label.begin(), metric.label.end(), same))
        throw std::runtime_error("--label: " + family.name + " has a label " + name + " of its own");
      metric.label.push_back({name, value});
    }
  }
}

// All families of one moment. Adds to `left_out`.
std::vector<MetricFamily> Collect(const slurmdb::AccountingView& view, const SweepOptions& options,
                                  std::uint64_t& left_out) {
  std::vector<MetricFamily> all;
  for (const CollectorPlan& plan : options.collectors) {
    std::vector<MetricFamily> families = plan.info->collect(view, options.collector_options);
    left_out += LimitSeries(families, plan.max_series);
    std::move(families.begin(), families.end(), std::back_inserter(all));
  }
  return all;
}

void CheckNames(const std::vector<MetricFamily>& families, const std::set<std::string>& wanted) {
  for (const std::string& name : wanted) {
    const auto same = [&](const MetricFamily& family) { return family.name == name; };
    if (std::none_of(families.begin(), families.end(), same))
      throw std::runtime_error("--families: none of the collectors has " + name);
  }
}

}  // namespace

std::string FileName(const Window& window, ImportForm form) {
  return window.name + (form == ImportForm::kOpenMetrics ? ".om" : ".prom");
}

SweepResult Sweep(slurmdb::Replay& replay, const std::vector<Window>& windows, const SweepOptions& options) {
  SweepResult result;
  std::size_t moments = 0;
  for (const Window& window : windows) {
    const std::string path = options.folder + "/" + FileName(window, options.form);
    if (std::filesystem::exists(path)) {
      ++result.kept;
      moments += window.times.size();
      continue;
    }
    SampleTable table(window.times);
    for (std::size_t i = 0; i < window.times.size(); ++i) {
      replay.MoveTo(window.times[i]);
      std::vector<MetricFamily> families = Collect(replay.View(), options, result.left_out);
      if (i == 0) CheckNames(families, options.families);
      for (MetricFamily& family : families) {
        if (!options.families.empty() && !options.families.contains(family.name)) continue;
        AddLabels(family, options.labels);
        table.Add(i, family);
      }
      options.progress(result.kept + result.written, ++moments);
    }
    NewFile file(path);
    table.Write(options.form, [&](std::string_view bytes) { file.Write(bytes); });
    file.Commit();
    ++result.written;
    result.samples += table.samples();
    result.left_out += table.left_out();
  }
  return result;
}

}  // namespace exporter
