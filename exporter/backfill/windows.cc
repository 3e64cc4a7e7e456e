#include "exporter/backfill/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace exporter {

using slurmdb::Period;

std::vector<Window> WindowsOf(const Grid& grid, Period size, const slurmdb::Epoch& epoch,
                              const slurmdb::Calendar& calendar) {
  const auto* period = std::get_if<Period>(&epoch);
  std::vector<Window> windows;
  std::int64_t next = (grid.from + grid.step - 1) / grid.step * grid.step;
  for (std::int64_t begin = grid.from; begin <= grid.to;) {
    const std::int64_t end = calendar.NextStart(size, begin);
    const slurmdb::LocalDate date = calendar.DateOf(begin);
    Window window{fmt::format("{:04}-{:02}", date.year, date.month), {}};
    if (size == Period::kDay) window.name += fmt::format("-{:02}", date.day);
    for (; next < end && next <= grid.to; next += grid.step) window.times.push_back(next);
    // A day or month ends with the period, or within it.
    const std::int64_t last = end - 1;
    if (period != nullptr && last <= grid.to && calendar.PeriodStart(*period, end) == end &&
        (window.times.empty() || window.times.back() != last)) {
      window.times.push_back(last);
    }
    if (!window.times.empty()) windows.push_back(std::move(window));
    begin = end;
  }
  return windows;
}

}  // namespace exporter
