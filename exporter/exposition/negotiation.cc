#include "exporter/exposition/negotiation.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

namespace exporter {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// Cuts the part before the next separator outside quotes off `rest`.
std::string_view NextPart(char separator, std::string_view* rest) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest->size(); ++end) {
    const char c = (*rest)[end];
    if (quoted && c == '\\') {
      ++end;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      break;
    }
  }
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return Trim(part);
}

// A qvalue in thousandths, by RFC 9110: 0, 0.75, 1.000; nothing if it is not one.
std::optional<int> ParseQuality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int quality = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int unit = 100;
  for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    quality += (digit - '0') * unit;
    unit /= 10;
  }
  return quality <= 1000 ? std::optional<int>(quality) : std::nullopt;
}

struct Range {
  std::string_view name;  // "text/plain", "gzip", "*"
  std::string_view version;
  int quality = 1000;
};

// Reads one element of a list; nothing if its quality is malformed.
std::optional<Range> ParseRange(std::string_view element) {
  Range range;
  range.name = NextPart(';', &element);
  while (!element.empty()) {
    const std::string_view parameter = NextPart(';', &element);
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = Trim(parameter.substr(0, equals));
    std::string_view value = Trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    if (EqualsIgnoringCase(key, "q")) {
      const std::optional<int> quality = ParseQuality(value);
      if (!quality) return std::nullopt;
      range.quality = *quality;
    } else if (EqualsIgnoringCase(key, "version")) {
      range.version = value;
    }
  }
  return range;
}

// What a header says about one thing we have: the most specific range that covers it decides, then the best
// of these.
struct Preference {
  int specificity = -1;  // of the range, -1: not covered
  int quality = 0;
  std::size_t position = 0;  // in the header

  void Offer(int range_specificity, int range_quality, std::size_t range_position) {
    if (range_specificity < 0 || range_specificity < specificity) return;
    if (range_specificity == specificity && range_quality <= quality) return;
    *this = {range_specificity, range_quality, range_position};
  }
};

constexpr int kNamed = 2;  // from here on a range names the type itself

// -1 where the range does not cover the format.
int Specificity(const Range& range, Format format) {
  const bool text = format == Format::kText;
  if (range.name == "*/*") return 0;
  if (EqualsIgnoringCase(range.name, text ? "text/*" : "application/*")) return 1;
  if (!EqualsIgnoringCase(range.name, text ? "text/plain" : "application/openmetrics-text")) return -1;
  if (range.version.empty()) return kNamed;
  if (range.version == (text ? "0.0.4" : "1.0.0")) return kNamed + 2;
  return !text && range.version == "0.0.1" ? kNamed + 1 : -1;
}

}  // namespace

Format NegotiateFormat(std::string_view accept) {
  Preference text;
  Preference open_metrics;
  for (std::size_t position = 0; !accept.empty(); ++position) {
    const std::optional<Range> range = ParseRange(NextPart(',', &accept));
    if (!range) continue;
    text.Offer(Specificity(*range, Format::kText), range->quality, position);
    open_metrics.Offer(Specificity(*range, Format::kOpenMetrics), range->quality, position);
  }
  if (open_metrics.quality == 0 || open_metrics.quality < text.quality) return Format::kText;
  if (open_metrics.quality > text.quality) return Format::kOpenMetrics;
  const bool asked_first = text.specificity < kNamed || open_metrics.position < text.position;
  return open_metrics.specificity >= kNamed && asked_first ? Format::kOpenMetrics : Format::kText;
}

Coding NegotiateCoding(std::string_view accept_encoding) {
  Preference gzip;
  Preference identity;
  for (std::size_t position = 0; !accept_encoding.empty(); ++position) {
    const std::optional<Range> range = ParseRange(NextPart(',', &accept_encoding));
    if (!range) continue;
    if (EqualsIgnoringCase(range->name, "gzip") || EqualsIgnoringCase(range->name, "x-gzip")) {
      gzip.Offer(1, range->quality, position);
    } else if (EqualsIgnoringCase(range->name, "identity")) {
      identity.Offer(1, range->quality, position);
    } else if (range->name == "*") {
      gzip.Offer(0, range->quality, position);
    }
  }
  return gzip.quality > 0 && gzip.quality >= identity.quality ? Coding::kGzip : Coding::kIdentity;
}

std::string_view ContentType(Format format) {
  return format == Format::kText ? "text/plain; version=0.0.4; charset=utf-8"
                                 : "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

}  // namespace exporter
