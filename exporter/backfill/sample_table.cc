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

FamilySamples::FamilySamples(const prometheus::MetricFamily& family) : name_(family.name) {
  RenderResult result;
  text_ = RenderSamples(family, &result);
  left_out_ = result.duplicates + result.invalid;
  if (text_.empty()) return;
  head_ = RenderHead(family, Format::kOpenMetrics);
  const bool is_histogram = family.type == prometheus::MetricType::Histogram;
  is_counter_ = is_histogram || family.type == prometheus::MetricType::Counter;
  const std::string last_of_histogram = family.name + "_count";  // and labels, or the value
  Series series;
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::size_t space = line.rfind(' ');
    series.push_back({line.substr(0, space), ValueOf(line.substr(space + 1))});
    if (is_histogram && !line.starts_with(last_of_histogram)) continue;
    series_.push_back(std::move(series));
    series.clear();
  }
}

SampleTable::SampleTable(std::vector<std::int64_t> times) : times_(std::move(times)) {}

SampleTable::Series& SampleTable::At(const FamilySamples& family, const FamilySamples::Series& series) {
  Family& kept = families_[family.name()];
  if (kept.head.empty()) kept.head = family.head();
  const std::string_view key = FamilySamples::KeyOf(series);
  const auto known = kept.series.find(key);
  if (known != kept.series.end()) return known->second;
  Series& fresh = kept.series.emplace(key, Series{}).first->second;
  for (const FamilySamples::Line& line : series) fresh.lines.emplace_back(line.text);
  fresh.values.resize(times_.size() * series.size());
  fresh.there.resize(times_.size());
  return fresh;
}

void SampleTable::Add(std::size_t moment, const FamilySamples& family) {
  for (const FamilySamples::Series& series : family.series()) {
    Series& kept = At(family, series);
    kept.there[moment] = true;
    for (std::size_t i = 0; i < series.size(); ++i) kept.values[moment * series.size() + i] = series[i].value;
    samples_ += series.size();
  }
}

void SampleTable::AddZero(std::int64_t time, const FamilySamples& family,
                          const FamilySamples::Series& series) {
  At(family, series).zero_at = time;
  samples_ += series.size();
}

void SampleTable::Write(ImportForm form, const std::function<void(std::string_view)>& sink) const {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const bool open_metrics = form == ImportForm::kOpenMetrics;
  const auto text_of = [&](std::int64_t time) {
    return ' ' + std::to_string(time) + (open_metrics ? "\n" : "000\n");
  };
  std::vector<std::string> times;
  for (const std::int64_t time : times_) times.push_back(text_of(time));
  std::string out;
  for (const auto& [name, family] : families_) {
    if (open_metrics) out += family.head;
    std::vector<const std::pair<const std::string, Series>*> ordered;
    for (const auto& entry : family.series) ordered.push_back(&entry);
    std::sort(ordered.begin(), ordered.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* entry : ordered) {
      const Series& series = entry->second;
      // Before the first moment that is later.
      const std::size_t zero_before = static_cast<std::size_t>(
          std::upper_bound(times_.begin(), times_.end(), series.zero_at.value_or(0)) - times_.begin());
      for (std::size_t moment = 0; moment <= times_.size(); ++moment) {
        if (series.zero_at && moment == zero_before) {
          for (const std::string& line : series.lines)
            out.append(line).append(" 0").append(text_of(*series.zero_at));
        }
        if (moment == times_.size() || !series.there[moment]) continue;
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
