#include "collectors/cost.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collectors/families.h"
#include "collectors/pricing/allowances.h"
#include "collectors/slurmdb/lower_case.h"

namespace collectors {
namespace {

using pricing::Allowance;
using pricing::CostPeriod;
using pricing::Money;
using Labels = std::vector<std::string>;

struct Window {
  std::string name;
  std::int64_t from;
  std::int64_t to;  // of the one that runs: when it will end

  bool Holds(std::int64_t time) const { return time >= from && time < to; }
};

std::vector<Window> WindowsAt(const pricing::FiscalCalendar& calendar, std::int64_t time) {
  std::vector<Window> windows;
  for (const auto period : {CostPeriod::kMonth, CostPeriod::kQuarter, CostPeriod::kYear})
    windows.push_back(
        {pricing::CostPeriodName(period), calendar.Start(period, time), calendar.Next(period, time)});
  const std::int64_t month = windows.front().from;
  windows.push_back({"last_month", calendar.Start(CostPeriod::kMonth, month - 1), month});
  return windows;
}

// List price, bill and subsidy of accounts, or of departments.
class CostFamilies {
 public:
  CostFamilies(const std::string& of, const std::string& by, const Labels& labels)
      : billed_("slurmdbd_" + of + "_cost",
                "What the jobs of " + by + " cost in a period, as they are billed.", labels),
        list_(
            "slurmdbd_" + of + "_list_cost",
            "What they would cost at list prices, without outcomes, discounts and subsidies, of " + by + ".",
            labels),
        subsidy_("slurmdbd_" + of + "_subsidy", "What is paid of that by somebody else, for " + by + ".",
                 labels) {}

  void Add(Labels labels, const std::array<Money, 3>& amounts) {
    std::array<Money, 3>& sum = sums_[std::move(labels)];
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += amounts[i];
  }

  void MoveTo(Families& families, int digits) {
    for (const auto& [labels, sum] : sums_) {
      list_.Add(labels, pricing::MoneyAsDouble(sum[0], digits));
      billed_.Add(labels, pricing::MoneyAsDouble(sum[1], digits));
      subsidy_.Add(labels, pricing::MoneyAsDouble(sum[2], digits));
    }
    for (GaugeFamily* family : {&billed_, &list_, &subsidy_}) families.push_back(std::move(*family).Build());
  }

 private:
  GaugeFamily billed_;
  GaugeFamily list_;
  GaugeFamily subsidy_;
  std::map<Labels, std::array<Money, 3>> sums_;  // list, billed, subsidy
};

// A family for accounts and one for departments, by what an allowance is for.
class AllowanceFamilies {
 public:
  AllowanceFamilies(const std::string& name, const std::string& help)
      : accounts_("slurmdbd_account_" + name, help + ", of an account with all below it.",
                  {"cluster", "account", "period", "currency"}),
        departments_("slurmdbd_department_" + name, help + ", of a department.",
                     {"cluster", "department", "period", "currency"}) {}

  void Add(const Allowance& allowance, const std::string& period, const pricing::PriceBook& book,
           Money amount) {
    const bool of_account = !allowance.account.empty();
    (of_account ? accounts_ : departments_)
        .Add(
            {allowance.cluster, of_account ? allowance.account : allowance.department, period, book.currency},
            pricing::MoneyAsDouble(amount, book.digits));
  }

  void MoveTo(Families& families) {
    for (GaugeFamily* family : {&accounts_, &departments_}) families.push_back(std::move(*family).Build());
  }

