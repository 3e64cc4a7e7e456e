#include "exporter/report/usage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/value.h"
#include "exporter/report/grouping.h"

namespace exporter::report {
namespace {

using slurmdb::Calendar;
using slurmdb::ClusterHistory;
using slurmdb::JobRecord;
using slurmdb::Period;
using slurmdb::UsageKind;
using slurmdb::UsageLevel;

using Amounts = std::map<std::uint32_t, std::uint64_t>;  // by TRES, modulo 2^64
using Cells = std::unordered_map<Cell, Amounts, CellHash>;

UsageKind KindOf(const Request& request) {
  if (request.Uses(Dimension::kWckey)) return UsageKind::kWckey;
  return request.Uses(Dimension::kQos) ? UsageKind::kQos : UsageKind::kAssociation;
}

// Why roll-ups cannot tell; empty when they can.
std::string WhyNotRollUps(const Request& request, slurmdb::History& history) {
  if (request.Uses(Dimension::kPartition)) return "usage is not rolled up by partition";
  if (request.Uses(Dimension::kWckey)) {
    for (const Dimension other : {Dimension::kAccount, Dimension::kDepartment, Dimension::kQos}) {
      if (request.Uses(other))
        return fmt::format("usage is not rolled up by wckey and {}", DimensionName(other));
    }
  }
  // One that goes on is cut to what is rolled up.
  for (const std::int64_t border : {request.window.from, request.window.to}) {
    if (border < request.as_of && slurmdb::HourStart(history.calendar(), border) != border)
      return "usage is rolled up by whole hours";
  }
  bool any = false;
  for (const std::string& name : history.clusters()) {
    if (!request.Accepts(Dimension::kCluster, name)) continue;
    if (!history.Cluster(name).HasUsage(KindOf(request)))
      return fmt::format(
          "the database of cluster {} has no usage {}", name,
          KindOf(request) == UsageKind::kQos ? "by QOS, which came with Slurm 24.11" : "tables");
    const auto rolled_up = history.Cluster(name).ReadRolledUp(history.calendar(), request.as_of);
    any |= rolled_up.until[0] > request.window.from;
  }
  // As in the first hour of a month.
  return any ? "" : "nothing of the period is rolled up";
}

class UsageMaker {
 public:
  UsageMaker(const Request& request, slurmdb::History& history, const pricing::Departments& departments)
      : request_(request), history_(history), grouping_(request, history, departments) {}

  void Read(const slurmdb::HistoryProgress& progress) {
    for (const std::string& name : history_.clusters()) {
      if (!request_.Accepts(Dimension::kCluster, name)) continue;
      ClusterHistory& cluster = history_.Cluster(name);
      Cells cells;
      if (request_.source == Source::kRollUps) {
        ReadRollUps(cluster, cells);
      } else {
        ReadJobs(cluster, progress, cells);
      }
      for (const auto& [cell, amounts] : cells) Resolve(cluster, cell, amounts);
    }
  }

  void Write(Head head, Sheet& sheet) const {
    std::vector<std::uint32_t> columns;
    for (const Dimension dimension : request_.by)
      head.columns.push_back({std::string(DimensionName(dimension)), ColumnKind::kText, ""});
    for (const auto& [tres, amount] : total_) columns.push_back(tres);
    // Those asked for are there even if nothing used them.
    for (const std::uint32_t id : history_.tres().ids()) {
      if (!request_.tres.empty() && WantsTres(id) && !total_.contains(id)) columns.push_back(id);
    }
    std::sort(columns.begin(), columns.end());
    for (const std::uint32_t tres : columns)
      head.columns.push_back({history_.tres().Label(tres), ColumnKind::kInteger, UnitOf(tres)});
    const auto add = [&](Line& line, const Amounts& amounts) {
      for (const std::uint32_t tres : columns) {
        const auto amount = amounts.find(tres);
        line.emplace_back(amount == amounts.end() ? 0 : amount->second);
      }
    };
    if (IsPaged(request_)) head.pages.emplace();
    for (const auto& [page, amounts] : pages_)
      add(head.pages->emplace(page, Line(request_.by.size())).first->second, amounts);
    sheet.Begin(head);
    for (const auto& [names, amounts] : lines_) {
      Line line(names.begin(), names.end());
      add(line, amounts);
      sheet.Add(line);
    }
    Line totals;
    for (std::size_t i = 0; i < request_.by.size(); ++i)
      totals.emplace_back(i == 0 ? Value("Total") : Value());
    add(totals, total_);
    sheet.SetTotals(totals);
  }

