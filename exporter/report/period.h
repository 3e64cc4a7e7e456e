// The period of a report, in slurmdbd's time zone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collectors/slurmdb/calendar.h"

namespace exporter::report {

// [from, to), epoch seconds.
struct Window {
  std::int64_t from = 0;
  std::int64_t to = 0;

  bool operator==(const Window&) const = default;
};

// A whole one: "2025", "2025-Q1", "2025-03" or "2025-03-14"; "year", "quarter", "month" or "day", which begin
// before `now` and end after it; "last-year" and so on, those before. Throws std::invalid_argument.
Window ParsePeriod(std::string_view text, const slurmdb::Calendar& calendar, std::int64_t now);

// "2025-03-14", "2025-03-14T12:30", "2025-03-14T12:30:59" by the wall clock, "now", RFC 3339 or epoch
// seconds. Throws std::invalid_argument.
std::int64_t ParseInstant(std::string_view text, const slurmdb::Calendar& calendar, std::int64_t now);

}  // namespace exporter::report
