#include "exporter/report/grouping.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace exporter::report {

using slurmdb::ClusterHistory;
using slurmdb::Period;

std::size_t CellHash::operator()(const Cell& cell) const {
  std::size_t hash = 0;
  for (const std::uint64_t part :
       {std::uint64_t{cell.association}, std::uint64_t{cell.qos}, std::uint64_t{cell.wckey},
        std::uint64_t{cell.partition}, std::uint64_t{cell.account}, std::uint64_t{cell.user},
        static_cast<std::uint64_t>(cell.start)})
    hash = hash * 0x9E3779B97F4A7C15U + std::hash<std::uint64_t>{}(part);
  return hash;
}

bool IsPaged(const Request& request) {
  return !request.by.empty() && request.by[0] == Dimension::kDepartment;
}

std::optional<Period> PeriodOfLines(const Request& request) {
  if (request.By(Dimension::kDay)) return Period::kDay;
  if (request.By(Dimension::kMonth)) return Period::kMonth;
  return std::nullopt;
}

Grouping::Grouping(const Request& request, slurmdb::History& history, const pricing::Departments& departments)
    : request_(request), history_(history), departments_(departments) {
  borders_ = {request.window.from};
  if (const std::optional<Period> period = PeriodOfLines(request)) {
    for (std::int64_t at = history.calendar().NextStart(*period, request.window.from); at < request.window.to;
         at = history.calendar().NextStart(*period, at))
      borders_.push_back(at);
  }
  if (request.Uses(Dimension::kDepartment)) {
    for (const std::int64_t border : departments.Borders()) {
      if (border > request.window.from && border < request.window.to) borders_.push_back(border);
    }
  }
  borders_.push_back(request.window.to);
  std::sort(borders_.begin(), borders_.end());
  borders_.erase(std::unique(borders_.begin(), borders_.end() - 1), borders_.end() - 1);
}

std::uint32_t Grouping::NumberOf(const std::string& name) {
  const auto [at, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return at->second;
}

Cell Grouping::CellOf(const ClusterHistory& cluster, const slurmdb::JobRecord& job) {
  Cell cell;
  if (request_.Uses(Dimension::kAccount) || request_.Uses(Dimension::kUser) ||
      request_.Uses(Dimension::kDepartment)) {
    cell.association = job.id_assoc;
    if (cluster.associations().Find(job.id_assoc) == nullptr) {
      cell.account = NumberOf(job.account);
      cell.user = NumberOf(std::to_string(job.id_user));
    }
  }
  if (request_.Uses(Dimension::kQos)) cell.qos = job.id_qos;
  if (request_.Uses(Dimension::kWckey)) cell.wckey = job.id_wckey;
  if (request_.Uses(Dimension::kPartition)) cell.partition = NumberOf(job.partition);
  return cell;
}

const pricing::Accounts::Account& Grouping::AccountOf(const ClusterHistory& cluster, const Cell& cell) {
  const bool known = cluster.associations().Find(cell.association) != nullptr;
  auto& kept = known ? known_ : strangers_;
  const auto key = std::pair(cluster.name(), known ? cell.association : cell.account);
  if (const auto found = kept.find(key); found != kept.end()) return found->second;
  const auto accounts =
      accounts_.try_emplace(cluster.name(), departments_, cluster.associations(), history_.accounts()).first;
  return kept.emplace(key, accounts->second.Of(cell.association, names_[cell.account])).first->second;
}

std::vector<std::string> Grouping::AccountsOf(const ClusterHistory& cluster, const Cell& cell) {
  std::vector<std::string> accounts;
  for (const std::string* name : cluster.associations().Accounts(cell.association)) {
    accounts.push_back(*name);
    if (!request_.tree) break;
  }
  if (accounts.empty()) accounts.push_back(names_[cell.account]);
  return accounts;
}

std::string Grouping::QosName(std::uint32_t id) const {
  const auto name = history_.qos().find(id);
  if (name != history_.qos().end()) return name->second;
  return id == 0 ? "" : std::to_string(id);
}

std::string Grouping::NameOf(Dimension dimension, const ClusterHistory& cluster, const Cell& cell,
                             const std::string& account) {
  switch (dimension) {
    case Dimension::kCluster:
      return cluster.name();
    case Dimension::kDepartment:
      return pricing::DepartmentAt(AccountOf(cluster, cell).departments, cell.start);
    case Dimension::kAccount:
      return account;
    case Dimension::kUser: {
      if (request_.source == Source::kRollUps && request_.Uses(Dimension::kWckey)) {
        const auto key = cluster.wckeys().find(cell.wckey);
        return key == cluster.wckeys().end() ? "" : key->second.user;
      }
      const slurmdb::AssociationRow* row = cluster.associations().Find(cell.association);
      return row == nullptr ? names_[cell.user] : row->user;
    }
    case Dimension::kPartition:
      return names_[cell.partition];
    case Dimension::kQos:
      return QosName(cell.qos);
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

std::vector<std::vector<std::string>> Grouping::LinesOf(const ClusterHistory& cluster, const Cell& cell) {
  std::vector<std::string> accounts = AccountsOf(cluster, cell);
  for (const auto& [dimension, names] : request_.only) {
    if (dimension == Dimension::kAccount) {
      // Of the accounts above, up to the highest that was asked for.
      while (!accounts.empty() && !request_.Accepts(dimension, accounts.back())) accounts.pop_back();
      if (accounts.empty()) return {};
    } else if (!request_.Accepts(dimension, NameOf(dimension, cluster, cell, accounts.front()))) {
      return {};
    }
  }
  if (!request_.By(Dimension::kAccount)) accounts.resize(1);
  std::vector<std::vector<std::string>> lines;
  for (const std::string& account : accounts) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const Dimension dimension : request_.by) line.push_back(NameOf(dimension, cluster, cell, account));
  }
  return lines;
}

}  // namespace exporter::report
