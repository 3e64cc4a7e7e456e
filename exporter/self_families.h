// The exporter's own part of a page.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "exporter/process_metrics.h"
#include "exporter/self_metrics.h"
#include "exporter/web/server.h"

namespace exporter {

// slurmdbd_up and what each collector did; with `process` also process_*, with `web` also the HTTP requests
// (either may be null).
std::vector<prometheus::MetricFamily> SelfFamilies(const SelfMetrics& metrics, const ProcessMetrics* process,
                                                   const WebServer* web);

}  // namespace exporter
