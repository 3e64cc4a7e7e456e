#include "collectors/pricing/price_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace pricing {
namespace {

using slurmdb::JobState;
using slurmdb::kTresCpu;
using slurmdb::kTresEnergy;
using slurmdb::kTresMem;
using slurmdb::TresCounts;
using testing::ElementsAre;
using testing::Pair;

constexpr std::uint32_t kGpu = 1001;
constexpr std::uint32_t kA100 = 1002;
constexpr std::uint32_t kMatlab = 1003;
constexpr std::int64_t kHour = 3600;

slurmdb::TresCatalog Catalog() {
  slurmdb::TresCatalog catalog;
  catalog.Add(kTresCpu, "cpu", "");
  catalog.Add(kTresMem, "mem", "");
  catalog.Add(kTresEnergy, "energy", "");
  catalog.Add(kGpu, "gres", "gpu");
  catalog.Add(kA100, "gres", "gpu:a100");
  catalog.Add(kMatlab, "license", "matlab");
  return catalog;
}

Price At(std::string tres, const char* price, Combine combine = Combine::kSum) {
  return {std::move(tres), ParseDecimal(price, kPricePlaces).value(), combine};
}

Payer Physics() { return {"alpha", "main", "normal", {"physics", "science", "root"}, {{0, "Science"}}}; }

PriceBook Book(std::vector<Price> prices) {
  PriceBook book;
  book.rates.push_back({{}, std::move(prices)});
  return book;
}

struct Priced {
  std::vector<Charge> charges;  // by slot
  Charge total;
};

Priced Spread(const PriceBook& book, const PricedRow& row, const std::vector<std::int64_t>& borders,
              const Payer& payer = Physics()) {
  const slurmdb::TresCatalog catalog = Catalog();
  const PriceTable table(book, catalog);
  Priced priced;
  priced.charges.resize(borders.size() - 1);
  table.Spread(table.PlanFor(payer), row, borders, [&](std::size_t slot, const Charge& charge) {
    priced.charges[slot] = charge;
    priced.total.list += charge.list;
    priced.total.billed += charge.billed;
    priced.total.subsidy += charge.subsidy;
  });
  return priced;
}

// Of a row of an hour, or so.
Charge Whole(const PriceBook& book, const TresCounts& tres, std::int64_t seconds = kHour,
             JobState state = JobState::kCompleted, const Payer& payer = Physics()) {
  PricedRow row;
  row.state = state;
  row.start = 1000;
  row.end = 1000 + seconds;
  row.tres = &tres;
  return Spread(book, row, {0, 1'000'000'000}, payer).charges[0];
}

TEST(PriceBookTest, PricesAreOfAnHour) {
  EXPECT_EQ(Whole(Book({At("cpu", "0.05")}), {{kTresCpu, 4}}).list, 20);
  EXPECT_EQ(Whole(Book({At("cpu", "0.05")}), {{kTresCpu, 4}}, kHour / 2).list, 10);
  EXPECT_EQ(Whole(Book({At("mem", "0.5")}), {{kTresMem, 2048}}).list, 100);            // GiB
  EXPECT_EQ(Whole(Book({At("energy", "0.3")}), {{kTresEnergy, 7'200'000}}).list, 60);  // kWh
  EXPECT_EQ(Whole(Book({At("license/matlab", "1"), At("cpu", "1")}), {{kTresCpu, 2}, {kMatlab, 3}}).list,
            500);
}

TEST(PriceBookTest, RoundingIsOnceAndHalfToEven) {
  // A hundredth of a cent a second.
  const PriceBook book = Book({At("cpu", "0.36")});
  EXPECT_EQ(Whole(book, {{kTresCpu, 1}}, 50).list, 0);
  EXPECT_EQ(Whole(book, {{kTresCpu, 1}}, 51).list, 1);
  EXPECT_EQ(Whole(book, {{kTresCpu, 1}}, 150).list, 2);
  EXPECT_EQ(Whole(book, {{kTresCpu, 1}}, 250).list, 2);
  PriceBook fine = book;
  fine.digits = 4;
  EXPECT_EQ(Whole(fine, {{kTresCpu, 1}}, 51).list, 51);
}

TEST(PriceBookTest, OfSeveralTheLargestOrTheSmallestOfThoseThatAreHeld) {
  const PriceBook most =
      Book({At("cpu", "1", Combine::kMax), At("mem", "0.25", Combine::kMax), At("gres/gpu", "3")});
  EXPECT_EQ(Whole(most, {{kTresCpu, 4}, {kTresMem, 8192}, {kGpu, 1}}).list, 400 + 300);
  EXPECT_EQ(Whole(most, {{kTresCpu, 1}, {kTresMem, 8192}}).list, 200);
  const PriceBook least = Book({At("cpu", "1", Combine::kMin), At("mem", "0.25", Combine::kMin)});
  EXPECT_EQ(Whole(least, {{kTresCpu, 4}, {kTresMem, 8192}}).list, 200);
  EXPECT_EQ(Whole(least, {{kTresCpu, 4}}).list, 400);
}

TEST(PriceBookTest, AKindsPriceIsForWhatHasNoneOfItsOwn) {
  const PriceBook both = Book({At("gres/gpu", "1"), At("gres/gpu:a100", "5")});
  EXPECT_EQ(Whole(both, {{kGpu, 3}, {kA100, 2}}).list, 1100);
  EXPECT_EQ(Whole(Book({At("gres/gpu", "1")}), {{kGpu, 3}, {kA100, 2}}).list, 300);
  const Charge typed = Whole(Book({At("gres/gpu:a100", "5")}), {{kGpu, 3}, {kA100, 2}});
  EXPECT_EQ(typed.list, 1000);
  EXPECT_THAT(typed.unpriced, ElementsAre(Pair(kGpu, kHour)));
}

TEST(PriceBookTest, WhatHasNoPriceIsTold) {
  PriceBook book = Book({At("cpu", "1"), At("gres/gpu", "0")});
  const TresCounts held = {{kTresCpu, 1}, {kTresMem, 10}, {kGpu, 1}, {kA100, 1}, {kTresEnergy, 77}};
  EXPECT_THAT(Whole(book, held).unpriced, ElementsAre(Pair(kTresMem, 10 * kHour), Pair(kTresEnergy, 77)));
  book.free_tres = {"mem", "energy"};
  EXPECT_THAT(Whole(book, held).unpriced, ElementsAre());
  book.rates[0].match.clusters = {"beta"};
  const Charge none = Whole(book, held);
  EXPECT_EQ(none.list, 0);
  EXPECT_THAT(none.unpriced, ElementsAre(Pair(kTresCpu, kHour), Pair(kGpu, kHour), Pair(kA100, kHour)));
}

TEST(PriceBookTest, TheFirstRateThatMatchesHolds) {
  PriceBook book;
  const auto add = [&](Match match, const char* price) {
    book.rates.push_back({std::move(match), {At("cpu", price)}});
  };
  add({{"beta"}, {}, {}, {}, {}, {}}, "1");
  add({{}, {"gpu"}, {}, {}, {}, {}}, "2");
  add({{}, {}, {"high"}, {}, {}, {}}, "3");
  add({{}, {}, {}, {"science"}, {}, {}}, "4");
  add({{}, {}, {}, {}, {"Law", "Art"}, {}}, "5");
  add({}, "6");
  const auto price = [&](const Payer& payer) {
    return Whole(book, {{kTresCpu, 1}}, kHour, JobState::kCompleted, payer).list / 100;
  };
  Payer payer = Physics();
  EXPECT_EQ(price(payer), 4);
  payer.accounts = {"physics", "root"};
  EXPECT_EQ(price(payer), 6);
  payer.departments = {{0, "Art"}};
  EXPECT_EQ(price(payer), 5);
  payer.qos = "high";
  EXPECT_EQ(price(payer), 3);
  payer.partition = "gpu";
  EXPECT_EQ(price(payer), 2);
  payer.cluster = "beta";
  EXPECT_EQ(price(payer), 1);
}

TEST(PriceBookTest, EachSecondHasThePriceOfItsTime) {
  PriceBook book;
  book.rates.push_back({{{}, {}, {}, {}, {}, {1000, 4600}}, {At("cpu", "1")}});
  book.rates.push_back({{{}, {}, {}, {}, {}, {4600}}, {At("cpu", "2")}});
  const TresCounts tres = {{kTresCpu, 1}};
  PricedRow row;
  row.start = 0;  // before 1000 there is no price
  row.end = 8200;
  row.tres = &tres;
  const Priced priced = Spread(book, row, {0, 1000, 4600, 8200});
  EXPECT_EQ(priced.charges[0].list, 0);
  EXPECT_THAT(priced.charges[0].unpriced, ElementsAre(Pair(kTresCpu, 1000)));
  EXPECT_EQ(priced.charges[1].list, 100);
  EXPECT_EQ(priced.charges[2].list, 200);
}

TEST(PriceBookTest, ListIsBilledAndSubsidyAndDiscounts) {
  PriceBook book = Book({At("cpu", "1")});
  book.discounts = {{{{}, {}, {}, {"physics"}, {}, {}}, 2000}, {{}, 5000}};
  book.subsidies = {{{{}, {}, {}, {}, {"Science"}, {}}, 2500}};
  const Charge charge = Whole(book, {{kTresCpu, 10}});
  EXPECT_EQ(charge.list, 1000);
  EXPECT_EQ(charge.billed, 600);
  EXPECT_EQ(charge.subsidy, 200);
  Payer law = Physics();
  law.accounts = {"law"};
  law.departments = {{0, "Law"}};
  const Charge other = Whole(book, {{kTresCpu, 10}}, kHour, JobState::kCompleted, law);
  EXPECT_EQ(other.billed, 500);
  EXPECT_EQ(other.subsidy, 0);
}

TEST(PriceBookTest, OutcomesTakeAShare) {
  PriceBook book = Book({At("cpu", "1")});
  book.outcomes.push_back({{}, {JobState::kNodeFail, JobState::kRequeued}, std::nullopt, 0});
  book.outcomes.push_back({{}, {}, 60, 1000});
  book.outcomes.push_back({{{}, {}, {"low"}, {}, {}, {}}, {JobState::kPreempted}, std::nullopt, 5000});
  const TresCounts tres = {{kTresCpu, 100}};
  EXPECT_EQ(Whole(book, tres).billed, 10'000);
  EXPECT_EQ(Whole(book, tres, kHour, JobState::kNodeFail).billed, 0);
  EXPECT_EQ(Whole(book, tres, kHour, JobState::kNodeFail).list, 10'000);
  EXPECT_EQ(Whole(book, tres, 36, JobState::kRequeued).billed, 0);
  EXPECT_EQ(Whole(book, tres, 36).billed, 10);
  EXPECT_EQ(Whole(book, tres, 60).billed, 167);
  EXPECT_EQ(Whole(book, tres, kHour, JobState::kPreempted).billed, 10'000);
  Payer low = Physics();
  low.qos = "low";
  EXPECT_EQ(Whole(book, tres, kHour, JobState::kPreempted, low).billed, 5000);
}

TEST(PriceBookTest, WhatStillRunsIsTakenForWhatCompletes) {
  PriceBook book = Book({At("cpu", "1"), At("energy", "1")});
  book.outcomes.push_back({{}, {JobState::kRunning}, std::nullopt, 0});
  const TresCounts tres = {{kTresCpu, 1}, {kTresEnergy, 3'600'000}};
  PricedRow row;
  row.state = JobState::kRunning;
  row.over = false;
  row.end = kHour;
  row.tres = &tres;
  EXPECT_EQ(Spread(book, row, {0, 10'000}).total.billed, 100);  // its energy is not known yet
  row.over = true;
  row.state = JobState::kCompleted;
  EXPECT_EQ(Spread(book, row, {0, 10'000}).total.billed, 200);
}

TEST(PriceBookTest, SuspendedTimeIsFree) {
  const PriceBook book = Book({At("cpu", "1")});
  const TresCounts tres = {{kTresCpu, 1}};
  PricedRow row;
  row.end = 3 * kHour;
  row.pauses = {{kHour / 2, kHour}, {2 * kHour, 3 * kHour}};
  row.tres = &tres;
  const Priced priced = Spread(book, row, {0, kHour, 2 * kHour, 3 * kHour});
  EXPECT_EQ(priced.charges[0].list, 50);
  EXPECT_EQ(priced.charges[1].list, 100);
  EXPECT_EQ(priced.charges[2].list, 0);
}

TEST(PriceBookTest, ARowThatEndsAtABorderBelongsBeforeIt) {
  const PriceBook book = Book({At("energy", "1")});
  const TresCounts tres = {{kTresEnergy, 3'600'000}};
  PricedRow row;
  row.start = 500;
  row.end = 1000;
  row.tres = &tres;
  EXPECT_EQ(Spread(book, row, {0, 1000, 2000}).charges[0].list, 100);
  EXPECT_EQ(Spread(book, row, {1000, 2000}).total.list, 0);
  row.start = 1000;  // no time at all
  EXPECT_EQ(Spread(book, row, {0, 1000, 2000}).charges[0].list, 100);
}

TEST(PriceBookTest, CountsThatCannotBeRealDoNoHarm) {
  const std::uint64_t huge = std::uint64_t{1} << 62;
  EXPECT_EQ(Whole(Book({At("cpu", "1000000")}), {{kTresCpu, huge}}, 1'000'000'000).billed, kMostMoney);
}

// However a row is cut, its parts add up to it, for all amounts.
TEST(PriceBookTest, PartsAddUpToTheWhole) {
  std::mt19937_64 random(7);
  const auto draw = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  PriceBook book;
  book.rates.push_back({{{}, {}, {}, {}, {}, {0, 50'000}}, {At("cpu", "0.0137"), At("mem", "0.000333333")}});
  book.rates.push_back({{}, {At("cpu", "0.0211", Combine::kMax), At("mem", "0.01", Combine::kMax)}});
  book.discounts = {{{{}, {}, {}, {}, {}, {20'000, 70'000}}, 3333}};
  book.subsidies = {{{}, 1111}};
  for (int round = 0; round < 300; ++round) {
    const TresCounts tres = {{kTresCpu, static_cast<std::uint64_t>(draw(1, 9))},
                             {kTresMem, static_cast<std::uint64_t>(draw(1, 9000))}};
    PricedRow row;
    row.start = draw(0, 90'000);
    row.end = row.start + draw(0, 40'000);
    row.tres = &tres;
    std::vector<std::int64_t> borders = {0};
    while (borders.back() < 130'000) borders.push_back(borders.back() + draw(1, 3000));
    const Charge cut = Spread(book, row, borders).total;
    const Charge whole = Spread(book, row, {0, 200'000}).total;
    ASSERT_EQ(cut.list, whole.list);
    ASSERT_EQ(cut.billed, whole.billed);
    ASSERT_EQ(cut.subsidy, whole.subsidy);
  }
}

TEST(MatchTest, CoversWhatItsNamesAllow) {
  const Match any;
  const Match gpu{{}, {"gpu"}, {}, {}, {}, {}};
  const Match both{{}, {"gpu", "main"}, {}, {}, {}, {100, 200}};
  EXPECT_TRUE(any.Covers(gpu));
  EXPECT_FALSE(gpu.Covers(any));
  EXPECT_TRUE(any.Covers(both));
  EXPECT_FALSE(gpu.Covers(both));
  EXPECT_FALSE(both.Covers(gpu));  // not at all times
  EXPECT_TRUE(both.Covers({{}, {"main"}, {"high"}, {}, {}, {100, 150}}));
}

}  // namespace
}  // namespace pricing
