#include "exporter/exposition/family.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "exporter/exposition/escape.h"
#include "exporter/exposition/number.h"

namespace exporter {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::string_view kTotal = "_total";

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNamePart(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

bool IsMetricName(std::string_view name) {
  const auto start = [](char c) { return IsNameStart(c) || c == ':'; };
  const auto part = [](char c) { return IsNamePart(c) || c == ':'; };
  return !name.empty() && start(name[0]) && std::all_of(name.begin(), name.end(), part);
}

bool IsValidHistogram(const ClientMetric::Histogram& histogram) {
  if (std::isnan(histogram.sample_sum) || histogram.sample_sum < 0) return false;
  double bound = -1;
  std::uint64_t count = 0;
  for (const ClientMetric::Bucket& bucket : histogram.bucket) {
    // Not `<=`: a NaN bound must fail too. A negative one forbids the sum in OpenMetrics.
    if (!(bucket.upper_bound > bound) || bucket.upper_bound < 0 || bucket.cumulative_count < count)
      return false;
    bound = bucket.upper_bound;
    count = bucket.cumulative_count;
  }
  return std::isinf(bound) ? count == histogram.sample_count : count <= histogram.sample_count;
}

// Writes the sample lines of one family. The lines of one sample are a block; blocks are written in the order
// given and only copied into another order when that turns out to be needed.
class BodyWriter {
 public:
  explicit BodyWriter(const MetricFamily& family) : family_(family) {
    const std::string& name = family.name;
    if (family.type == MetricType::Histogram) {
      bucket_name_ = name + "_bucket";
      sum_name_ = name + "_sum";
      count_name_ = name + "_count";
    }
    key_offset_ = (family.type == MetricType::Histogram ? bucket_name_ : name).size() + 1;
  }

  // Fills everything of `result` but the family.
  std::string Write(RenderResult* result) {
    blocks_.reserve(family_.metric.size());
    for (const ClientMetric& metric : family_.metric) {
      if (!AppendLabels(metric.label) || !IsValidValue(metric)) {
        ++result->invalid;
        continue;
      }
      AppendBlock(metric);
      if (blocks_.size() == 1) body_.reserve(body_.size() * family_.metric.size() * 5 / 4);
    }
    if (!sorted_) Sort(result);
    for (const Block& block : blocks_) result->series += block.lines;
    body_.shrink_to_fit();
    return std::move(body_);
  }

 private:
  struct Block {
    std::size_t begin;
    std::uint32_t size;
    std::uint32_t key_size;  // label text, without braces and `le`, at key_offset_ from the begin
    std::uint32_t lines;
  };

  std::string_view Key(const Block& block) const {
    return std::string_view(body_).substr(block.begin + key_offset_, block.key_size);
  }

  bool IsValidLabelSet(const Labels& labels) const {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::string& name = labels[i].name;
      if (!IsLabelName(name) || (name == "le" && family_.type == MetricType::Histogram)) return false;
      for (std::size_t j = 0; j < i; ++j) {
        if (labels[j].name == name) return false;
      }
    }
    return true;
  }

  // Sets labels_ to `a="b",c="d"`; false if they are not valid.
  bool AppendLabels(const Labels& labels) {
    labels_.clear();
    const auto same_name = [](const ClientMetric::Label& label, std::string_view name) {
      return label.name == name;
    };
    if (order_.size() == labels.size() && has_order_ &&
        std::equal(labels.begin(), labels.end(), order_.begin(), same_name)) {
      for (const ClientMetric::Label& label : labels) AppendLabel(label);
      return true;
    }
    if (!IsValidLabelSet(labels)) return false;
    if (!has_order_) {
      has_order_ = true;
      for (const ClientMetric::Label& label : labels) order_.push_back(label.name);
      return AppendLabels(labels);
    }
    // Else the same labels in another order would be a second series to us but not to Prometheus.
    std::vector<const ClientMetric::Label*> ordered;
    for (const ClientMetric::Label& label : labels) ordered.push_back(&label);
    const auto rank = [this](const ClientMetric::Label* label) {
      return std::make_tuple(std::find(order_.begin(), order_.end(), label->name),
                             std::string_view(label->name));
    };
    std::sort(ordered.begin(), ordered.end(),
              [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
    for (const ClientMetric::Label* label : ordered) AppendLabel(*label);
    return true;
  }

  void AppendLabel(const ClientMetric::Label& label) {
    if (!labels_.empty()) labels_.push_back(',');
    labels_.append(label.name).append("=\"");
    AppendEscaped(label.value, Quotes::kEscape, &labels_);
    labels_.push_back('"');
  }

  bool IsValidValue(const ClientMetric& metric) const {
    if (family_.type == MetricType::Counter) return metric.counter.value >= 0;
    if (family_.type == MetricType::Histogram) return IsValidHistogram(metric.histogram);
    return true;
  }

  template <typename Value>
  void AppendLine(std::string_view name, Value value) {
    body_.append(name);
    if (!labels_.empty()) body_.append(1, '{').append(labels_).append(1, '}');
    FinishLine(value);
  }

  void AppendBucket(double bound, std::uint64_t count) {
    body_.append(bucket_name_).append(1, '{').append(labels_);
    body_.append(labels_.empty() ? "le=\"" : ",le=\"");
    AppendBound(bound, &body_);
    body_.append("\"}");
    FinishLine(count);
  }

  template <typename Value>
  void FinishLine(Value value) {
    body_.push_back(' ');
    AppendNumber(value, &body_);
    body_.push_back('\n');
    ++lines_;
  }

  void AppendBlock(const ClientMetric& metric) {
    const std::size_t begin = body_.size();
    lines_ = 0;
    switch (family_.type) {
      case MetricType::Counter:
        AppendLine(family_.name, metric.counter.value);
        break;
      case MetricType::Gauge:
        AppendLine(family_.name, metric.gauge.value);
        break;
      case MetricType::Histogram: {
        const ClientMetric::Histogram& histogram = metric.histogram;
        for (const ClientMetric::Bucket& bucket : histogram.bucket) {
          AppendBucket(bucket.upper_bound, bucket.cumulative_count);
        }
        if (histogram.bucket.empty() || !std::isinf(histogram.bucket.back().upper_bound)) {
          AppendBucket(std::numeric_limits<double>::infinity(), histogram.sample_count);
        }
        AppendLine(sum_name_, histogram.sample_sum);
        AppendLine(count_name_, histogram.sample_count);
        break;
      }
      case MetricType::Untyped:
      case MetricType::Summary:  // never gets here
        AppendLine(family_.name, metric.untyped.value);
        break;
    }
    blocks_.push_back({begin, static_cast<std::uint32_t>(body_.size() - begin),
                       static_cast<std::uint32_t>(labels_.size()), lines_});
    if (blocks_.size() > 1 && sorted_) sorted_ = Key(blocks_[blocks_.size() - 2]) < Key(blocks_.back());
  }

  // Strictly by key: of equal keys the first given stays.
  void Sort(RenderResult* result) {
    std::vector<Block> ordered = blocks_;
    std::sort(ordered.begin(), ordered.end(), [this](const Block& a, const Block& b) {
      const int order = Key(a).compare(Key(b));
      return order != 0 ? order < 0 : a.begin < b.begin;
    });
    const auto same = [this](const Block& a, const Block& b) { return Key(a) == Key(b); };
    ordered.erase(std::unique(ordered.begin(), ordered.end(), same), ordered.end());
    result->duplicates = blocks_.size() - ordered.size();
    std::string sorted;
    sorted.reserve(body_.size());
    for (const Block& block : ordered) sorted.append(body_, block.begin, block.size);
    body_ = std::move(sorted);
    blocks_ = std::move(ordered);
  }

  const MetricFamily& family_;
  std::string bucket_name_;
  std::string sum_name_;
  std::string count_name_;
  std::size_t key_offset_;
  std::string body_;
  std::vector<Block> blocks_;
  bool sorted_ = true;
  bool has_order_ = false;
  std::vector<std::string_view> order_;  // label names of the first valid sample
  std::string labels_;                   // of the sample in hand
  std::uint32_t lines_ = 0;
};

std::string_view TypeName(MetricType type, Format format) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    case MetricType::Untyped:
    case MetricType::Summary:
      break;
  }
  return format == Format::kText ? "untyped" : "unknown";
}

void AppendComment(std::string_view keyword, std::string_view name, std::string_view text, std::string* out) {
  out->append("# ").append(keyword).append(1, ' ').append(name).append(1, ' ').append(text).append(1, '\n');
}

// An empty HELP is left out: parsers differ in whether they take one.
std::string TextHead(const MetricFamily& family) {
  std::string head;
  if (!family.help.empty()) {
    std::string help;
    AppendEscaped(family.help, Quotes::kKeep, &help);
    AppendComment("HELP", family.name, help, &head);
  }
  AppendComment("TYPE", family.name, TypeName(family.type, Format::kText), &head);
  return head;
}

std::string OpenMetricsHead(const MetricFamily& family, std::string_view name, MetricType type) {
  std::string head;
  AppendComment("TYPE", name, TypeName(type, Format::kOpenMetrics), &head);
  for (std::string_view unit : {"seconds", "bytes", "ratio", "joules"}) {
    if (name.size() > unit.size() + 1 && name.ends_with(unit) && name[name.size() - unit.size() - 1] == '_') {
      AppendComment("UNIT", name, unit, &head);
    }
  }
  if (!family.help.empty()) {
    std::string help;
    AppendEscaped(family.help, Quotes::kEscape, &help);
    AppendComment("HELP", name, help, &head);
  }
  return head;
}

bool IsRenderable(const MetricFamily& family) {
  return IsMetricName(family.name) && family.type != MetricType::Summary;
}

// A counter's name in OpenMetrics is without _total; one that does not end so cannot be told.
struct OpenMetricsIdentity {
  std::size_t name_size;
  MetricType type;
};

OpenMetricsIdentity OpenMetricsOf(const MetricFamily& family) {
  if (family.type != MetricType::Counter) return {family.name.size(), family.type};
  if (family.name.size() > kTotal.size() && family.name.ends_with(kTotal))
    return {family.name.size() - kTotal.size(), family.type};
  return {family.name.size(), MetricType::Untyped};
}

}  // namespace

