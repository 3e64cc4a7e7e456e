#include "collectors/efficiency.h"

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {
namespace {

using slurmdb::JobEfficiency;
using slurmdb::Observed;

constexpr struct {
  Observed observed;
  const char* name;
  const char* help;
  std::int64_t parts;
  bool of_all;  // else only of groups that have something to show
} kHistograms[] = {
    {Observed::kCpuEfficiency, "slurmdbd_job_cpu_efficiency_ratio",
     "What share of their allocated CPU time job rows that ended since the counter epoch had used, as seff "
     "has it.",
     slurmdb::kRatioParts, true},
    {Observed::kMemoryEfficiency, "slurmdbd_job_memory_efficiency_ratio",
     "What share of their memory job rows that ended since the counter epoch had used at their peak, as seff "
     "of the database's release has it.",
     slurmdb::kRatioParts, true},
    {Observed::kGpuUtilization, "slurmdbd_job_gpu_utilization_ratio",
     "How busy job rows that ended since the counter epoch had kept their GPUs, as far as Slurm gathers it.",
     slurmdb::kRatioParts, false},
    {Observed::kGpuMemory, "slurmdbd_job_gpu_memory_bytes",
     "Memory that job rows that ended since the counter epoch had used of each of their GPUs, as far as "
     "Slurm gathers it.",
     1, false},
};

}  // namespace

Families CollectEfficiency(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  using prometheus::MetricType;
  const std::vector<std::string> by_account = {"cluster", "account"};
  SumFamily cpu_used("slurmdbd_account_cpu_used_seconds_total",
                     "CPU time that job rows that ended since the counter epoch had used, as TotalCPU of "
                     "sacct.",
                     MetricType::Counter, by_account);
  SumFamily cpu_idle("slurmdbd_account_cpu_idle_seconds_total",
                     "CPU time that job rows that ended since the counter epoch were allocated and did not "
                     "use.",
                     MetricType::Counter, by_account);
  SumFamily memory_used(
      "slurmdbd_account_memory_used_byte_seconds_total",
      "Memory that job rows that ended since the counter epoch had used at their peak, up to "
      "what was allocated, times run time.",
      MetricType::Counter, by_account);
  SumFamily memory_idle("slurmdbd_account_memory_idle_byte_seconds_total",
                        "Memory that job rows that ended since the counter epoch were allocated beyond their "
                        "peak, times run time.",
                        MetricType::Counter, by_account);
  SumFamily unmeasured(
      "slurmdbd_jobs_unmeasured_total",
      "Job rows that ran, ended since the counter epoch and are in none of these figures, by "
      "reason.",
      MetricType::Counter, {"cluster", "account", "reason"});
  // One of these a cluster would do: all ledgers have the same bounds.
  const slurmdb::HistogramBounds bounds = view.clusters.empty()
                                              ? slurmdb::HistogramBounds{}
                                              : view.clusters.front().efficiency->options().histograms;
  std::vector<HistogramFamily> histograms;
  for (const auto& one : kHistograms) {
    histograms.emplace_back(one.name, one.help, std::vector<std::string>{"cluster", "partition", "account"},
                            bounds[static_cast<std::size_t>(one.observed)], one.parts);
  }
  constexpr double kMicrosecond = 1e-6;
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const auto& groups = cluster.efficiency->groups();
    for (std::size_t group = 0; group < groups.size(); ++group) {
      const JobEfficiency& efficiency = cluster.efficiency->efficiency()[group];
      const JobLabels label = LabelsOf(view, cluster, groups[group], options);
      cpu_used.Add({name, label.account}, efficiency.cpu_used, kMicrosecond);
      cpu_idle.Add({name, label.account}, efficiency.cpu_idle, kMicrosecond);
      memory_used.Add({name, label.account}, efficiency.memory_used);
      memory_idle.Add({name, label.account}, efficiency.memory_idle);
      for (std::size_t i = 0; i < slurmdb::kUnmeasured; ++i) {
        const auto why = static_cast<slurmdb::Unmeasured>(i);
        unmeasured.Add({name, label.account, std::string(UnmeasuredName(why))}, efficiency.unmeasured[i]);
      }
      for (std::size_t i = 0; i < histograms.size(); ++i) {
        const auto& histogram = efficiency.histograms.of(kHistograms[i].observed);
        if (!kHistograms[i].of_all && histogram.counts.empty()) continue;
        histograms[i].Add({name, label.partition, label.account}, histogram);
      }
    }
  }
  Families families;
  for (const HistogramFamily& histogram : histograms) families.push_back(histogram.Build());
  for (const SumFamily* family : {&cpu_used, &cpu_idle, &memory_used, &memory_idle, &unmeasured})
    families.push_back(family->Build());
  return families;
}

}  // namespace collectors
