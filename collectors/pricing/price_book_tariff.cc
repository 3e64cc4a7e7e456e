#include "collectors/pricing/price_book_tariff.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "collectors/slurmdb/lower_case.h"

namespace pricing {
namespace {

using slurmdb::JobGroup;
using slurmdb::LowerCase;

class ClusterCharges : public slurmdb::JobCharges {
 public:
  ClusterCharges(std::shared_ptr<const PriceBook> book, const slurmdb::ClusterNames& names,
                 std::vector<std::int64_t> borders)
      : book_(std::move(book)),
        cluster_(LowerCase(names.cluster)),
        qos_(*names.qos),
        accounts_(book_->departments, *names.associations, *names.accounts),
        table_(*book_, *names.tres),
        tres_(names.tres->size()),
        borders_(std::move(borders)) {}

  std::optional<std::uint32_t> PayerOf(std::uint32_t id_assoc) const override {
    return accounts_.PayerOf(id_assoc);
  }

  std::string SignatureOf(const JobGroup& group) override {
    return fmt::format("{} of {} TRES, {}", PayerOf(group.id_assoc).value_or(0), tres_, PlanOf(group).Text());
  }

  void Charge(const JobGroup& group, const slurmdb::ChargedJob& job, const Sink& sink) override {
    PricedRow row;
    row.state = job.state;
    row.over = job.over;
    row.start = job.start;
    row.end = job.end;
    for (const auto& [from, to] : job.pauses) row.pauses.push_back({from, to});
    row.tres = job.tres_alloc;
    table_.Spread(PlanOf(group), row, borders_, [&](std::size_t slot, const pricing::Charge& charge) {
      const std::int64_t begin = borders_[slot];
      sink(begin, kSumList, static_cast<slurmdb::Uint128>(charge.list));
      sink(begin, kSumBilled, static_cast<slurmdb::Uint128>(charge.billed));
      sink(begin, kSumSubsidy, static_cast<slurmdb::Uint128>(charge.subsidy));
      for (const auto& [id, amount] : charge.unpriced) sink(begin, kSumUnpriced + id, amount);
    });
  }

 private:
  const PricePlan& PlanOf(const JobGroup& group) {
    const auto key = std::tie(group.id_assoc, group.id_qos, group.account, group.partition);
    const auto known = plans_.find(key);
    if (known != plans_.end()) return known->second;
    const Accounts::Account account = accounts_.Of(group.id_assoc, group.account);
    const auto qos = qos_.find(group.id_qos);
    return plans_
        .emplace(key,
                 table_.PlanFor({cluster_, group.partition, qos == qos_.end() ? "" : LowerCase(qos->second),
                                 account.chain, account.departments}))
        .first->second;
  }

  std::shared_ptr<const PriceBook> book_;
  std::string cluster_;
  std::map<std::uint32_t, std::string> qos_;
  Accounts accounts_;
  PriceTable table_;
  std::size_t tres_;
  std::vector<std::int64_t> borders_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string, std::string>, PricePlan, std::less<>> plans_;
};

}  // namespace

Accounts::Accounts(const Departments& departments, const slurmdb::AssociationTree& tree,
                   const std::vector<slurmdb::AccountRow>& accounts)
    : departments_(departments) {
  for (const slurmdb::AccountRow& account : accounts)
    organizations_.emplace(LowerCase(account.name), account.organization);
  for (const auto& [id, row] : tree.rows()) {
    const slurmdb::AssociationRow* own = row.user.empty() ? &row : tree.FindAccount(row.account);
    const std::uint32_t payer = own == nullptr ? id : own->id;
    payers_.emplace(id, payer);
    if (known_.contains(payer)) continue;
    std::vector<std::string> names;
    for (const std::string* name : tree.Accounts(payer)) names.push_back(*name);
    known_.emplace(payer, Make(std::move(names)));
  }
}

Accounts::Account Accounts::Make(std::vector<std::string> names) const {
  Account account;
  if (!names.empty()) account.name = names.front();
  account.departments = departments_.Of(names, organizations_);
  for (const std::string& name : names) account.chain.push_back(LowerCase(name));
  return account;
}

std::optional<std::uint32_t> Accounts::PayerOf(std::uint32_t id_assoc) const {
  const auto found = payers_.find(id_assoc);
  return found == payers_.end() ? std::nullopt : std::optional(found->second);
}

Accounts::Account Accounts::Of(std::uint32_t id_assoc, const std::string& text) const {
  const auto payer = PayerOf(id_assoc);
  return payer ? known_.at(*payer) : Make({text});
}

std::int64_t PriceBookTariff::EpochAt(std::int64_t time) const {
  const std::int64_t month = calendar_.Start(CostPeriod::kMonth, time);
  return std::min(calendar_.Start(CostPeriod::kYear, time), calendar_.Start(CostPeriod::kMonth, month - 1));
}

std::shared_ptr<slurmdb::JobCharges> PriceBookTariff::ChargesOf(const slurmdb::ClusterNames& names,
                                                                std::int64_t epoch) const {
  // Longer than an epoch lasts.
  constexpr std::int64_t kReach = std::int64_t{15} * 31 * 86400;
  std::vector<std::int64_t> borders = calendar_.Months(epoch, epoch + kReach);
  for (const std::int64_t border : book_->departments.Borders()) {
    if (border > borders.front() && border < borders.back()) borders.push_back(border);
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  return std::make_shared<ClusterCharges>(book_, names, std::move(borders));
}

}  // namespace pricing
