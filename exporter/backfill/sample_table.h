// The samples of many moments, series by series, as import formats want them.
//
//   SampleTable table(times);
//   table.Add(0, family);              // at times[0], each family once a moment
//   table.Write(ImportForm::kOpenMetrics, sink);
//
// Holds 8 bytes a sample; of a series its text once. Not thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace exporter {

enum class ImportForm {
  kOpenMetrics,      // for promtool tsdb create-blocks-from openmetrics: seconds, ends in # EOF
  kVictoriaMetrics,  // for /api/v1/import/prometheus: milliseconds, no comments
};

class SampleTable {
 public:
  explicit SampleTable(std::vector<std::int64_t> times);

  // What no scraper would accept is left out and counted, as in Renderer.
  void Add(std::size_t moment, const prometheus::MetricFamily& family);
  // Families by name, series by their text, each with its samples in the order of time.
  void Write(ImportForm form, const std::function<void(std::string_view)>& sink) const;

  std::uint64_t samples() const { return samples_; }
  std::uint64_t left_out() const { return left_out_; }

 private:
  // The lines of one sample: one, or those of a histogram.
  struct Series {
    std::vector<std::string> lines;  // up to the value
    std::vector<double> values;      // by moment and line
    std::vector<bool> there;         // by moment
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Family {
    std::string head;
    bool histogram = false;
    std::unordered_map<std::string, Series, Hash, std::equal_to<>> series;  // by its last line
  };
  struct Line {
    std::string_view text;
    double value = 0;
  };

  void AddSeries(Family& family, std::size_t moment, const std::vector<Line>& lines);

  std::vector<std::int64_t> times_;
  std::map<std::string, Family> families_;
  std::uint64_t samples_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace exporter
