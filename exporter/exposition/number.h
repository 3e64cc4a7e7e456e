// Numbers as both exposition formats spell them, independent of the locale.
#pragma once

#include <cstdint>
#include <string>

namespace exporter {

// Appends a sample value: integral values below 2^53 in size as integers (1700000000, not 1.7e+09; -0 as 0),
// others in the shortest form that reads back as the same double; NaN, +Inf, -Inf.
void AppendNumber(double value, std::string* out);
void AppendNumber(std::uint64_t value, std::string* out);

// Appends a bucket bound as a canonical float, which OpenMetrics asks for and which Prometheus 3 rewrites all
// others to: as Go's 'g' format, but with ".0" where that looks like an integer ("1.0", "86400.0", "1e+06").
// Because `le` is part of a series' identity, both formats must use the one spelling.
void AppendBound(double bound, std::string* out);

}  // namespace exporter