 private:
  GaugeFamily accounts_;
  GaugeFamily departments_;
};

}  // namespace

Families CollectCost(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  if (options.tariff == nullptr) return {};
  const pricing::PriceBook& book = options.tariff->book();
  const pricing::FiscalCalendar& calendar = options.tariff->calendar();
  CostFamilies accounts("account", "an account, those below it apart",
                        {"cluster", "account", "department", "period", "currency"});
  CostFamilies departments("department", "a department", {"cluster", "department", "period", "currency"});
  AllowanceFamilies credits("credit", "What of the bill is free of charge in a period");
  AllowanceFamilies budgets("budget", "Budget of the period that runs");
  AllowanceFamilies used("budget_used", "What was billed in the budget's period so far, free or not");
  SumFamily unpriced(
      "slurmdbd_cost_unpriced_tres_seconds",
      "TRES-seconds in a period for which the price book has no price; mem in byte-seconds, energy "
      "in joules.",
      prometheus::MetricType::Gauge, {"cluster", "tres", "period"});
  GaugeFamily starts("slurmdbd_cost_period_start_timestamp_seconds", "When the period of costs began.",
                     {"cluster", "period"});
  GaugeFamily ends("slurmdbd_cost_period_end_timestamp_seconds", "When the period of costs ends.",
                   {"cluster", "period"});
  GaugeFamily info("slurmdbd_price_book_info", "The price book that costs are made from; always 1.",
                   {"version", "sha256", "currency"});
  info.Add({book.version, book.sha256, book.currency}, 1);

  std::vector<pricing::CostLine> lines;
  std::vector<std::string> clusters;  // that are there
  std::int64_t now = 0;
  std::int64_t known_from = 0;
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const slurmdb::JobLedger& ledger = *cluster.charged;
    std::vector<Window> windows = WindowsAt(calendar, ledger.moment().as_of);
    // Of which the jobs are still there.
    std::erase_if(windows, [&](const Window& window) { return window.from < cluster.charged_from; });
    for (const Window& window : windows) {
      starts.Add({name, window.name}, static_cast<double>(window.from));
      ends.Add({name, window.name}, static_cast<double>(window.to));
    }
    clusters.push_back(slurmdb::LowerCase(name));
    now = std::max(now, ledger.moment().as_of);
    known_from = std::max({known_from, ledger.options().epoch, cluster.charged_from});
    const pricing::Accounts names(book.departments, *cluster.associations, *view.accounts);
    std::map<std::pair<std::uint32_t, std::string>, pricing::Accounts::Account> known;
    std::map<std::tuple<std::string, std::string, std::int64_t>, pricing::CostLine> by_account;
    for (std::size_t g = 0; g < ledger.groups().size(); ++g) {
      const slurmdb::JobGroup& group = ledger.groups()[g];
      const auto& sums = ledger.totals()[g].tres_seconds.entries();
      if (sums.empty()) continue;
      auto found = known.find({group.id_assoc, group.account});
      if (found == known.end()) {
        found =
            known.emplace(std::pair(group.id_assoc, group.account), names.Of(group.id_assoc, group.account))
                .first;
      }
      const pricing::Accounts::Account& account = found->second;
      const std::string& department = pricing::DepartmentAt(account.departments, group.hour);
      std::array<Money, 3> amounts{};
      for (const auto& [id, sum] : sums) {
        if (id >= pricing::kSumUnpriced) {
          const std::uint32_t tres = id - pricing::kSumUnpriced;
          for (const Window& window : windows) {
            if (window.Holds(group.hour))
              unpriced.Add({name, view.tres->Label(tres), window.name}, sum, view.tres->UnitScale(tres));
          }
        } else {
          amounts[id - pricing::kSumList] = static_cast<Money>(sum);
        }
      }
      for (const Window& window : windows) {
        if (!window.Holds(group.hour)) continue;
        accounts.Add({name, account.name, department, window.name, book.currency}, amounts);
        departments.Add({name, department, window.name, book.currency}, amounts);
      }
      pricing::CostLine& line = by_account[{account.name, department, group.hour}];
      if (line.time == 0) line = {clusters.back(), account.chain, department, group.hour, 0};
      line.billed += amounts[pricing::kSumBilled - pricing::kSumList];
    }
    for (auto& [key, line] : by_account) lines.push_back(std::move(line));
  }

  // Without a cluster, what concerns it would be too little.
  const auto is_known = [&](const Allowance& allowance) {
    if (allowance.cluster.empty()) return view.clusters_missing == 0 && !clusters.empty();
    return std::find(clusters.begin(), clusters.end(), allowance.cluster) != clusters.end();
  };
  const auto spent = pricing::UsedAt(book.budgets, lines, calendar, now);
  for (std::size_t i = 0; i < spent.size(); ++i) {
    const Allowance& budget = book.budgets[i];
    if (!spent[i] || !is_known(budget) || calendar.Start(budget.period, now) < known_from) continue;
    const std::string period = pricing::CostPeriodName(budget.period);
    budgets.Add(budget, period, book, budget.amount);
    used.Add(budget, period, book, *spent[i]);
  }
  for (const Window& window : WindowsAt(calendar, now)) {
    const auto free =
        pricing::CreditsWithin(book.free_quotas, lines, calendar, known_from, window.from, window.to);
    for (std::size_t i = 0; i < free.size(); ++i) {
      if (free[i] && is_known(book.free_quotas[i]))
        credits.Add(book.free_quotas[i], window.name, book, *free[i]);
    }
  }
  Families families;
  accounts.MoveTo(families, book.digits);
  departments.MoveTo(families, book.digits);
  for (AllowanceFamilies* family : {&credits, &budgets, &used}) family->MoveTo(families);
  families.push_back(unpriced.Build());
  for (GaugeFamily* family : {&starts, &ends, &info}) families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
