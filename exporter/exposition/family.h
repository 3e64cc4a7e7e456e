// One metric family rendered to bytes, once, for every scrape until the next poll.
//
// The sample lines are the same bytes in the text format 0.0.4 and in OpenMetrics 1.0.0, so they exist once;
// only the head (HELP, TYPE, UNIT) is kept for each format. Every part is also kept deflated, so that a page
// of any selection of families, in any format, compressed or not, is put together without rendering or
// compressing anything.
//
//   Renderer renderer;
//   RenderResult result = renderer.Render(family);
//   if (result.family) page.families.push_back(result.family);
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/exposition/deflate.h"

namespace exporter {

enum class Format { kText, kOpenMetrics };

// Immutable once made; share it freely between threads.
struct RenderedFamily {
  std::string name;  // as in the text format: a counter's ends in _total
  // The name in OpenMetrics' TYPE line, which must be unique on a page: a counter's is without _total.
  std::string_view OpenMetricsName() const {
    return std::string_view(name).substr(0, open_metrics_name_size);
  }
  const Piece& Head(Format format) const { return format == Format::kText ? text_head : open_metrics_head; }

  std::size_t open_metrics_name_size = 0;
  Piece text_head;
  Piece open_metrics_head;
  Piece body;
};

using FamilyList = std::vector<std::shared_ptr<const RenderedFamily>>;

struct RenderResult {
  std::shared_ptr<const RenderedFamily> family;  // null when no sample is left
  std::size_t series = 0;                        // sample lines in it: a histogram has buckets + 2
  std::size_t duplicates = 0;                    // samples left out: another with the same labels came first
  std::size_t invalid = 0;                       // samples left out: no scraper would accept them
};

// True for what may be the name of a label: not one of those that Prometheus keeps to itself.
bool IsLabelName(std::string_view name);

// The sample lines of a family as Renderer makes them, for who puts them together in another way. Fills
// everything of `result` but the family.
std::string RenderSamples(const prometheus::MetricFamily& family, RenderResult* result);

// Its HELP, TYPE and UNIT lines.
std::string RenderHead(const prometheus::MetricFamily& family, Format format);

// Renders families. Keep one for a batch, and one for each thread: it is not thread safe.
class Renderer {
 public:
  explicit Renderer(int deflate_level = Deflater::kDefaultLevel) : deflater_(deflate_level) {}

  // Samples come out sorted by their label text, labels in the order of the first sample, so the same data
  // give the same bytes. Buckets keep their order and get a +Inf one if it is missing.
  //
  // Left out and counted as invalid: samples with a label name that is malformed, reserved (`__*`, `le` of a
  // histogram) or given twice; counters that are NaN or negative; histograms with bounds not ascending or
  // negative, counts falling or not ending in the sample count, or a sum that is NaN or negative. With a
  // malformed family name, or of type Summary, which is not supported, all samples count as invalid. A
  // counter whose name does not end in _total cannot be told in OpenMetrics; there it is of type unknown.
  //
  // Timestamps are ignored: they would switch off Prometheus' staleness handling.
  RenderResult Render(const prometheus::MetricFamily& family);

 private:
  Deflater deflater_;
};

}  // namespace exporter
