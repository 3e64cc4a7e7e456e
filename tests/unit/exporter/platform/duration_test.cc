#include "exporter/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace exporter {
namespace {

TEST(DurationTest, ParsesWhatPrometheusWrites) {
  const struct {
    const char* text;
    std::int64_t milliseconds;
  } kCases[] = {{"0", 0},
                {"0s", 0},
                {"1ms", 1},
                {"500ms", 500},
                {"90s", 90'000},
                {"5m", 300'000},
                {"1h30m", 5'400'000},
                {"26h", 93'600'000},
                {"2d", 172'800'000},
                {"1w", 604'800'000},
                {"1y", 31'536'000'000},
                {"1y2w3d4h5m6s7ms", 31'536'000'000 + 2 * 604'800'000LL + 3 * 86'400'000LL + 14'706'007},
                {"007s", 7'000},
                {"100y", 3'153'600'000'000}};
  for (const auto& c : kCases) EXPECT_EQ(ParseDuration(c.text).count(), c.milliseconds) << c.text;
}

TEST(DurationTest, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {{"", "it is empty"},
                {"5", "the number 5 has no unit"},
                {"00", "the number 00 has no unit"},
                {"1h30", "the number 30 has no unit"},
                {"-5s", "it is negative"},
                {"1.5h", "only whole numbers are allowed"},
                {"1,5h", "only whole numbers are allowed"},
                {"s", "a whole number is expected before each unit"},
                {" 5s", "a whole number is expected before each unit"},
                {"+5s", "a whole number is expected before each unit"},
                {"5s ", "the unit \"s \" is not one of y, w, d, h, m, s, ms"},
                {"5 s", "the unit \" s\" is not one of y, w, d, h, m, s, ms"},
                {"5S", "the unit \"S\" is not one of y, w, d, h, m, s, ms"},
                {"5min", "the unit \"min\" is not one of y, w, d, h, m, s, ms"},
                {"5m1h", "units must go from large to small, each at most once"},
                {"5s5s", "units must go from large to small, each at most once"},
                {"101y", "it is longer than 100 years"},
                {"100y1ms", "it is longer than 100 years"},
                {"99999999999999999999999s", "it is longer than 100 years"},
                {"9223372036854775807w", "it is longer than 100 years"}};
  for (const auto& c : kCases) {
    try {
      ParseDuration(c.text);
      ADD_FAILURE() << c.text << " was taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(),
                "\"" + std::string(c.text) + "\" is not a duration such as 90s, 5m or 1h30m: " + c.why);
    }
  }
}

TEST(DurationTest, FormatIsReadBackAsTheSame) {
  const struct {
    std::int64_t milliseconds;
    const char* text;
  } kCases[] = {{0, "0s"},
                {1, "1ms"},
                {999, "999ms"},
                {1'000, "1s"},
                {60'000, "1m"},
                {90'500, "1m30s500ms"},
                {93'600'000, "1d2h"},
                {604'800'000, "7d"}};
  for (const auto& c : kCases) {
    EXPECT_EQ(FormatDuration(Duration(c.milliseconds)), c.text);
    EXPECT_EQ(ParseDuration(c.text).count(), c.milliseconds);
  }
}

}  // namespace
}  // namespace exporter
