#include "exporter/report/cost_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "collectors/pricing/allowances.h"
#include "collectors/pricing/price_book_tariff.h"
#include "collectors/slurmdb/lower_case.h"
#include "exporter/report/grouping.h"

namespace exporter::report {
namespace {

using pricing::Money;

struct Amounts {
  Money list = 0;
  Money billed = 0;
  Money subsidy = 0;
  Money free = 0;

  void Add(const Amounts& other) {
    list += other.list;
    billed += other.billed;
    subsidy += other.subsidy;
    free += other.free;
  }
};

// Free quotas draw on whole accounts and departments, each row once.
constexpr std::array kPaying = {Dimension::kCluster, Dimension::kDepartment, Dimension::kAccount};

class CostMaker {
 public:
  CostMaker(const Request& request, const pricing::PriceBook& book, slurmdb::History& history)
      : request_(WithPayers(request)),
        asked_(request),
        book_(book),
        history_(history),
        calendar_(history.calendar(), book.first_month),
        with_credits_(!book.free_quotas.empty() && WhyNoCredits(request).empty()),
        grouping_(request_, history, book.departments) {
    borders_ = grouping_.borders();
    known_from_ = asked_.window.from;
    if (!with_credits_) return;
    for (const pricing::Allowance& quota : book_.free_quotas)
      known_from_ = std::min(known_from_, calendar_.Start(quota.period, asked_.window.from));
    // A line of cost lies in one period of each kind, and in one department.
    const auto months = calendar_.Months(known_from_, asked_.window.to);
    borders_.insert(borders_.end(), months.begin(), months.end());
    for (const std::int64_t border : book_.departments.Borders()) borders_.push_back(border);
    std::erase_if(borders_, [&](std::int64_t at) { return at < known_from_ || at > asked_.window.to; });
    std::sort(borders_.begin(), borders_.end());
    borders_.erase(std::unique(borders_.begin(), borders_.end()), borders_.end());
  }

  void Read(const slurmdb::HistoryProgress& progress) {
    if (asked_.window.from >= asked_.window.to) return;
    for (const std::string& name : history_.clusters()) {
      if (asked_.Accepts(Dimension::kCluster, name)) ReadCluster(history_.Cluster(name), progress);
    }
    if (with_credits_) AddCredits();
  }

  // Whether all that the lines are made of has a price.
  std::vector<Check> Checks() const {
    std::vector<Check> checks;
    for (const auto& [cluster, ids] : unpriced_) {
      std::vector<std::string> names;
      for (const std::uint32_t id : ids) names.push_back(history_.tres().Label(id));
      checks.push_back({cluster, "prices", names.empty(),
                        names.empty() ? fmt::format("{}: all that jobs held has a price", cluster)
                                      : fmt::format("{}: jobs held what has no price: {}", cluster,
                                                    fmt::join(names, ", "))});
    }
    return checks;
  }

  void Write(Head head, Sheet& sheet) const {
    for (const Dimension dimension : asked_.by)
      head.columns.push_back({std::string(DimensionName(dimension)), ColumnKind::kText, ""});
    head.columns.push_back({"charge", ColumnKind::kText, ""});
    for (const char* name : {"list", "reduction", "subsidy", "billed", "free", "due"})
      head.columns.push_back({name, ColumnKind::kDecimal, book_.currency});
    if (IsPaged(asked_)) head.pages.emplace();
    for (const auto& [page, amounts] : pages_)
      head.pages->emplace(page, LineOf(std::vector<std::string>(asked_.by.size() + 1), amounts));
    sheet.Begin(head);
    for (const auto& [names, amounts] : lines_) sheet.Add(LineOf(names, amounts));
    const std::vector<std::string> names(asked_.by.size() + 1);
    Line totals = LineOf(names, total_);
    for (std::size_t i = 0; i < names.size(); ++i) totals[i] = i == 0 ? Value("Total") : Value();
    sheet.SetTotals(totals);
  }

 private:
  // Rows have to be told apart by who pays, whatever lines are parted by.
  static Request WithPayers(Request request) {
    for (const Dimension dimension :
         {Dimension::kAccount, Dimension::kDepartment, Dimension::kPartition, Dimension::kQos}) {
      if (!request.Uses(dimension)) request.by.push_back(dimension);
    }
    return request;
  }

