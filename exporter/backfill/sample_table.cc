#include "exporter/backfill/sample_table.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "exporter/exposition/family.h"
#include "exporter/exposition/number.h"

namespace exporter {
namespace {

// Of a sample as AppendNumber writes it.
double ValueOf(std::string_view text) {
  double value = 0;
  const bool signed_text = text.starts_with('+');  // "+Inf", which from_chars does not know
  std::from_chars(text.data() + (signed_text ? 1 : 0), text.data() + text.size(), value);
  return value;
}

}  // namespace

SampleTable::SampleTable(std::vector<std::int64_t> times) : times_(std::move(times)) {}

void SampleTable::AddSeries(Family& family, std::size_t moment, const std::vector<Line>& lines) {
  auto at = family.series.find(lines.back().text);
  if (at == family.series.end()) {
    at = family.series.emplace(lines.back().text, Series{}).first;
    Series& series = at->second;
    for (const Line& line : lines) series.lines.emplace_back(line.text);
    series.values.resize(times_.size() * lines.size());
    series.there.resize(times_.size());
  }
  Series& series = at->second;
  series.there[moment] = true;
  for (std::size_t i = 0; i < lines.size(); ++i) series.values[moment * lines.size() + i] = lines[i].value;
  samples_ += lines.size();
}

void SampleTable::Add(std::size_t moment, const prometheus::MetricFamily& family) {
  RenderResult result;
  const std::string body = RenderSamples(family, &result);
  left_out_ += result.duplicates + result.invalid;
  if (body.empty()) return;
  Family& kept = families_[family.name];
  if (kept.head.empty()) {
    kept.head = RenderHead(family, Format::kOpenMetrics);
    kept.histogram = family.type == prometheus::MetricType::Histogram;
  }
  const std::string last_of_histogram = family.name + "_count";  // and labels, or the value
  std::vector<Line> lines;
  for (std::string_view rest = body; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::size_t space = line.rfind(' ');
    lines.push_back({line.substr(0, space), ValueOf(line.substr(space + 1))});
    if (kept.histogram && !line.starts_with(last_of_histogram)) continue;
    AddSeries(kept, moment, lines);
    lines.clear();
  }
}

void SampleTable::Write(ImportForm form, const std::function<void(std::string_view)>& sink) const {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const bool open_metrics = form == ImportForm::kOpenMetrics;
  std::vector<std::string> times;
  for (const std::int64_t time : times_) {
    times.push_back(' ' + std::to_string(time) + (open_metrics ? "\n" : "000\n"));
  }
  std::string out;
  for (const auto& [name, family] : families_) {
    if (open_metrics) out += family.head;
    std::vector<const std::pair<const std::string, Series>*> ordered;
    for (const auto& entry : family.series) ordered.push_back(&entry);
    std::sort(ordered.begin(), ordered.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* entry : ordered) {
      const Series& series = entry->second;
      for (std::size_t moment = 0; moment < times_.size(); ++moment) {
        if (!series.there[moment]) continue;
        for (std::size_t i = 0; i < series.lines.size(); ++i) {
          out.append(series.lines[i]).append(1, ' ');
          AppendNumber(series.values[moment * series.lines.size() + i], &out);
          out += times[moment];
        }
        if (out.size() < kPiece) continue;
        sink(out);
        out.clear();
      }
    }
  }
  if (open_metrics) out += "# EOF\n";
  sink(out);
}

}  // namespace exporter
