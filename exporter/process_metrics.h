#pragma once

// The standard process_* families, with the names and meanings every Prometheus client library shares.
//
//   const ProcessMetrics process(program_start);  // program_start: taken first thing in main
//   page.Append(process.Collect());

#include <prometheus/metric_family.h>

#include <chrono>
#include <filesystem>
#include <vector>

namespace exporter {

// Const and without state of its own: Collect may be called from any thread.
class ProcessMetrics {
 public:
  // The start time is passed in rather than computed, because the boot time it would need is hidden from
  // hardened services. `proc` is the process' folder in /proc.
  explicit ProcessMetrics(std::chrono::system_clock::time_point start,
                          std::filesystem::path proc = "/proc/self");

  // Fresh values, sorted by name. A value that cannot be read is left out with its family; never throws for
  // that.
  std::vector<prometheus::MetricFamily> Collect() const;

 private:
  std::chrono::system_clock::time_point start_;
  std::filesystem::path proc_;
};

}  // namespace exporter
