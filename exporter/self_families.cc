#include "exporter/self_families.h"

#include <iterator>
#include <string>
#include <utility>

namespace exporter {

std::vector<prometheus::MetricFamily> SelfFamilies(const SelfMetrics& metrics, const ProcessMetrics* process,
                                                   const WebServer* web) {
  std::vector<prometheus::MetricFamily> families = metrics.Collect();
  if (process != nullptr) {
    std::vector<prometheus::MetricFamily> more = process->Collect();
    families.insert(families.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  if (web != nullptr) {
    prometheus::MetricFamily& requests = families.emplace_back();
    requests.name = "slurmdbd_exporter_http_requests_total";
    requests.help = "HTTP requests answered, by handler and status code.";
    requests.type = prometheus::MetricType::Counter;
    for (const WebRequestCount& count : web->RequestCounts()) {
      prometheus::ClientMetric& metric = requests.metric.emplace_back();
      metric.label = {{"code", std::to_string(count.code)}, {"handler", std::string(count.handler)}};
      metric.counter.value = static_cast<double>(count.count);
    }
  }
  return families;
}

}  // namespace exporter
