#include "exporter/web/query.h"

#include <algorithm>
#include <cstddef>

namespace exporter {
namespace {

// -1 if it is none.
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return decoded;
}

bool CollectorFilter::Wants(std::string_view collector) const {
  return (collect.empty() || Contains(collect, collector)) && !Contains(exclude, collector);
}

CollectorFilter ParseCollectorFilter(std::string_view query) {
  CollectorFilter filter;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string key = PercentDecode(pair.substr(0, equals));
    if (key != "collect[]" && key != "exclude[]") continue;
    std::string value = PercentDecode(pair.substr(std::min(equals + 1, pair.size())));
    (key == "collect[]" ? filter.collect : filter.exclude).push_back(std::move(value));
  }
  return filter;
}

}  // namespace exporter
