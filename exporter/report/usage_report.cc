#include "exporter/report/usage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/value.h"

namespace exporter::report {
namespace {

using slurmdb::Calendar;
using slurmdb::ClusterHistory;
using slurmdb::JobRecord;
using slurmdb::Period;
using slurmdb::UsageKind;
using slurmdb::UsageLevel;

// What is summed up apart; what a request does not ask for stays 0.
struct Cell {
  std::uint32_t association = 0;
  std::uint32_t qos = 0;
  std::uint32_t wckey = 0;
  std::uint32_t partition = 0;  // index into Names
  std::uint32_t account = 0;    // likewise, of a job without a known association
  std::uint32_t user = 0;       // likewise, its user id
  std::int64_t start = 0;       // of the day or month

  bool operator==(const Cell&) const = default;
};

struct CellHash {
  std::size_t operator()(const Cell& cell) const {
    std::size_t hash = 0;
    for (const std::uint64_t part :
         {std::uint64_t{cell.association}, std::uint64_t{cell.qos}, std::uint64_t{cell.wckey},
          std::uint64_t{cell.partition}, std::uint64_t{cell.account}, std::uint64_t{cell.user},
          static_cast<std::uint64_t>(cell.start)})
      hash = hash * 0x9E3779B97F4A7C15U + std::hash<std::uint64_t>{}(part);
    return hash;
  }
};

using Amounts = std::map<std::uint32_t, std::uint64_t>;  // by TRES, modulo 2^64
using Cells = std::unordered_map<Cell, Amounts, CellHash>;

class Names {
 public:
  std::uint32_t Of(const std::string& name) {
    const auto [at, is_new] = index_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(name);
    return at->second;
  }
  const std::string& operator[](std::uint32_t index) const { return names_.at(index); }

 private:
  std::unordered_map<std::string, std::uint32_t> index_{{"", 0}};
  std::vector<std::string> names_{""};
};

// The longest period that lines are not parted within.
std::optional<Period> PeriodOfLines(const Request& request) {
  if (request.Uses(Dimension::kDay)) return Period::kDay;
  if (request.Uses(Dimension::kMonth)) return Period::kMonth;
  return std::nullopt;
}

// The start of each part of the window, and its end.
std::vector<std::int64_t> BordersOf(const Request& request, const Calendar& calendar) {
  std::vector<std::int64_t> borders = {request.window.from};
  if (const std::optional<Period> period = PeriodOfLines(request)) {
    for (std::int64_t at = calendar.NextStart(*period, request.window.from); at < request.window.to;
         at = calendar.NextStart(*period, at))
      borders.push_back(at);
  }
  borders.push_back(request.window.to);
  return borders;
}

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
  for (const std::int64_t border : {request.window.from, request.window.to}) {
    if (slurmdb::HourStart(history.calendar(), border) != border) return "usage is rolled up by whole hours";
  }
  for (const std::string& name : history.clusters()) {
    if (!request.Accepts(Dimension::kCluster, name)) continue;
    if (!history.Cluster(name).HasUsage(KindOf(request)))
      return fmt::format(
          "the database of cluster {} has no usage {}", name,
          KindOf(request) == UsageKind::kQos ? "by QOS, which came with Slurm 24.11" : "tables");
  }
  return "";
}

class UsageMaker {
 public:
  UsageMaker(const Request& request, slurmdb::History& history)
      : request_(request), history_(history), borders_(BordersOf(request, history.calendar())) {
    for (const slurmdb::AccountRow& account : history.accounts())
      departments_[slurmdb::LowerCase(account.name)] = account.organization;
  }

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
    head.paged = !request_.by.empty() && request_.by[0] == Dimension::kDepartment;
    sheet.Begin(head);
    const auto add = [&](Line& line, const Amounts& amounts) {
      for (const std::uint32_t tres : columns) {
        const auto amount = amounts.find(tres);
        line.emplace_back(amount == amounts.end() ? 0 : amount->second);
      }
    };
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
    cluster.ReadUsage(kind, coarsest, request_.window.from, request_.window.to, rolled_up.until, calendar,
                      [&](const slurmdb::UsageRow& row) {
                        Cell cell;
                        (kind == UsageKind::kWckey ? cell.wckey : cell.association) = row.id;
                        cell.qos = row.qos;
                        if (period) cell.start = calendar.PeriodStart(*period, row.time_start);
                        Count(cells, cell, row.tres, row.seconds);
                      });
  }

