#include "exporter/settings/price_book_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/settings/config_error.h"
#include "temp_folder.h"

namespace exporter {
namespace {

using pricing::Combine;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const slurmdb::Calendar kParis("Europe/Paris");

constexpr const char* kBook = R"(version: "2025-2"
currency: EUR
digits: 3
year-begins: 4
free-of-charge: [node, billing]
departments:
  by: file
  file: departments.csv
rates:
  - {partition: [gpu, GPU2], from: 2025-07-01, sum: {gres/gpu:a100: 1.2, energy: 0.31}, max: {cpu: 0.02, mem: 0.004}}
  - cluster: Alpha
    qos: High
    account: Physics
    department: Faculty of Science
    min: {cpu: 0.01}
  - sum: {cpu: 0.000000001}
outcomes:
  - {state: [node_fail, requeued], charged-percent: 0}
  - {shorter-than: 1m30s, qos: low, charged-percent: 12.5}
discounts:
  - {account: physics, percent: 20, to: 2026-01-01}
subsidies:
  - {department: "", percent: 0.01}
free-quotas:
  - {account: Physics, period: month, amount: 100.5}
budgets:
  - {cluster: alpha, department: Faculty of Science, period: year, amount: 50000, from: 2025-04-01}
)";
constexpr const char* kDepartments =
    "account,department,from,to\r\n"
    "physics,Faculty of Science,,2025-07-01\r\n"
    "\r\n"
    "physics,\"Physics, \"\"applied\"\"\",2025-07-01,\r\n";

class PriceBookFileTest : public testing::Test {
 protected:
  pricing::PriceBook Read(const std::string& text, const std::string& departments = kDepartments) const {
    folder_.Write("departments.csv", departments);
    return ReadPriceBook(folder_.Write("prices.yml", text), kParis);
  }
  // What is wrong, without the folder.
  std::string ErrorOf(const std::string& text, const std::string& departments = kDepartments) const {
    try {
      Read(text, departments);
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      return what.starts_with(folder_.path().string()) ? what.substr(folder_.path().string().size() + 1)
                                                       : what;
    }
    return "no error";
  }
  // Of a book that has only what it needs, and this.
  std::string With(const std::string& more) const {
    return ErrorOf("version: 1\ncurrency: EUR\nrates: [{sum: {cpu: 1}}]\n" + more);
  }
  std::string WithRates(const std::string& rates) const {
    return ErrorOf("version: 1\ncurrency: EUR\nrates: " + rates + "\n");
  }

