#include "exporter/backfill/windows.h"

#include <fmt/format.h>

#include <set>
#include <variant>

namespace exporter {

using slurmdb::Period;

std::vector<Window> WindowsOf(const Grid& grid, Period size, const slurmdb::Epoch& epoch,
                              const slurmdb::Calendar& calendar) {
  std::set<std::int64_t> ends;  // of the counters' periods
  if (const auto* period = std::get_if<Period>(&epoch)) {
    for (std::int64_t at = calendar.PeriodStart(*period, grid.from); at <= grid.to;
         at = calendar.NextStart(*period, at))
      ends.insert(at);
  }
  std::vector<Window> windows;
  std::int64_t next = (grid.from + grid.step - 1) / grid.step * grid.step;
  for (std::int64_t begin = grid.from; begin <= grid.to;) {
    const std::int64_t end = calendar.NextStart(size, begin);
    const slurmdb::LocalDate date = calendar.DateOf(begin);
    Window window{fmt::format("{:04}-{:02}", date.year, date.month), {}};
    if (size == Period::kDay) window.name += fmt::format("-{:02}", date.day);
    // Periods are months or longer: where one ends, a window begins.
    if (begin > grid.from && ends.contains(begin) && next != begin) window.times.push_back(begin);
    for (; next < end && next <= grid.to; next += grid.step) {
      if (next != grid.from || !ends.contains(next)) window.times.push_back(next);
    }
    if (!window.times.empty()) windows.push_back(std::move(window));
    begin = end;
  }
  return windows;
}

}  // namespace exporter
