#include "collectors/pricing/allowances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pricing {
namespace {

using testing::ElementsAre;

const FiscalCalendar kCalendar(slurmdb::Calendar("UTC"), 1);
constexpr std::int64_t kJanuary = 1'735'689'600;  // 2025
constexpr std::int64_t kFebruary = 1'738'368'000;
constexpr std::int64_t kMarch = 1'740'787'200;
constexpr std::int64_t kApril = 1'743'465'600;

CostLine Line(std::string cluster, std::string account, std::string department, std::int64_t time,
              Money billed) {
  return {std::move(cluster), {std::move(account), "science", "root"}, std::move(department), time, billed};
}

Allowance For(std::string account, std::string department, CostPeriod period, Money amount) {
  return {"", std::move(account), std::move(department), period, amount, {}};
}

TEST(AllowancesTest, ABudgetCountsWhatIsBilledInItsPeriod) {
  const std::vector<CostLine> lines = {
      Line("alpha", "physics", "Sci", kJanuary, 1000), Line("alpha", "physics", "Sci", kFebruary, 200),
      Line("beta", "physics", "Sci", kFebruary, 30), Line("alpha", "law", "", kFebruary, 4)};
  std::vector<Allowance> budgets = {
      For("physics", "", CostPeriod::kMonth, 1), For("science", "", CostPeriod::kMonth, 1),
      For("", "Sci", CostPeriod::kQuarter, 1), For("physics", "", CostPeriod::kYear, 1),
      For("", "Law", CostPeriod::kMonth, 1)};
  budgets[3].cluster = "alpha";
  EXPECT_THAT(UsedAt(budgets, lines, kCalendar, kFebruary + 5), ElementsAre(230, 234, 1230, 1200, 0));
  budgets[0].span = {kJanuary, kFebruary};
  EXPECT_EQ(UsedAt(budgets, lines, kCalendar, kFebruary)[0], std::nullopt);
  EXPECT_EQ(UsedAt(budgets, lines, kCalendar, kJanuary)[0], 1000);
}

TEST(AllowancesTest, WhatIsFreeIsTheFirstThatIsBilledInEachPeriod) {
  const std::vector<CostLine> lines = {Line("alpha", "physics", "", kJanuary, 70),
                                       Line("alpha", "physics", "", kFebruary, 150),
                                       Line("alpha", "physics", "", kMarch, 10)};
  const std::vector<Allowance> monthly = {For("physics", "", CostPeriod::kMonth, 100)};
  const auto within = [&](const std::vector<Allowance>& quotas, std::int64_t from, std::int64_t to) {
    return CreditsWithin(quotas, lines, kCalendar, kJanuary, from, to)[0];
  };
  EXPECT_EQ(within(monthly, kJanuary, kFebruary), 70);
  EXPECT_EQ(within(monthly, kFebruary, kMarch), 100);
  EXPECT_EQ(within(monthly, kJanuary, kApril), 180);
  // Of a quarter: its months add up to it.
  const std::vector<Allowance> quarterly = {For("science", "", CostPeriod::kQuarter, 200)};
  EXPECT_EQ(within(quarterly, kJanuary, kFebruary), 70);
  EXPECT_EQ(within(quarterly, kFebruary, kMarch), 130);
  EXPECT_EQ(within(quarterly, kMarch, kApril), 0);
  EXPECT_EQ(within(quarterly, kJanuary, kApril), 200);
}

TEST(AllowancesTest, ALineDrawsOnTheFirstQuotaThatMatches) {
  const std::vector<CostLine> lines = {Line("alpha", "physics", "Sci", kJanuary, 70),
                                       Line("alpha", "maths", "Sci", kJanuary, 70)};
  const std::vector<Allowance> quotas = {For("physics", "", CostPeriod::kMonth, 50),
                                         For("", "Sci", CostPeriod::kMonth, 1000)};
  EXPECT_THAT(CreditsWithin(quotas, lines, kCalendar, kJanuary, kJanuary, kFebruary), ElementsAre(50, 70));
}

TEST(AllowancesTest, WhatLinesDoNotGoBackToIsNotKnown) {
  const std::vector<CostLine> lines = {Line("alpha", "physics", "", kMarch, 70)};
  const std::vector<Allowance> quotas = {For("physics", "", CostPeriod::kYear, 50),
                                         For("physics", "", CostPeriod::kMonth, 50)};
  const auto credits = CreditsWithin(quotas, lines, kCalendar, kMarch, kMarch, kApril);
  EXPECT_EQ(credits[0], std::nullopt);
  EXPECT_EQ(credits[1], 0);  // drawn on the first
}

}  // namespace
}  // namespace pricing