  void ReadJobs(ClusterHistory& cluster, const slurmdb::HistoryProgress& progress, Cells& cells) {
    const bool by_association = request_.Uses(Dimension::kAccount) || request_.Uses(Dimension::kUser) ||
                                request_.Uses(Dimension::kDepartment);
    const bool by_qos = request_.Uses(Dimension::kQos);
    const bool by_wckey = request_.Uses(Dimension::kWckey);
    const bool by_partition = request_.Uses(Dimension::kPartition);
    const bool by_time = PeriodOfLines(request_).has_value();
    slurmdb::JobQuery query;
    query.from = request_.window.from;
    query.to = request_.window.to;
    slurmdb::TresCounts tres;
    cluster.ReadJobs(
        query,
        [&](const JobRecord& job) {
          if (job.tres_alloc.empty() || !slurmdb::HasRun(job.AsRow())) return;
          Cell cell;
          if (by_association) {
            cell.association = job.id_assoc;
            if (cluster.associations().Find(job.id_assoc) == nullptr) {
              cell.account = names_.Of(job.account);
              cell.user = names_.Of(std::to_string(job.id_user));
            }
          }
          if (by_qos) cell.qos = job.id_qos;
          if (by_wckey) cell.wckey = job.id_wckey;
          if (by_partition) cell.partition = names_.Of(job.partition);
          tres.clear();
          slurmdb::ParseTres(job.tres_alloc, tres);
          const std::vector<std::int64_t> seconds = HeldSeconds(job, borders_);
          for (std::size_t i = 0; i < seconds.size(); ++i) {
            if (by_time) cell.start = borders_[i];
            const auto end = static_cast<std::int64_t>(job.time_end);
            const bool ends_here = job.time_end != 0 && end >= borders_[i] && end < borders_[i + 1];
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

  // The accounts that a line of this cell is for: the leaf, or with those above it.
  std::vector<std::string> AccountsOf(const ClusterHistory& cluster, const Cell& cell) const {
    std::vector<std::string> accounts;
    for (const std::string* name : cluster.associations().Accounts(cell.association)) {
      accounts.push_back(*name);
      if (!request_.tree) break;
    }
    if (accounts.empty()) accounts.push_back(names_[cell.account]);
    return accounts;
  }

  std::string DepartmentOf(const std::string& account) const {
    const auto found = departments_.find(slurmdb::LowerCase(account));
    return found == departments_.end() ? "" : found->second;
  }

  std::string NameOf(Dimension dimension, const ClusterHistory& cluster, const Cell& cell,
                     const std::string& account) const {
    switch (dimension) {
      case Dimension::kCluster:
        return cluster.name();
      case Dimension::kDepartment:
        return DepartmentOf(AccountsOf(cluster, cell).front());
      case Dimension::kAccount:
        return account;
      case Dimension::kUser: {
        if (request_.source == Source::kRollUps && KindOf(request_) == UsageKind::kWckey) {
          const auto key = cluster.wckeys().find(cell.wckey);
          return key == cluster.wckeys().end() ? "" : key->second.user;
        }
        const slurmdb::AssociationRow* row = cluster.associations().Find(cell.association);
        return row == nullptr ? names_[cell.user] : row->user;
      }
      case Dimension::kPartition:
        return names_[cell.partition];
      case Dimension::kQos: {
        const auto name = history_.qos().find(cell.qos);
        if (name != history_.qos().end()) return name->second;
        return cell.qos == 0 ? "" : std::to_string(cell.qos);
      }
      case Dimension::kWckey: {
        const auto key = cluster.wckeys().find(cell.wckey);
        return key == cluster.wckeys().end() ? "" : key->second.name;
      }
      case Dimension::kDay:
        return history_.calendar().Text(cell.start).substr(0, 10);
      case Dimension::kMonth:
        return history_.calendar().Text(cell.start).substr(0, 7);
    }
    return "";
  }

  void Resolve(const ClusterHistory& cluster, const Cell& cell, const Amounts& amounts) {
    std::vector<std::string> accounts = AccountsOf(cluster, cell);
    for (const auto& [dimension, names] : request_.only) {
      if (dimension == Dimension::kAccount) {
        // Of the accounts above, up to the highest that was asked for.
        while (!accounts.empty() && !request_.Accepts(dimension, accounts.back())) accounts.pop_back();
        if (accounts.empty()) return;
      } else if (!request_.Accepts(dimension, NameOf(dimension, cluster, cell, accounts.front()))) {
        return;
      }
    }
    const bool each = request_.By(Dimension::kAccount);
    for (const std::string& account : accounts) {
      std::vector<std::string> names;
      names.reserve(request_.by.size());
      for (const Dimension dimension : request_.by)
        names.push_back(NameOf(dimension, cluster, cell, account));
      Amounts& line = lines_[names];
      for (const auto& [tres, amount] : amounts) {
        if (WantsTres(tres)) line[tres] += amount;
      }
      if (!each) break;
    }
    for (const auto& [tres, amount] : amounts) {
      if (WantsTres(tres)) total_[tres] += amount;
    }
  }

  const Request& request_;
  slurmdb::History& history_;
  std::vector<std::int64_t> borders_;
  std::map<std::string, std::string> departments_;  // by account in lower case
  Names names_;
  std::map<std::vector<std::string>, Amounts> lines_;
  Amounts total_;
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
      request.window.to = std::min(request.window.to, rolled_up.until[0]);
    }
  }
  request.window.to = std::max(request.window.to, request.window.from);
}

void MakeUsage(const Request& request, slurmdb::History& history, const slurmdb::HistoryProgress& progress,
               Head head, Sheet& sheet) {
  UsageMaker maker(request, history);
  maker.Read(progress);
  maker.Write(std::move(head), sheet);
}

}  // namespace exporter::report
