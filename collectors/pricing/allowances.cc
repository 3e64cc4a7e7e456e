#include "collectors/pricing/allowances.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace pricing {

bool Concerns(const Allowance& allowance, const CostLine& line) {
  if (!allowance.cluster.empty() && allowance.cluster != line.cluster) return false;
  if (allowance.account.empty()) return allowance.department == line.department;
  return std::find(line.chain.begin(), line.chain.end(), allowance.account) != line.chain.end();
}

std::vector<std::optional<Money>> CreditsWithin(const std::vector<Allowance>& quotas,
                                                std::span<const CostLine> lines,
                                                const FiscalCalendar& calendar, std::int64_t known_from,
                                                std::int64_t from, std::int64_t to) {
  std::vector<std::optional<Money>> credits(quotas.size(), Money{0});
  if (quotas.empty()) return credits;
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    if (calendar.Start(quotas[i].period, from) < known_from) credits[i] = std::nullopt;
  }
  // Of each quota and period: what was billed before `from`, and before `to`.
  std::map<std::pair<std::size_t, std::int64_t>, std::array<Money, 2>> billed;
  std::map<std::pair<CostPeriod, std::int64_t>, std::int64_t> starts;  // many lines are of the same time
  const auto start_of = [&](CostPeriod period, std::int64_t time) {
    const auto known = starts.find({period, time});
    if (known != starts.end()) return known->second;
    return starts.emplace(std::pair(period, time), calendar.Start(period, time)).first->second;
  };
  for (const CostLine& line : lines) {
    if (line.time >= to) continue;
    for (std::size_t i = 0; i < quotas.size(); ++i) {
      const std::int64_t start = start_of(quotas[i].period, line.time);
      if (!quotas[i].span.Contains(start) || !Concerns(quotas[i], line)) continue;
      std::array<Money, 2>& sums = billed[{i, start}];
      if (line.time < from) sums[0] += line.billed;
      sums[1] += line.billed;
      break;
    }
  }
  for (const auto& [key, sums] : billed) {
    const Money most = quotas[key.first].amount;
    if (std::optional<Money>& credit = credits[key.first])
      *credit += std::min(most, sums[1]) - std::min(most, sums[0]);
  }
  return credits;
}

std::vector<std::optional<Money>> UsedAt(const std::vector<Allowance>& budgets,
                                         std::span<const CostLine> lines, const FiscalCalendar& calendar,
                                         std::int64_t time) {
  std::vector<std::optional<Money>> used(budgets.size());
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    const std::int64_t start = calendar.Start(budgets[i].period, time);
    if (!budgets[i].span.Contains(start)) continue;
    const std::int64_t next = calendar.Next(budgets[i].period, time);
    used[i] = 0;
    for (const CostLine& line : lines) {
      if (line.time >= start && line.time < next && Concerns(budgets[i], line)) *used[i] += line.billed;
    }
  }
  return used;
}

}  // namespace pricing
