#pragma once

// Durations as Prometheus writes them: "90s", "5m", "1h30m", "500ms", "2d", "1w". Units go from large to
// small, each at most once, with whole numbers; "0" alone needs no unit.
//
//   Duration interval = ParseDuration("1h30m");
//   FormatDuration(interval);  // "1h30m"

#include <chrono>
#include <string>
#include <string_view>

namespace exporter {

using Duration = std::chrono::milliseconds;

// Throws std::invalid_argument whose text quotes `text` and says what is wrong with it. Never negative; at
// most 100 years, so that a conversion to nanoseconds cannot overflow.
Duration ParseDuration(std::string_view text);

// The shortest text that ParseDuration reads back as the same value: "0s", "1m30s", "1d". Weeks and years are
// not used, because 7d is easier to read than 1w next to 8d.
std::string FormatDuration(Duration value);

}  // namespace exporter
