// --once: one poll, one page on stdout.
#pragma once

#include "exporter/settings/config.h"

namespace exporter {

// Prints the page in the text format. Returns 0, or 1 when a collector failed for any cluster; what could be
// read is printed all the same.
int RunOnce(const Config& config, std::chrono::system_clock::time_point program_start);

}  // namespace exporter