  TempFolder folder_;
};

TEST_F(PriceBookFileTest, ReadsAllOfIt) {
  const pricing::PriceBook book = Read(kBook);
  EXPECT_EQ(book.version, "2025-2");
  EXPECT_EQ(book.currency, "EUR");
  EXPECT_EQ(book.digits, 3);
  EXPECT_EQ(book.first_month, 4U);
  EXPECT_THAT(book.free_tres, ElementsAre("node", "billing"));
  ASSERT_EQ(book.rates.size(), 3U);
  const pricing::Rate& first = book.rates[0];
  EXPECT_THAT(first.match.partitions, ElementsAre("gpu", "GPU2"));
  EXPECT_EQ(first.match.span.from, kParis.Midnight(2025, 7, 1));
  EXPECT_EQ(first.match.span.to, pricing::Span::kEver);
  ASSERT_EQ(first.prices.size(), 4U);
  EXPECT_EQ(first.prices[0].tres, "gres/gpu:a100");
  EXPECT_EQ(first.prices[0].billionths, 1'200'000'000U);
  EXPECT_EQ(first.prices[1].billionths, 310'000'000U);
  EXPECT_EQ(first.prices[2].combine, Combine::kMax);
  const pricing::Match& second = book.rates[1].match;
  EXPECT_THAT(second.clusters, ElementsAre("alpha"));
  EXPECT_THAT(second.qos, ElementsAre("high"));
  EXPECT_THAT(second.accounts, ElementsAre("physics"));
  EXPECT_THAT(second.departments, ElementsAre("Faculty of Science"));
  EXPECT_EQ(book.rates[1].prices[0].combine, Combine::kMin);
  EXPECT_EQ(book.rates[2].prices[0].billionths, 1U);
  EXPECT_THAT(book.outcomes[0].states,
              ElementsAre(slurmdb::JobState::kNodeFail, slurmdb::JobState::kRequeued));
  EXPECT_EQ(book.outcomes[0].share, 0U);
  EXPECT_EQ(book.outcomes[1].shorter_than, 90);
  EXPECT_EQ(book.outcomes[1].share, 1250U);
  EXPECT_EQ(book.discounts[0].share, 2000U);
  EXPECT_EQ(book.discounts[0].match.span.to, kParis.Midnight(2026, 1, 1));
  EXPECT_THAT(book.subsidies[0].match.departments, ElementsAre(""));
  EXPECT_EQ(book.subsidies[0].share, 1U);
  EXPECT_EQ(book.free_quotas[0].account, "physics");
  EXPECT_EQ(book.free_quotas[0].amount, 100'500);
  EXPECT_EQ(book.budgets[0].cluster, "alpha");
  EXPECT_EQ(book.budgets[0].department, "Faculty of Science");
  EXPECT_EQ(book.budgets[0].period, pricing::CostPeriod::kYear);
  EXPECT_EQ(book.budgets[0].amount, 50'000'000);
  const auto departments = book.departments.Of({"physics"}, {});
  EXPECT_EQ(pricing::DepartmentAt(departments, kParis.Midnight(2025, 7, 1) - 1), "Faculty of Science");
  EXPECT_EQ(pricing::DepartmentAt(departments, kParis.Midnight(2025, 7, 1)), "Physics, \"applied\"");
}

TEST_F(PriceBookFileTest, ItsHashIsOfAllThatWasRead) {
  const std::string hash = Read(kBook).sha256;
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(Read(kBook).sha256, hash);
  EXPECT_NE(Read(std::string(kBook) + "#").sha256, hash);
  EXPECT_NE(Read(kBook, std::string(kDepartments) + "law,Law,,\n").sha256, hash);
}

TEST_F(PriceBookFileTest, WhatIsNotKnownIsAnErrorWithItsPlace) {
  EXPECT_EQ(With("discount: []"), "prices.yml:4:1: unknown key \"discount\", did you mean discounts?");
  EXPECT_EQ(With("version: 2"), "prices.yml:4:1: version is given twice");
  EXPECT_EQ(WithRates("[{sum: {cpu: 1}, partion: x}]"),
            "prices.yml:3:25: unknown key \"partion\", did you mean partition?");
  EXPECT_THAT(ErrorOf("currency: EUR\nrates: []\n"), EndsWith("version is missing"));
  EXPECT_THAT(ErrorOf(""), EndsWith("there is nothing in it"));
  EXPECT_THAT(ErrorOf("- 1\n"), EndsWith("the price book must be a map, not a list"));
  EXPECT_THAT(ErrorOf("version: 1\ncurrency: E U R\nrates: [{sum: {cpu: 1}}]"),
              StartsWith("prices.yml:2:11: currency"));
}

TEST_F(PriceBookFileTest, PricesAreDecimalsOfThingsThatThereAre) {
  EXPECT_THAT(WithRates("[]"), EndsWith("rates must have at least one"));
  EXPECT_THAT(WithRates("[{partition: x}]"), EndsWith("a rate needs prices: sum, max or min"));
  EXPECT_THAT(WithRates("[{sum: {cpu: -1}}]"), HasSubstr("\"-1\" is not a number such as 0.05"));
  EXPECT_THAT(WithRates("[{sum: {cpu: 1e3}}]"), HasSubstr("is not a number"));
  EXPECT_THAT(WithRates("[{sum: {cpu: 0.0000000001}}]"), HasSubstr("at most 9 places"));
  EXPECT_THAT(WithRates("[{sum: {energy: 0.0000001}}]"), HasSubstr("at most 6 places"));
  EXPECT_THAT(WithRates("[{sum: {cpu: 1000000.1}}]"), EndsWith("a price can be a million at most"));
  EXPECT_EQ(WithRates("[{sum: {cpu: 1000000}}]"), "no error");
  EXPECT_THAT(WithRates("[{sum: {cpus: 1}}]"), HasSubstr("did you mean cpu?"));
  EXPECT_THAT(WithRates("[{sum: {gres/: 1}}]"), HasSubstr("is not a TRES"));
  EXPECT_THAT(WithRates("[{sum: {cpu: 1}, max: {cpu: 1}}]"), EndsWith("cpu has two prices"));
  EXPECT_THAT(WithRates("[{max: {energy: 1}}]"), HasSubstr("energy can only be in sum"));
}

TEST_F(PriceBookFileTest, ARuleThatNeverHoldsIsAnError) {
  EXPECT_EQ(WithRates("[{sum: {cpu: 1}}, {partition: gpu, sum: {cpu: 2}}]"),
            "prices.yml:3:26: this never holds: the one at line 3 comes first, and is for all that this one "
            "is for");
  EXPECT_EQ(WithRates("[{partition: gpu, sum: {cpu: 2}}, {sum: {cpu: 1}}]"), "no error");
  EXPECT_EQ(WithRates("[{to: 2025-01-01, sum: {cpu: 2}}, {sum: {cpu: 1}}]"), "no error");
  EXPECT_EQ(With("outcomes: [{state: failed, charged-percent: 0}, {shorter-than: 1m, charged-percent: 0}]"),
            "no error");
  EXPECT_THAT(
      With("outcomes: [{shorter-than: 2m, charged-percent: 0}, {shorter-than: 1m, charged-percent: 9}]"),
      HasSubstr("this never holds"));
}

TEST_F(PriceBookFileTest, OutcomesPercentsAndPeriodsAreChecked) {
  EXPECT_THAT(With("outcomes: [{charged-percent: 0}]"), EndsWith("an outcome needs state or shorter-than"));
  EXPECT_THAT(With("outcomes: [{state: fail, charged-percent: 0}]"), HasSubstr("\"fail\" is not a state"));
  EXPECT_THAT(With("outcomes: [{state: running, charged-percent: 0}]"), HasSubstr("is not a state"));
  EXPECT_THAT(With("outcomes: [{shorter-than: soon, charged-percent: 0}]"), HasSubstr("soon"));
  EXPECT_THAT(With("discounts: [{percent: 100.01}]"), EndsWith("is more than 100 percent"));
  EXPECT_THAT(With("discounts: [{percent: 1.001}]"), HasSubstr("at most 2 places"));
  EXPECT_THAT(With("digits: 7"), EndsWith("\"7\" is not a whole number from 0 to 6"));
  EXPECT_THAT(With("year-begins: 13"), HasSubstr("from 1 to 12"));
  EXPECT_THAT(With("budgets: [{account: a, period: week, amount: 1}]"), HasSubstr("month, quarter, year"));
  EXPECT_THAT(With("budgets: [{account: a, department: b, period: year, amount: 1}]"),
              EndsWith("this needs either an account or a department"));
  EXPECT_THAT(With("budgets: [{account: a, period: year, amount: 1}, {account: A, period: year, amount: 2}]"),
              EndsWith("there are two of these at a time"));
  EXPECT_EQ(With("budgets: [{account: a, period: year, amount: 1, to: 2025-01-01},"
                 " {account: A, period: year, amount: 2, from: 2025-01-01}]"),
            "no error");
  EXPECT_THAT(With("budgets: [{account: a, period: year, amount: 1.001}]"), HasSubstr("at most 2 places"));
  EXPECT_THAT(With("discounts: [{percent: 1, from: 2025-02-01, to: 2025-01-01}]"),
              EndsWith("to must be later than from"));
  EXPECT_THAT(With("discounts: [{percent: 1, from: month}]"), HasSubstr("is not a day such as"));
}

TEST_F(PriceBookFileTest, ListsOfDepartmentsAreChecked) {
  const std::string by = "departments: {by: file, file: departments.csv}";
  const auto error = [&](const std::string& list) {
    return ErrorOf("version: 1\ncurrency: EUR\nrates: [{sum: {cpu: 1}}]\n" + by, list);
  };
  EXPECT_EQ(error("account,department\nphysics,A\n"), "no error");
  EXPECT_EQ(error("\xef\xbb\xbf"
                  "account,department\nphysics,A"),
            "no error");
  EXPECT_THAT(error("account;department\n"), StartsWith("departments.csv:1:1: the first line must be"));
  EXPECT_THAT(error("account,department\nphysics\n"),
              EndsWith("departments.csv:2:1: there are 1 fields, not 2"));
  EXPECT_THAT(error("account,department\n,A\n"), EndsWith("the account is missing"));
  EXPECT_THAT(error("account,department,from\nphysics,A,soon\n"),
              HasSubstr("departments.csv:2:1: \"soon\" is not a day"));
  EXPECT_THAT(error("account,department\nphysics,A\nPhysics,B\n"), HasSubstr("in two departments at a time"));
  EXPECT_THAT(With("departments: {by: file, file: none.csv}"), HasSubstr("cannot read"));
  EXPECT_THAT(With("departments: {by: tree}"), HasSubstr("is not one of organization, accounts, file"));
  EXPECT_THAT(With("departments: {by: organization, file: x}"), EndsWith("file is only for by: file"));
  EXPECT_EQ(With("departments: {by: accounts, accounts: [science]}"), "no error");
}

}  // namespace
}  // namespace exporter
