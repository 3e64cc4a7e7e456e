#pragma once

// Instants and counter epochs as an operator writes them.

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

namespace exporter {

// An instant: RFC 3339 ("2025-01-02T03:04:05Z", "2025-01-02T03:04:05.5+01:00"; fractions are cut off) or
// whole seconds since 1970. Throws std::invalid_argument, also for instants before 1970 or after the year
// 9999.
std::chrono::sys_seconds ParseTime(std::string_view text);

enum class EpochPeriod { kMonth, kQuarter, kYear };

// Where counters start: the beginning of the current period, a calendar day (at midnight) or an instant.
// Periods and days are meant in slurmdbd's time zone.
struct Epoch {
  std::string text;  // as written
  std::variant<EpochPeriod, std::chrono::year_month_day, std::chrono::sys_seconds> start =
      EpochPeriod::kMonth;
};

// "month", "quarter", "year", "2025-01-31", or RFC 3339. Throws std::invalid_argument.
Epoch ParseEpoch(std::string_view text);

}  // namespace exporter