 private:
  std::string UnitOf(std::uint32_t tres) const {
    if (tres == slurmdb::kTresEnergy) return "J";
    return history_.tres().UnitScale(tres) > 1 ? "MiB·s" : "s";
  }

  bool WantsTres(std::uint32_t id) const {
    const std::string label = slurmdb::LowerCase(history_.tres().Label(id));
    return request_.tres.empty() ||
           std::find(request_.tres.begin(), request_.tres.end(), label) != request_.tres.end();
  }

  void Count(Cells& cells, const Cell& cell, std::uint32_t tres, std::uint64_t amount) const {
    if (amount != 0) cells[cell][tres] += amount;
  }

  void ReadRollUps(ClusterHistory& cluster, Cells& cells) const {
    const Calendar& calendar = history_.calendar();
    const UsageKind kind = KindOf(request_);
    const std::optional<Period> period = PeriodOfLines(request_);
    const UsageLevel coarsest = period == Period::kDay ? UsageLevel::kDay : UsageLevel::kMonth;
    const auto rolled_up = cluster.ReadRolledUp(calendar, request_.as_of);
    std::int64_t from = request_.window.from;
    const auto read = [&](std::int64_t to) {
      cluster.ReadUsage(kind, coarsest, from, to, rolled_up.until, calendar,
                        [&](const slurmdb::UsageRow& row) {
                          Cell cell;
                          (kind == UsageKind::kWckey ? cell.wckey : cell.association) = row.id;
                          cell.qos = row.qos;
                          cell.start = period ? calendar.PeriodStart(*period, row.time_start) : from;
                          cell.start = std::max(cell.start, from);
                          Count(cells, cell, row.tres, row.seconds);
                        });
      from = to;
    };
    // Days and months are told apart by the rows themselves; only where departments change is read apart.
    for (const std::int64_t border : grouping_.borders()) {
      const bool own = !period || calendar.PeriodStart(*period, border) != border;
      if (border > from && (own || border == request_.window.to)) read(border);
    }
  }

  void ReadJobs(ClusterHistory& cluster, const slurmdb::HistoryProgress& progress, Cells& cells) {
    const std::vector<std::int64_t>& borders = grouping_.borders();
    slurmdb::JobQuery query;
    query.from = request_.window.from;
    query.to = request_.window.to;
    slurmdb::TresCounts tres;
    cluster.ReadJobs(
        query,
        [&](const JobRecord& job) {
          if (job.tres_alloc.empty() || !slurmdb::HasRun(job.AsRow())) return;
          Cell cell = grouping_.CellOf(cluster, job);
          tres.clear();
          slurmdb::ParseTres(job.tres_alloc, tres);
          const std::vector<std::int64_t> seconds = HeldSeconds(job, borders);
          for (std::size_t i = 0; i < seconds.size(); ++i) {
            cell.start = borders[i];
            const auto end = static_cast<std::int64_t>(job.time_end);
            const bool ends_here = job.time_end != 0 && end >= borders[i] && end < borders[i + 1];
            if (seconds[i] == 0 && !ends_here) continue;
            for (const slurmdb::TresCount& count : tres) {
              if (count.id != slurmdb::kTresEnergy) {
                Count(cells, cell, count.id, count.count * static_cast<std::uint64_t>(seconds[i]));
              } else if (ends_here) {
                Count(cells, cell, count.id, count.count);
              }
            }
          }
        },
        progress);
  }

