// Metric families such as a large site's, in any number of series.
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <vector>

namespace bench {

// Exactly `series` of them, in the families and with the labels of the collectors consumption, jobs and
// users; always the same for the same number. Samples come in the order of a collector's loops, which is not
// that of a page.
std::vector<prometheus::MetricFamily> MakeFamilies(std::size_t series);

}  // namespace bench
