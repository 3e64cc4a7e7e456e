// The price book as the ledgers of the accounting database ask for it.
//
//   auto tariff = std::make_shared<PriceBookTariff>(book, FiscalCalendar(calendar, book->first_month));
//   JobLedger ledger(... Rule::kCharged, charges = tariff->ChargesOf(names, tariff->EpochAt(now)));
//   ledger.totals()[g].tres_seconds    // by kSumList, kSumBilled, kSumSubsidy and kSumUnpriced + id of a
//   TRES
//
// The slots of a ledger are months, cut further where an account changes its department.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectors/pricing/departments.h"
#include "collectors/pricing/fiscal_calendar.h"
#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/tariff.h"

namespace pricing {

// Ids of sums in a ledger of Rule::kCharged; amounts of money are in the unit the book rounds to.
inline constexpr std::uint32_t kSumList = 1;
inline constexpr std::uint32_t kSumBilled = 2;
inline constexpr std::uint32_t kSumSubsidy = 3;
inline constexpr std::uint32_t kSumUnpriced =
    0x80000000;  // plus the id of a TRES: TRES-seconds without a price

// Accounts of one cluster and their departments, by names.
class Accounts {
 public:
  Accounts(const Departments& departments, const slurmdb::AssociationTree& tree,
           const std::vector<slurmdb::AccountRow>& accounts);

  struct Account {
    std::string name;                // as in the database
    std::vector<std::string> chain;  // the same and those above it, in lower case
    std::vector<DepartmentSince> departments;
  };
  // Of what a ledger's group is charged to. By the job row's own text where the association is not known.
  Account Of(std::uint32_t id_assoc, const std::string& text) const;
  // The association of its account's own; none: it is not known.
  std::optional<std::uint32_t> PayerOf(std::uint32_t id_assoc) const;

 private:
  Account Make(std::vector<std::string> names) const;

  const Departments& departments_;
  std::map<std::string, std::string> organizations_;
  std::map<std::uint32_t, std::uint32_t> payers_;  // by association
  std::map<std::uint32_t, Account> known_;         // by payer
};

class PriceBookTariff : public slurmdb::Tariff {
 public:
  PriceBookTariff(std::shared_ptr<const PriceBook> book, FiscalCalendar calendar)
      : book_(std::move(book)), calendar_(std::move(calendar)) {}

  // The beginning of the year, or of the last month if that is earlier.
  std::int64_t EpochAt(std::int64_t time) const override;
  std::shared_ptr<slurmdb::JobCharges> ChargesOf(const slurmdb::ClusterNames& names,
                                                 std::int64_t epoch) const override;

  const PriceBook& book() const { return *book_; }
  const FiscalCalendar& calendar() const { return calendar_; }

 private:
  std::shared_ptr<const PriceBook> book_;
  FiscalCalendar calendar_;
};

}  // namespace pricing
