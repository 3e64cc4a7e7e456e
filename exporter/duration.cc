#include "exporter/duration.h"

#include <array>
#include <cstdint>
#include <stdexcept>

#include "exporter/log.h"

namespace exporter {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr std::int64_t kDay = 86'400'000;
constexpr std::array<Unit, 7> kUnits{{{"y", 365 * kDay},
                                      {"w", 7 * kDay},
                                      {"d", kDay},
                                      {"h", 3'600'000},
                                      {"m", 60'000},
                                      {"s", 1'000},
                                      {"ms", 1}}};
constexpr std::int64_t kLongest = kDay * 365 * 100;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void Fail(std::string_view text, const std::string& why) {
  throw std::invalid_argument(log::Quote(text) + " is not a duration such as 90s, 5m or 1h30m: " + why);
}

}  // namespace

Duration ParseDuration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) Fail(text, "it is empty");
  if (text.front() == '-') Fail(text, "it is negative");

  std::int64_t total = 0;
  std::size_t next_unit = 0;  // index into kUnits of the largest unit still allowed
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t digits = at;
    std::int64_t number = 0;
    for (; at < text.size() && IsDigit(text[at]); ++at) {
      number = number * 10 + (text[at] - '0');
      if (number > kLongest) Fail(text, "it is longer than 100 years");
    }
    if (at == digits) Fail(text, "a whole number is expected before each unit");

    const std::size_t letters = at;
    while (at < text.size() && !IsDigit(text[at])) ++at;
    const std::string_view name = text.substr(letters, at - letters);
    if (name.empty())
      Fail(text, "the number " + std::string(text.substr(digits, letters - digits)) + " has no unit");
    if (name.front() == '.' || name.front() == ',') Fail(text, "only whole numbers are allowed");

    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (unit == kUnits.size()) {
      Fail(text, "the unit " + log::Quote(name) + " is not one of y, w, d, h, m, s, ms");
    }
    if (unit < next_unit) Fail(text, "units must go from large to small, each at most once");
    next_unit = unit + 1;

    if (number > (kLongest - total) / kUnits[unit].milliseconds) Fail(text, "it is longer than 100 years");
    total += number * kUnits[unit].milliseconds;
  }
  return Duration(total);
}

std::string FormatDuration(Duration value) {
  if (value == Duration::zero()) return "0s";
  std::string out;
  std::int64_t rest = value.count();
  if (rest < 0) {
    out = "-";
    rest = -rest;
  }
  for (const Unit& unit : kUnits) {
    if (unit.name == "y" || unit.name == "w" || rest < unit.milliseconds) continue;
    out += std::to_string(rest / unit.milliseconds);
    out += unit.name;
    rest %= unit.milliseconds;
  }
  return out;
}

}  // namespace exporter
