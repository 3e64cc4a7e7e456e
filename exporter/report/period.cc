#include "exporter/report/period.h"

#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <stdexcept>

#include "exporter/log.h"
#include "exporter/settings/time_text.h"

namespace exporter::report {
namespace {

using slurmdb::Calendar;
using slurmdb::Period;

// Reads numbers and the marks between them: "####-##" of "2025-03". None when `text` is not like `pattern`.
std::optional<std::array<unsigned, 6>> Match(std::string_view text, std::string_view pattern) {
  if (text.size() != pattern.size()) return std::nullopt;
  std::array<unsigned, 6> numbers{};
  std::size_t number = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (pattern[i] != '#') {
      if (text[i] != pattern[i]) return std::nullopt;
      ++number;
    } else if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    } else {
      numbers.at(number) = numbers.at(number) * 10 + static_cast<unsigned>(text[i] - '0');
    }
  }
  return numbers;
}

std::int64_t At(const Calendar& calendar, const std::array<unsigned, 6>& n, std::string_view text) {
  const auto year = static_cast<int>(n[0]);
  const std::chrono::year_month_day day{std::chrono::year(year), std::chrono::month(n[1]),
                                        std::chrono::day(n[2])};
  if (!day.ok() || year < 1970 || n[3] > 23 || n[4] > 59 || n[5] > 59)
    throw std::invalid_argument(log::Quote(text) + " is no time that there is");
  return calendar.At({year, n[1], n[2], n[3], n[4], n[5]});
}

Window Whole(Period period, const Calendar& calendar, std::int64_t start) {
  return {start, calendar.NextStart(period, start)};
}

}  // namespace

Window ParsePeriod(std::string_view text, const Calendar& calendar, std::int64_t now) {
  constexpr std::array<std::pair<std::string_view, Period>, 4> kNames = {{{"day", Period::kDay},
                                                                          {"month", Period::kMonth},
                                                                          {"quarter", Period::kQuarter},
                                                                          {"year", Period::kYear}}};
  for (const auto& [name, period] : kNames) {
    const std::int64_t start = calendar.PeriodStart(period, now);
    if (text == name) return Whole(period, calendar, start);
    if (text == "last-" + std::string(name)) return {calendar.PeriodStart(period, start - 1), start};
  }
  if (auto n = Match(text, "####"))
    return Whole(Period::kYear, calendar, At(calendar, {(*n)[0], 1, 1}, text));
  if (auto n = Match(text, "####-Q#"); n && (*n)[2] >= 1 && (*n)[2] <= 4)
    return Whole(Period::kQuarter, calendar, At(calendar, {(*n)[0], (*n)[2] * 3 - 2, 1}, text));
  if (auto n = Match(text, "####-##"))
    return Whole(Period::kMonth, calendar, At(calendar, {(*n)[0], (*n)[1], 1}, text));
  if (auto n = Match(text, "####-##-##")) return Whole(Period::kDay, calendar, At(calendar, *n, text));
  throw std::invalid_argument(
      log::Quote(text) + " is not a period such as 2025, 2025-Q1, 2025-03, 2025-03-14, month or last-month");
}

std::int64_t ParseInstant(std::string_view text, const Calendar& calendar, std::int64_t now) {
  if (text == "now") return now;
  for (const std::string_view pattern : {"####-##-##", "####-##-##T##:##", "####-##-##T##:##:##"}) {
    if (auto n = Match(text, pattern)) return At(calendar, *n, text);
  }
  try {
    return ParseTime(text).time_since_epoch().count();
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(log::Quote(text) +
                                " is not a time such as 2025-03-14, 2025-03-14T12:30, RFC 3339 or now");
  }
}

}  // namespace exporter::report