  Line LineOf(const std::vector<std::string>& names, const Amounts& amounts) const {
    Line line(names.begin(), names.end());
    const Money reduction = amounts.list - amounts.subsidy - amounts.billed;
    for (const Money amount : {amounts.list, reduction, amounts.subsidy, amounts.billed, amounts.free,
                               amounts.billed - amounts.free})
      line.emplace_back(Decimal{pricing::FormatMoney(amount, book_.digits)});
    return line;
  }

  // Once for each amount, whatever lines it is part of. `names` are those of one of them.
  void Count(const std::vector<std::string>& names, const Amounts& amounts) {
    total_.Add(amounts);
    if (IsPaged(asked_)) pages_[names.front()].Add(amounts);
  }

  bool IsAsked(std::int64_t begin) const { return begin >= asked_.window.from; }

  void ReadCluster(slurmdb::ClusterHistory& cluster, const slurmdb::HistoryProgress& progress) {
    const pricing::PriceTable table(book_, history_.tres());
    using PlanKey = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
    std::map<PlanKey, pricing::PricePlan> plans;
    std::unordered_map<Cell, Amounts, CellHash> cells;
    std::unordered_map<Cell, std::set<std::uint32_t>, CellHash> without_price;
    slurmdb::JobQuery query;
    query.from = known_from_;
    query.to = asked_.window.to;
    cluster.ReadJobs(
        query,
        [&](const slurmdb::JobRecord& record) {
          if (record.tres_alloc.empty()) return;
          const slurmdb::LiveJob job = record.AsLive();
          if (!job.ran) return;
          const auto charged = slurmdb::ChargedUntil(job, request_.as_of);
          if (!charged) return;
          Cell cell = grouping_.CellOf(cluster, record);
          const PlanKey key = {cell.association, cell.qos, cell.account, cell.partition};
          auto plan = plans.find(key);
          if (plan == plans.end()) {
            const auto& account = grouping_.AccountOf(cluster, cell);
            plan = plans
                       .emplace(key, table.PlanFor({slurmdb::LowerCase(cluster.name()), record.partition,
                                                    slurmdb::LowerCase(QosOf(cell.qos)), account.chain,
                                                    account.departments}))
                       .first;
          }
          pricing::PricedRow row;
          row.state = charged->state;
          row.over = charged->over;
          row.start = charged->start;
          row.end = charged->end;
          for (const auto& [from, to] : charged->pauses) row.pauses.push_back({from, to});
          row.tres = charged->tres_alloc;
          table.Spread(plan->second, row, borders_, [&](std::size_t slot, const pricing::Charge& charge) {
            cell.start = borders_[slot];
            cells[cell].Add({charge.list, charge.billed, charge.subsidy, 0});
            for (const auto& [id, amount] : charge.unpriced) without_price[cell].insert(id);
          });
        },
        progress);
    std::map<std::tuple<std::string, std::string, std::int64_t>, pricing::CostLine> costs;
    std::set<std::uint32_t>& unpriced = unpriced_[cluster.name()];
    for (const auto& [cell, amounts] : cells) {
      if (with_credits_) {
        const auto& account = grouping_.AccountOf(cluster, cell);
        const std::string& department = pricing::DepartmentAt(account.departments, cell.start);
        pricing::CostLine& cost = costs[{account.name, department, cell.start}];
        if (cost.chain.empty())
          cost = {slurmdb::LowerCase(cluster.name()), account.chain, department, cell.start, 0};
        cost.billed += amounts.billed;
      }
      if (!IsAsked(cell.start)) continue;
      auto lines = grouping_.LinesOf(cluster, cell);
      if (lines.empty()) continue;
      Count(lines.front(), amounts);
      if (const auto found = without_price.find(cell); found != without_price.end())
        unpriced.insert(found->second.begin(), found->second.end());
      if (!asked_.By(Dimension::kAccount)) lines.resize(1);
      for (std::vector<std::string>& names : lines) {
        names.resize(asked_.by.size());
        names.emplace_back("usage");
        lines_[names].Add(amounts);
      }
    }
    for (auto& [key, cost] : costs) costs_.push_back(std::move(cost));
  }

