#include "exporter/exposition/number.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace exporter {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Number(double value) {
  std::string out;
  AppendNumber(value, &out);
  return out;
}

std::string Bound(double value) {
  std::string out;
  AppendBound(value, &out);
  return out;
}

TEST(NumberTest, SpellsValues) {
  struct Case {
    double value;
    std::string_view text;
  };
  for (const Case& c : {
           Case{0, "0"},
           Case{-0.0, "0"},
           Case{1, "1"},
           Case{-1, "-1"},
           Case{100000, "100000"},
           Case{1700000000, "1700000000"},
           Case{1e15, "1000000000000000"},
           Case{9007199254740991, "9007199254740991"},  // 2^53 - 1
           Case{-9007199254740991, "-9007199254740991"},
           Case{9007199254740992, "9007199254740992"},  // 2^53
           Case{9007199254740994, "9007199254740994"},
           Case{1e300, "1e+300"},
           Case{0.1, "0.1"},
           Case{-0.1, "-0.1"},
           Case{0.1 + 0.2, "0.30000000000000004"},
           Case{1.5, "1.5"},
           Case{5e-324, "5e-324"},
           Case{1.7976931348623157e308, "1.7976931348623157e+308"},
           Case{kNan, "NaN"},
           Case{-kNan, "NaN"},
           Case{kInfinity, "+Inf"},
           Case{-kInfinity, "-Inf"},
       }) {
    EXPECT_EQ(Number(c.value), c.text);
  }
}

TEST(NumberTest, ReadsBackAsTheSameDouble) {
  double value = 1e-320;
  for (int i = 0; i < 1270; ++i, value *= 3.1) {
    EXPECT_EQ(std::strtod(Number(value).c_str(), nullptr), value);
    EXPECT_EQ(std::strtod(Bound(value).c_str(), nullptr), value);
  }
}

TEST(NumberTest, SpellsCountsBeyondDoubles) {
  std::string out;
  AppendNumber(std::numeric_limits<std::uint64_t>::max(), &out);
  EXPECT_EQ(out, "18446744073709551615");
}

// The spellings that Prometheus 3 itself uses for `le` (Go's 'g' format, then ".0" where neither point nor
// exponent).
TEST(NumberTest, SpellsBoundsCanonically) {
  struct Case {
    double value;
    std::string_view text;
  };
  for (const Case& c : {
           Case{0, "0.0"},
           Case{-0.0, "0.0"},
           Case{1, "1.0"},
           Case{-1, "-1.0"},
           Case{0.5, "0.5"},
           Case{2.5, "2.5"},
           Case{0.001, "0.001"},
           Case{0.0001, "0.0001"},
           Case{0.00001, "1e-05"},
           Case{86400, "86400.0"},
           Case{604800, "604800.0"},
           Case{999999.5, "999999.5"},
           Case{1000000, "1e+06"},
           Case{2592000, "2.592e+06"},
           Case{17179869184, "1.7179869184e+10"},
           Case{kInfinity, "+Inf"},
       }) {
    EXPECT_EQ(Bound(c.value), c.text);
  }
}

}  // namespace
}  // namespace exporter
