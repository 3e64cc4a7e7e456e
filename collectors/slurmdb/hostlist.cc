#include "collectors/slurmdb/hostlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace slurmdb {
namespace {

constexpr std::size_t kMostDigits = 18;  // fit into 64 bits

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || text.size() > kMostDigits || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// What stands between brackets: "1-3,08". Numbers are as wide as the first of their range.
std::optional<std::vector<std::string>> ExpandRanges(std::string_view text, std::size_t most) {
  std::vector<std::string> numbers;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view range = text.substr(0, comma);
    const std::size_t dash = range.find('-');
    const std::string_view low = range.substr(0, dash);
    const auto first = Number(low);
    const auto last = dash == std::string_view::npos ? first : Number(range.substr(dash + 1));
    if (!first || !last || *last < *first || *last - *first >= most - numbers.size()) return std::nullopt;
    for (std::uint64_t number = *first; number <= *last; ++number)
      numbers.push_back(fmt::format("{:0{}}", number, low.size()));
    if (comma == text.size()) return numbers;
    text.remove_prefix(comma + 1);
  }
}

// One name of the list, its ranges included.
std::optional<std::vector<std::string>> ExpandOne(std::string_view text, std::size_t most) {
  std::vector<std::string> names = {""};
  while (!text.empty()) {
    const std::size_t open = std::min(text.find('['), text.size());
    for (std::string& name : names) name += text.substr(0, open);
    if (open == text.size()) break;
    const std::size_t close = text.find(']', open);
    if (close == std::string_view::npos) return std::nullopt;
    const auto numbers = ExpandRanges(text.substr(open + 1, close - open - 1), most);
    if (!numbers || numbers->size() * names.size() > most) return std::nullopt;
    std::vector<std::string> longer;
    longer.reserve(numbers->size() * names.size());
    for (const std::string& name : names) {
      for (const std::string& number : *numbers) longer.push_back(name + number);
    }
    names = std::move(longer);
    text.remove_prefix(close + 1);
  }
  return names;
}

}  // namespace

std::optional<std::vector<std::string>> ExpandHosts(std::string_view text, std::size_t most) {
  std::vector<std::string> names;
  std::size_t begin = 0;
  bool within = false;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] == '[') within = true;
    if (at < text.size() && text[at] == ']') within = false;
    if (at < text.size() && (text[at] != ',' || within)) continue;
    if (at > begin) {
      auto some = ExpandOne(text.substr(begin, at - begin), most - names.size());
      if (!some) return std::nullopt;
      names.insert(names.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
    }
    begin = at + 1;
  }
  return names;
}

std::string FoldHosts(std::vector<std::string> names) {
  // What stands before and after the last number, and how many digits that has.
  using Shape = std::tuple<std::string, std::string, std::size_t>;
  std::map<Shape, std::vector<std::uint64_t>> alike;
  std::set<Shape> padded;  // some number of that shape begins with a 0
  std::vector<std::string> items;
  for (std::string& name : names) {
    std::size_t end = name.size();
    while (end > 0 && !IsDigit(name[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && IsDigit(name[begin - 1])) --begin;
    const std::string digits = name.substr(begin, end - begin);
    if (digits.empty() || digits.size() > kMostDigits) {
      items.push_back(std::move(name));
      continue;
    }
    const Shape shape = {name.substr(0, begin), name.substr(end), digits.size()};
    alike[shape].push_back(*Number(digits));
    if (digits[0] == '0' && digits.size() > 1) padded.insert(shape);
  }
  // Numbers that are not padded are alike, however long.
  for (auto at = alike.begin(); at != alike.end();) {
    const auto& [before, after, width] = at->first;
    if (width == 0 || padded.contains(at->first)) {
      ++at;
      continue;
    }
    std::vector<std::uint64_t>& all = alike[{before, after, 0}];
    all.insert(all.end(), at->second.begin(), at->second.end());
    at = alike.erase(at);
  }
  for (auto& [shape, numbers] : alike) {
    const auto& [before, after, width] = shape;
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    std::string ranges;
    for (std::size_t first = 0; first < numbers.size();) {
      std::size_t last = first;
      while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
      ranges += fmt::format("{}{:0{}}", ranges.empty() ? "" : ",", numbers[first], width);
      if (last > first) ranges += fmt::format("-{:0{}}", numbers[last], width);
      first = last + 1;
    }
    items.push_back(numbers.size() == 1 ? fmt::format("{}{}{}", before, ranges, after)
                                        : fmt::format("{}[{}]{}", before, ranges, after));
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  return fmt::format("{}", fmt::join(items, ","));
}

}  // namespace slurmdb