  void Resolve(const ClusterHistory& cluster, const Cell& cell, const Amounts& amounts) {
    const auto lines = grouping_.LinesOf(cluster, cell);
    if (lines.empty()) return;
    for (const std::vector<std::string>& names : lines) {
      Amounts& line = lines_[names];
      for (const auto& [tres, amount] : amounts) {
        if (WantsTres(tres)) line[tres] += amount;
      }
    }
    Amounts* page = IsPaged(request_) ? &pages_[lines.front().front()] : nullptr;
    for (const auto& [tres, amount] : amounts) {
      if (!WantsTres(tres)) continue;
      total_[tres] += amount;
      if (page != nullptr) (*page)[tres] += amount;
    }
  }

  const Request& request_;
  slurmdb::History& history_;
  Grouping grouping_;
  std::map<std::vector<std::string>, Amounts> lines_;
  // Each amount once, whatever lines it is part of: of all, and of each department.
  Amounts total_;
  std::map<std::string, Amounts> pages_;
};

}  // namespace

std::vector<std::int64_t> HeldSeconds(const JobRecord& job, const std::vector<std::int64_t>& borders) {
  const auto start = static_cast<std::int64_t>(job.time_start);
  std::int64_t end = job.time_end == 0 ? borders.back() : static_cast<std::int64_t>(job.time_end);
  const bool is_open = job.time_end == 0;
  const bool lies_within = start >= borders.front() && !is_open && end <= borders.back();
  if (job.suspensions.empty() || (lies_within && borders.size() == 2)) {
    // While it is suspended the column holds the moment of suspension less what was accumulated before it.
    const auto column = static_cast<std::int64_t>(job.time_suspended);
    if (is_open && slurmdb::JobStateOf(job.state) == slurmdb::JobState::kSuspended) {
      end = std::min(end, column);
    } else if (job.suspensions.empty() || lies_within) {
      end -= column;
    }
  }
  const bool one_by_one = !job.suspensions.empty() && !(lies_within && borders.size() == 2);
  std::vector<std::int64_t> seconds(borders.size() - 1);
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const std::int64_t from = std::max(borders[i], start);
    const std::int64_t to = std::min(borders[i + 1], end);
    if (to <= from) continue;
    std::int64_t held = to - from;
    if (one_by_one) {
      for (const slurmdb::Suspension& suspension : job.suspensions) {
        const auto begin = static_cast<std::int64_t>(suspension.time_start);
        const std::int64_t stop =
            suspension.time_end == 0 ? to : static_cast<std::int64_t>(suspension.time_end);
        held -= std::max<std::int64_t>(0, std::min(to, stop) - std::max(from, begin));
      }
    }
    seconds[i] = std::max<std::int64_t>(0, held);
  }
  return seconds;
}

void SettleUsage(Request& request, slurmdb::History& history) {
  const std::string why_not = WhyNotRollUps(request, history);
  if (request.source == Source::kRollUps && !why_not.empty())
    throw std::runtime_error("--source=rollups: " + why_not);
  if (request.source == Source::kAuto) request.source = why_not.empty() ? Source::kRollUps : Source::kJobs;
  if (request.source == Source::kJobs) {
    request.window.to = std::min(request.window.to, request.as_of);
  } else {
    for (const std::string& name : history.clusters()) {
      if (!request.Accepts(Dimension::kCluster, name)) continue;
      const auto rolled_up = history.Cluster(name).ReadRolledUp(history.calendar(), request.as_of);
      // One of which nothing is rolled up does not hide the others: the checks tell.
      if (rolled_up.until[0] > request.window.from)
        request.window.to = std::min(request.window.to, rolled_up.until[0]);
    }
  }
  request.window.to = std::max(request.window.to, request.window.from);
}

void MakeUsage(const Request& request, slurmdb::History& history, const pricing::Departments& departments,
               const slurmdb::HistoryProgress& progress, Head head, Sheet& sheet) {
  UsageMaker maker(request, history, departments);
  maker.Read(progress);
  maker.Write(std::move(head), sheet);
}

}  // namespace exporter::report