  // Without a name, as the price book: by an id the database has no name for, none.
  std::string QosOf(std::uint32_t id) const {
    const auto name = history_.qos().find(id);
    return name == history_.qos().end() ? "" : name->second;
  }

  void AddCredits() {
    for (std::size_t i = 0; i + 1 < borders_.size(); ++i) {
      if (!IsAsked(borders_[i])) continue;
      const auto credits = pricing::CreditsWithin(book_.free_quotas, costs_, calendar_, known_from_,
                                                  borders_[i], borders_[i + 1]);
      for (std::size_t q = 0; q < credits.size(); ++q) {
        if (!credits[q] || *credits[q] == 0) continue;
        AddCredit(book_.free_quotas[q], borders_[i], *credits[q]);
      }
    }
  }

  void AddCredit(const pricing::Allowance& quota, std::int64_t begin, Money amount) {
    const std::string department = DepartmentOf(quota, begin);
    if (!asked_.Accepts(Dimension::kCluster, quota.cluster) ||
        !asked_.Accepts(Dimension::kAccount, quota.account) ||
        !asked_.Accepts(Dimension::kDepartment, department))
      return;
    std::vector<std::string> names;
    for (const Dimension dimension : asked_.by) {
      switch (dimension) {
        case Dimension::kCluster:
          names.push_back(quota.cluster);
          break;
        case Dimension::kDepartment:
          names.push_back(department);
          break;
        case Dimension::kAccount:
          names.push_back(quota.account);
          break;
        case Dimension::kDay:
          names.push_back(history_.calendar().Text(begin).substr(0, 10));
          break;
        case Dimension::kMonth:
          names.push_back(history_.calendar().Text(begin).substr(0, 7));
          break;
        default:
          names.emplace_back();
      }
    }
    names.emplace_back("free quota");
    lines_[names].free += amount;
    Count(names, {0, 0, 0, amount});
  }

  std::string DepartmentOf(const pricing::Allowance& quota, std::int64_t at) const {
    if (quota.account.empty()) return quota.department;
    for (const std::string& name : history_.clusters()) {
      if (!quota.cluster.empty() && slurmdb::LowerCase(name) != quota.cluster) continue;
      const slurmdb::AssociationTree& tree = history_.Cluster(name).associations();
      if (const slurmdb::AssociationRow* row = tree.FindAccount(quota.account)) {
        const pricing::Accounts accounts(book_.departments, tree, history_.accounts());
        return pricing::DepartmentAt(accounts.Of(row->id, row->account).departments, at);
      }
    }
    return "";
  }

  const Request request_;  // by payers, too
  const Request& asked_;
  const pricing::PriceBook& book_;
  slurmdb::History& history_;
  pricing::FiscalCalendar calendar_;
  bool with_credits_;
  Grouping grouping_;
  std::vector<std::int64_t> borders_;
  std::int64_t known_from_ = 0;
  std::vector<pricing::CostLine> costs_;
  std::map<std::vector<std::string>, Amounts> lines_;
  Amounts total_;
  std::map<std::string, Amounts> pages_;                     // by department
  std::map<std::string, std::set<std::uint32_t>> unpriced_;  // TRES, by cluster
};

}  // namespace

std::string WhyNoCredits(const Request& request) {
  for (const Dimension dimension : kAllDimensions) {
    const bool pays = std::find(kPaying.begin(), kPaying.end(), dimension) != kPaying.end();
    if (!pays && request.only.contains(dimension))
      return fmt::format("free quotas are not told by {}", DimensionName(dimension));
  }
  if (request.only.contains(Dimension::kCluster)) return "free quotas may be of all clusters together";
  return "";
}

std::vector<Check> MakeCost(const Request& request, const pricing::PriceBook& book, slurmdb::History& history,
                            const slurmdb::HistoryProgress& progress, Head head, Sheet& sheet) {
  CostMaker maker(request, book, history);
  maker.Read(progress);
  maker.Write(std::move(head), sheet);
  return maker.Checks();
}

}  // namespace exporter::report