bool IsLabelName(std::string_view name) {
  return !name.empty() && IsNameStart(name[0]) && std::all_of(name.begin(), name.end(), IsNamePart) &&
         !name.starts_with("__");
}

std::string RenderSamples(const MetricFamily& family, RenderResult* result) {
  if (IsRenderable(family)) return BodyWriter(family).Write(result);
  result->invalid = family.metric.size();
  return "";
}

std::string RenderHead(const MetricFamily& family, Format format) {
  if (format == Format::kText) return TextHead(family);
  const OpenMetricsIdentity identity = OpenMetricsOf(family);
  return OpenMetricsHead(family, std::string_view(family.name).substr(0, identity.name_size), identity.type);
}

RenderResult Renderer::Render(const MetricFamily& family) {
  RenderResult result;
  std::string body = RenderSamples(family, &result);
  if (body.empty()) return result;

  auto rendered = std::make_shared<RenderedFamily>();
  rendered->name = family.name;
  rendered->open_metrics_name_size = OpenMetricsOf(family).name_size;
  rendered->text_head = deflater_.MakePiece(RenderHead(family, Format::kText));
  rendered->open_metrics_head = deflater_.MakePiece(RenderHead(family, Format::kOpenMetrics));
  rendered->body = deflater_.MakePiece(std::move(body));
  result.family = std::move(rendered);
  return result;
}

}  // namespace exporter
