#include "collectors/pricing/money.h"

#include <gtest/gtest.h>

namespace pricing {
namespace {

TEST(MoneyTest, DecimalsAreReadExactly) {
  EXPECT_EQ(ParseDecimal("0", 9), 0U);
  EXPECT_EQ(ParseDecimal("0.015", 9), 15'000'000U);
  EXPECT_EQ(ParseDecimal("12", 2), 1200U);
  EXPECT_EQ(ParseDecimal("12.3", 2), 1230U);
  EXPECT_EQ(ParseDecimal("12.34", 2), 1234U);
  EXPECT_EQ(ParseDecimal("0.000000001", 9), 1U);
  EXPECT_EQ(ParseDecimal("1000000000", 9), 1'000'000'000'000'000'000U);
}

TEST(MoneyTest, WhatIsNoPlainDecimalIsRefused) {
  for (const char* text : {"", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1,5", " 1", "1 ", "1.2.3", "nan",
                           "inf", "12.345", "1000000001", "99999999999999999999999"}) {
    EXPECT_FALSE(ParseDecimal(text, text == std::string("12.345") ? 2 : 9)) << text;
  }
}

TEST(MoneyTest, HalvesGoToTheEvenNeighbour) {
  EXPECT_EQ(RoundHalfEven(Exact(1), Exact(2)), 0);
  EXPECT_EQ(RoundHalfEven(Exact(3), Exact(2)), 2);
  EXPECT_EQ(RoundHalfEven(Exact(5), Exact(2)), 2);
  EXPECT_EQ(RoundHalfEven(Exact(4), Exact(3)), 1);
  EXPECT_EQ(RoundHalfEven(Exact(5), Exact(3)), 2);
  // The same with numbers that only the wide arithmetic holds.
  const Exact wide = Exact(1) << 200;
  EXPECT_EQ(RoundHalfEven(wide, wide * 2), 0);
  EXPECT_EQ(RoundHalfEven(wide * 3, wide * 2), 2);
  EXPECT_EQ(RoundHalfEven(wide * 5, wide * 2), 2);
  EXPECT_EQ(RoundHalfEven(wide * 5 + 1, wide * 2), 3);
}

TEST(MoneyTest, WhatCannotBeRealIsCapped) {
  EXPECT_EQ(RoundHalfEven(Exact(1) << 250, Exact(1)), kMostMoney);
  EXPECT_EQ(RoundHalfEven(Exact(1) << 120, Exact(1)), kMostMoney);
}

TEST(MoneyTest, AmountsAreWrittenWithAllTheirDigits) {
  EXPECT_EQ(FormatMoney(0, 2), "0.00");
  EXPECT_EQ(FormatMoney(5, 2), "0.05");
  EXPECT_EQ(FormatMoney(-1205, 2), "-12.05");
  EXPECT_EQ(FormatMoney(3, 0), "3");
  EXPECT_EQ(FormatMoney(-30, 0), "-30");
  EXPECT_EQ(FormatMoney(0, 0), "0");
  EXPECT_EQ(FormatMoney(kMostMoney, 6), "1000000000000000000000000.000000");
  EXPECT_EQ(MoneyAsDouble(123'456'789'012'345, 2), 1234567890123.45);
}

}  // namespace
}  // namespace pricing
