// The most series that a collector may publish.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <vector>

namespace exporter {

// Leaves out what exceeds `limit` sample lines (0: no limit), in page order, so that the same series stay at
// every poll. Returns how many lines were left out.
std::size_t LimitSeries(std::vector<prometheus::MetricFamily>& families, std::size_t limit);

}  // namespace exporter
