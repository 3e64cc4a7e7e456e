// What goes into which file: the moments of a backfill, by day or month of slurmdbd's calendar.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/slurmdb/upkeep.h"

namespace exporter {

struct Window {
  std::string name;                 // "2025-01-31", or "2025-01" for a month
  std::vector<std::int64_t> times;  // ascending, at least one; epoch seconds
};

struct Grid {
  std::int64_t from = 0;  // both included
  std::int64_t to = 0;
  std::int64_t step = 0;  // seconds; moments are whole multiples of it, as those of a graph are
};

// Windows without a moment are left out. The instant at which counters start over is a moment too, for it
// shows the period that ends, as a whole; but not `from`, which would need all of the period before.
std::vector<Window> WindowsOf(const Grid& grid, slurmdb::Period size, const slurmdb::Epoch& epoch,
                              const slurmdb::Calendar& calendar);

}  // namespace exporter
