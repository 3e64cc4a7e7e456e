#include "collectors/pricing/price_book_tariff.h"

#include <gtest/gtest.h>

namespace pricing {
namespace {

using slurmdb::AssociationRow;
using slurmdb::AssociationTree;
using slurmdb::JobGroup;

const slurmdb::Calendar kUtc("UTC");

std::int64_t Day(int year, unsigned month, unsigned day = 1) { return kUtc.Midnight(year, month, day); }

AssociationRow Account(std::uint32_t id, std::string name, std::string parent) {
  AssociationRow row;
  row.id = id;
  row.account = std::move(name);
  row.parent_account = std::move(parent);
  return row;
}

AssociationRow User(std::uint32_t id, std::string account, std::string user) {
  AssociationRow row;
  row.id = id;
  row.account = std::move(account);
  row.user = std::move(user);
  return row;
}

class PriceBookTariffTest : public testing::Test {
 protected:
  PriceBookTariffTest() {
    tree_.Add(slurmdb::kTresCpu, "cpu", "");
    book_->rates.push_back({{}, {{"cpu", 1'000'000'000, Combine::kSum}}});
    rows_ = {Account(1, "root", ""),    Account(2, "physics", ""), Account(3, "optics", "physics"),
             User(10, "optics", "ada"), User(11, "OPTICS", "bob"), User(12, "gone", "eve")};
  }

  std::shared_ptr<slurmdb::JobCharges> Charges(std::int64_t epoch = Day(2025, 1)) {
    associations_ = AssociationTree(rows_);
    return PriceBookTariff(book_, FiscalCalendar(kUtc, book_->first_month))
        .ChargesOf({"Alpha", &associations_, &accounts_, &qos_, &tree_}, epoch);
  }

  std::shared_ptr<PriceBook> book_ = std::make_shared<PriceBook>();
  std::vector<AssociationRow> rows_;
  AssociationTree associations_;
  std::vector<slurmdb::AccountRow> accounts_;
  std::map<std::uint32_t, std::string> qos_ = {{1, "Normal"}};
  slurmdb::TresCatalog tree_;
};

TEST_F(PriceBookTariffTest, TheEpochIsTheYearsOrTheLastMonths) {
  const PriceBookTariff tariff(book_, FiscalCalendar(kUtc, 1));
  EXPECT_EQ(tariff.EpochAt(Day(2025, 1, 9)), Day(2024, 12));
  EXPECT_EQ(tariff.EpochAt(Day(2025, 2)), Day(2025, 1));
  EXPECT_EQ(tariff.EpochAt(Day(2025, 12, 31)), Day(2025, 1));
  const PriceBookTariff fiscal(book_, FiscalCalendar(kUtc, 4));
  EXPECT_EQ(fiscal.EpochAt(Day(2025, 3, 9)), Day(2024, 4));
  EXPECT_EQ(fiscal.EpochAt(Day(2025, 4, 9)), Day(2025, 3));
}

TEST_F(PriceBookTariffTest, UsersAreChargedAsTheirAccount) {
  const auto charges = Charges();
  EXPECT_EQ(charges->PayerOf(10), 3U);
  EXPECT_EQ(charges->PayerOf(11), 3U);
  EXPECT_EQ(charges->PayerOf(3), 3U);
  EXPECT_EQ(charges->PayerOf(12), 12U);  // its account's row is gone
  EXPECT_EQ(charges->PayerOf(99), std::nullopt);
}

TEST_F(PriceBookTariffTest, SlotsAreMonthsAndDepartments) {
  book_->departments = Departments::ByList(
      {{"physics", "Old", {0, Day(2025, 1, 20)}}, {"physics", "New", {Day(2025, 1, 20)}}});
  const slurmdb::TresCounts tres = {{slurmdb::kTresCpu, 1}};
  slurmdb::ChargedJob job;
  job.state = slurmdb::JobState::kCompleted;
  job.over = true;
  job.start = Day(2024, 12, 31);
  job.end = Day(2025, 2, 2);
  job.tres_alloc = &tres;
  std::map<std::int64_t, slurmdb::Uint128> billed;
  Charges()->Charge({3, 1, 0, "", "main", 0, 0}, job,
                    [&](std::int64_t slot, std::uint32_t id, slurmdb::Uint128 amount) {
                      if (id == kSumBilled) billed[slot] += amount;
                    });
  const std::map<std::int64_t, slurmdb::Uint128> expected = {
      {Day(2025, 1), 19 * 2400}, {Day(2025, 1, 20), 12 * 2400}, {Day(2025, 2), 2400}};
  EXPECT_EQ(billed, expected);
}

// What makes a ledger count anew, and what does not.
TEST_F(PriceBookTariffTest, TheSignatureTellsWhatMatters) {
  const JobGroup optics{3, 1, 0, "", "main", 0, 0};
  const JobGroup unknown{20, 1, 0, "optics", "main", 0, 0};
  const auto signature = [&](const JobGroup& group) { return Charges()->SignatureOf(group); };
  const std::string before = signature(optics);
  const std::string before_known = signature(unknown);
  rows_.push_back(User(20, "optics", "zoe"));
  EXPECT_EQ(signature(optics), before);
  EXPECT_NE(signature(unknown), before_known);
  rows_[2].parent_account = "chemistry";  // no price depends on it
  rows_.push_back(Account(4, "chemistry", ""));
  EXPECT_EQ(signature(optics), before);
  book_->discounts.push_back({{{}, {}, {}, {"chemistry"}, {}, {}}, 1000});
  const std::string discounted = signature(optics);
  EXPECT_NE(discounted, before);
  rows_[2].parent_account = "physics";
  EXPECT_NE(signature(optics), discounted);
  book_->discounts[0].match.accounts.clear();
  book_->discounts[0].match.qos = {"normal"};
  EXPECT_EQ(signature(optics), discounted);
  qos_[1] = "other";
  EXPECT_NE(signature(optics), discounted);
}

}  // namespace
}  // namespace pricing
