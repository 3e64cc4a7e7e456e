// Money as whole numbers, never as a double.
//
//   ParseDecimal("0.015", 9)      // 15'000'000: billionths
//   FormatMoney(-1205, 2)         // "-12.05"
//
// An amount is a whole number of the smallest unit that the price book rounds to (10^-digits of the
// currency). What is not rounded yet is an exact fraction, see RoundHalfEven.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pricing {

__extension__ using Money = __int128;

// Wide enough for any count × price × time that a row can have.
using Exact = boost::multiprecision::uint256_t;

// A row that comes to more (10^30 units: its counts are not real) comes to this much. Sums of 100 million
// such rows still fit.
inline constexpr Money kMostMoney = Money{1'000'000'000'000'000} * 1'000'000'000'000'000;

inline constexpr int kMostDigits = 6;  // places an amount may be rounded to

// 10^n.
constexpr std::uint64_t PowerOfTen(int n) {
  std::uint64_t power = 1;
  for (; n > 0; --n) power *= 10;
  return power;
}

// "12", "12.5", "0.015" as a whole number of 10^-places, up to 10^18 of them. None for a sign, an exponent,
// more places, a number too large, or anything else.
std::optional<std::uint64_t> ParseDecimal(std::string_view text, int places);

// numerator / denominator as a whole number; halves go to the even one. At most kMostMoney.
Money RoundHalfEven(const Exact& numerator, const Exact& denominator);

// With all its digits and without a currency: "-12.05", "3".
std::string FormatMoney(Money amount, int digits);

// The nearest double; exactly what is printed again as long as it has no more than 15 digits.
double MoneyAsDouble(Money amount, int digits);

}  // namespace pricing
