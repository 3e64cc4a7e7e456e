// The samples of many moments, series by series, as import formats want them.
//
//   SampleTable table(times);
//   table.Add(0, FamilySamples(family));    // at times[0], each family once a moment
//   table.Write(ImportForm::kOpenMetrics, sink);
//
// Holds 8 bytes a sample; of a series its text once. Not thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace exporter {

enum class ImportForm {
  kOpenMetrics,      // for promtool tsdb create-blocks-from openmetrics: seconds, ends in # EOF
  kVictoriaMetrics,  // for /api/v1/import/prometheus: milliseconds, no comments
};

// A family's samples at one moment, as lines of the exposition.
class FamilySamples {
 public:
  struct Line {
    std::string_view text;  // up to the value
    double value = 0;
  };
  using Series = std::vector<Line>;  // a line, or those of a histogram

  // What no scraper would accept is left out and counted, as in Renderer.
  explicit FamilySamples(const prometheus::MetricFamily& family);
  FamilySamples(const FamilySamples&) = delete;  // lines point into the text
  FamilySamples& operator=(const FamilySamples&) = delete;

  const std::string& name() const { return name_; }
  const std::string& head() const { return head_; }  // in OpenMetrics
  bool is_counter() const { return is_counter_; }    // or a histogram: its lines only grow
  const std::vector<Series>& series() const { return series_; }
  std::uint64_t left_out() const { return left_out_; }

  // Tells the series of a family apart.
  static std::string_view KeyOf(const Series& series) { return series.back().text; }

 private:
  std::string name_;
  std::string head_;
  bool is_counter_ = false;
  std::string text_;
  std::vector<Series> series_;
  std::uint64_t left_out_ = 0;
};

class SampleTable {
 public:
  explicit SampleTable(std::vector<std::int64_t> times);

  const std::vector<std::int64_t>& times() const { return times_; }
  void Add(std::size_t moment, const FamilySamples& family);
  // A series stands at 0 at a time at which it has no sample; at most one such time a series, for no window
  // has the beginnings of two periods.
  void AddZero(std::int64_t time, const FamilySamples& family, const FamilySamples::Series& series);
  // Families by name, series by their text, each with its samples in the order of time.
  void Write(ImportForm form, const std::function<void(std::string_view)>& sink) const;

  std::uint64_t samples() const { return samples_; }

 private:
  struct Series {
    std::vector<std::string> lines;  // up to the value
    std::vector<double> values;      // by moment and line
    std::vector<bool> there;         // by moment
    std::optional<std::int64_t> zero_at;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Family {
    std::string head;
    std::unordered_map<std::string, Series, Hash, std::equal_to<>> series;  // by their keys
  };

  Series& At(const FamilySamples& family, const FamilySamples::Series& series);

  std::vector<std::int64_t> times_;
  std::map<std::string, Family> families_;
  std::uint64_t samples_ = 0;
};

}  // namespace exporter
