#include "exporter/backfill/sweep.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

#include "exporter/backfill/beginnings.h"
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

namespace {

// Writes a window's file once the first moment of the next one has told what began in between.
class Sweeper {
 public:
  Sweeper(slurmdb::Replay& replay, const std::vector<Window>& windows, std::int64_t from,
          const SweepOptions& options)
      : replay_(replay), windows_(windows), options_(options), beginnings_(from) {
    for (const Window& window : windows) wanted_.push_back(!std::filesystem::exists(PathOf(window)));
  }

  SweepResult Run() {
    for (std::size_t w = 0; w < windows_.size(); ++w) {
      const std::vector<std::int64_t>& times = windows_[w].times;
      const bool wanted = wanted_[w];
      const bool after_wanted = w > 0 && wanted_[w - 1];
      const bool before_wanted = w + 1 < windows_.size() && wanted_[w + 1];
      if (wanted) table_.emplace(times);
      for (std::size_t i = 0; i < times.size(); ++i) {
        const bool is_first = i == 0;
        const bool is_last = i + 1 == times.size();
        if (wanted || (is_first && after_wanted) || (is_last && before_wanted)) {
          LookAt(w, i);
        } else {
          follows_ = false;
        }
        if (is_first && before_) WriteBefore(windows_[w - 1]);
        options_.progress(result_.kept + result_.written, ++moments_);
      }
      if (wanted) {
        before_ = std::exchange(table_, std::nullopt);
      } else {
        ++result_.kept;
      }
    }
    if (before_) WriteBefore(windows_.back());
    return result_;
  }

 private:
  std::string PathOf(const Window& window) const {
    return options_.folder + "/" + FileName(window, options_.form);
  }

  void LookAt(std::size_t window, std::size_t index) {
    const std::int64_t time = windows_[window].times[index];
    const std::int64_t first = window == 0 ? 0 : windows_[window].times.front();
    replay_.MoveTo(time);
    result_.most_rows = std::max(result_.most_rows, replay_.rows_kept());
    std::uint64_t left_out = 0;
    std::vector<MetricFamily> families = Collect(replay_.View(), options_, left_out);
    if (!std::exchange(checked_, true)) CheckNames(families, options_.families);
    beginnings_.MoveTo(time, replay_.PeriodOf(time).epoch, follows_);
    follows_ = true;
    for (MetricFamily& family : families) {
      if (!options_.families.empty() && !options_.families.contains(family.name)) continue;
      AddLabels(family, options_.labels);
      const FamilySamples samples(family);
      left_out += samples.left_out();
      if (table_) table_->Add(index, samples);
      beginnings_.Note(samples, [&](std::int64_t zero, const FamilySamples::Series& series) {
        std::optional<SampleTable>& table = zero < first ? before_ : table_;
        if (table) table->AddZero(zero, samples, series);
      });
    }
    if (table_) result_.left_out += left_out;
  }

  void WriteBefore(const Window& window) {
    NewFile file(PathOf(window));
    before_->Write(options_.form, [&](std::string_view bytes) { file.Write(bytes); });
    file.Commit();
    ++result_.written;
    result_.samples += before_->samples();
    before_.reset();
  }

  slurmdb::Replay& replay_;
  const std::vector<Window>& windows_;
  const SweepOptions& options_;
  std::vector<bool> wanted_;  // windows without a file
  Beginnings beginnings_;
  std::optional<SampleTable> before_;  // of the window before
  std::optional<SampleTable> table_;
  bool follows_ = false;  // the moment before was looked at
  bool checked_ = false;
  std::size_t moments_ = 0;
  SweepResult result_;
};

}  // namespace

SweepResult Sweep(slurmdb::Replay& replay, const std::vector<Window>& windows, std::int64_t from,
                  const SweepOptions& options) {
  return Sweeper(replay, windows, from, options).Run();
}

}  // namespace exporter
