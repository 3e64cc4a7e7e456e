#include "exporter/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace exporter {
namespace {

struct Stat {
  double threads = 0;
  double virtual_bytes = 0;
  double resident_bytes = 0;
};

std::optional<Stat> ReadStat(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 20; ++field) rest >> skipped;
  // Fields 20 num_threads, 21 itrealvalue, 22 starttime, 23 vsize (bytes), 24 rss (pages): see proc(5).
  std::uint64_t threads = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
  if (!(rest >> threads >> skipped >> skipped >> virtual_bytes >> resident_pages)) return std::nullopt;
  const long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) return std::nullopt;
  return Stat{static_cast<double>(threads), static_cast<double>(virtual_bytes),
              static_cast<double>(resident_pages) * static_cast<double>(page)};
}

std::optional<double> CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> OpenFds(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  double count = 0;
  while (!error && entry != std::filesystem::directory_iterator()) {
    count += 1;
    entry.increment(error);
  }
  if (error || count < 1) return std::nullopt;
  return count - 1;  // the one that listing the folder has open
}

// The soft limit. "Unlimited" comes out as 2^64-1, as in the other client libraries.
template <typename Resource>
std::optional<double> Limit(Resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

class Families {
 public:
  void Add(std::string name, std::string help, prometheus::MetricType type, std::optional<double> value) {
    if (!value) return;
    prometheus::ClientMetric metric;
    if (type == prometheus::MetricType::Counter) {
      metric.counter.value = *value;
    } else {
      metric.gauge.value = *value;
    }
    families_.push_back({std::move(name), std::move(help), type, {std::move(metric)}});
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace

ProcessMetrics::ProcessMetrics(std::chrono::system_clock::time_point start, std::filesystem::path proc)
    : start_(start), proc_(std::move(proc)) {}

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using prometheus::MetricType;
  const std::optional<Stat> stat = ReadStat(proc_ / "stat");
  const auto of = [&stat](double Stat::*member) {
    return stat ? std::optional<double>((*stat).*member) : std::nullopt;
  };
  Families out;
  out.Add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
          MetricType::Counter, CpuSeconds());
  out.Add("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
          Limit(RLIMIT_NOFILE));
  out.Add("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, OpenFds(proc_ / "fd"));
  out.Add("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
          of(&Stat::resident_bytes));
  out.Add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
          MetricType::Gauge, std::chrono::duration<double>(start_.time_since_epoch()).count());
  out.Add("process_threads", "Number of OS threads in the process.", MetricType::Gauge, of(&Stat::threads));
  out.Add("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge,
          of(&Stat::virtual_bytes));
  out.Add("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.",
          MetricType::Gauge, Limit(RLIMIT_AS));
  return out.Take();
}

}  // namespace exporter
