#include "exporter/report/efficiency_report.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collectors/slurmdb/accounting.h"
#include "exporter/report/checks.h"
#include "exporter/report/grouping.h"

namespace exporter::report {
namespace {

using slurmdb::Uint128;

struct Sums {
  std::uint64_t measured = 0;
  std::uint64_t unmeasured = 0;
  slurmdb::JobEfficiency efficiency;

  void Add(const slurmdb::JobEfficiency& other) {
    for (const std::uint32_t count : other.histograms.of(slurmdb::Observed::kCpuEfficiency).counts)
      measured += count;
    for (const std::uint32_t count : other.unmeasured) unmeasured += count;
    efficiency.Add(other);
  }
};

Value Percent(Uint128 used, Uint128 idle) {
  if (used + idle == 0) return {};
  return Decimal{fmt::format("{:.1f}", 100 * static_cast<double>(used) / static_cast<double>(used + idle))};
}

Line LineOf(const std::vector<std::string>& names, const Sums& sums) {
  constexpr std::uint64_t kMicroseconds = 1'000'000;
  const auto seconds = [](Uint128 amount) {
    return Decimal{
        fmt::format("{}.{:06}", amount / kMicroseconds, static_cast<std::uint64_t>(amount % kMicroseconds))};
  };
  const slurmdb::JobEfficiency& of = sums.efficiency;
  Line line(names.begin(), names.end());
  line.insert(line.end(),
              {sums.measured, sums.unmeasured, seconds(of.cpu_used), seconds(of.cpu_idle),
               Percent(of.cpu_used, of.cpu_idle), Decimal{fmt::format("{}", of.memory_used)},
               Decimal{fmt::format("{}", of.memory_idle)}, Percent(of.memory_used, of.memory_idle)});
  return line;
}

}  // namespace

void MakeEfficiency(const Request& request, slurmdb::AccountingOptions options, slurmdb::History& history,
                    const pricing::Departments& departments, Head head, Sheet& sheet) {
  options.epoch = request.window.from;
  options.as_of = request.window.to - 1;
  KeepClustersOf(request, options);
  slurmdb::Accounting accounting(std::move(options));
  accounting.StartPoll();
  for (const slurmdb::ClusterFailure& failure : accounting.Require(slurmdb::Book::kEfficiency))
    throw slurmdb::DatabaseError(failure.reason, fmt::format("{}: {}", failure.cluster, failure.message));
  Grouping grouping(request, history, departments);
  std::map<std::vector<std::string>, Sums> lines;
  // Each row once, whatever lines it is part of: of all, and of each department.
  Sums total;
  std::map<std::string, Sums> pages;
  constexpr std::int64_t kFresh = 0;
  const slurmdb::AccountingView view = accounting.View(slurmdb::Book::kEfficiency, kFresh);
  for (const slurmdb::ClusterView& seen : view.clusters) {
    const slurmdb::ClusterHistory& cluster = history.Cluster(std::string(seen.name));
    slurmdb::JobRecord row;
    for (std::size_t i = 0; i < seen.efficiency->groups().size(); ++i) {
      const slurmdb::JobEfficiency& efficiency = seen.efficiency->efficiency()[i];
      if (efficiency == slurmdb::JobEfficiency{}) continue;  // it runs
      const slurmdb::JobGroup& group = seen.efficiency->groups()[i];
      row.id_assoc = group.id_assoc;
      row.id_qos = group.id_qos;
      row.id_user = group.id_user;
      row.account = group.account;
      row.partition = group.partition;
      Cell cell = grouping.CellOf(cluster, row);
      cell.start = request.window.to - 1;
      const auto names = grouping.LinesOf(cluster, cell);
      for (const std::vector<std::string>& line : names) lines[line].Add(efficiency);
      if (names.empty()) continue;
      total.Add(efficiency);
      if (IsPaged(request)) pages[names.front().front()].Add(efficiency);
    }
  }
  for (const Dimension dimension : request.by)
    head.columns.push_back({std::string(DimensionName(dimension)), ColumnKind::kText, ""});
  for (const char* name : {"measured", "unmeasured"})
    head.columns.push_back({name, ColumnKind::kInteger, "jobs"});
  for (const auto& [name, unit] :
       {std::pair("cpu_used", "s"), std::pair("cpu_idle", "s"), std::pair("cpu_percent", ""),
        std::pair("memory_used", "B·s"), std::pair("memory_idle", "B·s"), std::pair("memory_percent", "")})
    head.columns.push_back({name, ColumnKind::kDecimal, unit});
  if (IsPaged(request)) head.pages.emplace();
  for (const auto& [page, sums] : pages)
    head.pages->emplace(page, LineOf(std::vector<std::string>(request.by.size()), sums));
  sheet.Begin(head);
  for (const auto& [names, sums] : lines) sheet.Add(LineOf(names, sums));
  Line totals = LineOf(std::vector<std::string>(request.by.size()), total);
  for (std::size_t i = 0; i < request.by.size(); ++i) totals[i] = i == 0 ? Value("Total") : Value();
  sheet.SetTotals(totals);
}

}  // namespace exporter::report
