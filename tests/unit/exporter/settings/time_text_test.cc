#include "exporter/settings/time_text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>

namespace exporter {
namespace {

TEST(TimeTextTest, ParsesRfc3339AndSeconds) {
  const struct {
    const char* text;
    std::int64_t seconds;
  } kCases[] = {{"0", 0},
                {"1735787045", 1'735'787'045},
                {"1970-01-01T00:00:00Z", 0},
                {"2025-01-02T03:04:05Z", 1'735'787'045},
                {"2025-01-02t03:04:05z", 1'735'787'045},
                {"2025-01-02 03:04:05Z", 1'735'787'045},
                {"2025-01-02T03:04:05.999Z", 1'735'787'045},
                {"2025-01-02T04:04:05+01:00", 1'735'787'045},
                {"2025-01-01T21:34:05-05:30", 1'735'787'045},
                {"2024-02-29T00:00:00Z", 1'709'164'800},
                {"253402300799", 253'402'300'799},
                {"9999-12-31T23:59:59Z", 253'402'300'799}};
  for (const auto& c : kCases) EXPECT_EQ(ParseTime(c.text).time_since_epoch().count(), c.seconds) << c.text;
}

TEST(TimeTextTest, RefusesWhatIsNotATime) {
  for (const char* text : {"",
                           "yesterday",
                           "-1",
                           "+1",
                           "1.5",
                           "1e9",
                           "253402300800",
                           "9999999999999999999999",
                           "2025-01-02",
                           "2025-01-02T03:04:05",
                           "2025-01-02T03:04Z",
                           "2025-1-2T03:04:05Z",
                           "2025-02-29T00:00:00Z",
                           "2025-13-01T00:00:00Z",
                           "2025-00-01T00:00:00Z",
                           "2025-01-02T24:00:00Z",
                           "2025-01-02T23:60:00Z",
                           "2025-01-02T23:59:60Z",
                           "2025-01-02T03:04:05.Z",
                           "2025-01-02T03:04:05+0100",
                           "2025-01-02T03:04:05+24:00",
                           "2025-01-02T03:04:05Zx",
                           " 2025-01-02T03:04:05Z",
                           "1969-12-31T23:59:59Z",
                           "9999-12-31T23:59:59-01:00"}) {
    try {
      ParseTime(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(),
                "\"" + std::string(text) +
                    "\" is not a time such as 2025-01-02T03:04:05Z or 1735787045 (from 1970 on)");
    }
  }
}

TEST(TimeTextTest, EpochIsAPeriodADayOrAnInstant) {
  EXPECT_EQ(std::get<EpochPeriod>(ParseEpoch("month").start), EpochPeriod::kMonth);
  EXPECT_EQ(std::get<EpochPeriod>(ParseEpoch("quarter").start), EpochPeriod::kQuarter);
  EXPECT_EQ(std::get<EpochPeriod>(ParseEpoch("year").start), EpochPeriod::kYear);
  using std::chrono::January;
  EXPECT_EQ(std::get<std::chrono::year_month_day>(ParseEpoch("2025-01-31").start),
            std::chrono::year(2025) / January / 31);
  EXPECT_EQ(std::get<std::chrono::sys_seconds>(ParseEpoch("2025-01-02T04:04:05+01:00").start)
                .time_since_epoch()
                .count(),
            1'735'787'045);
  EXPECT_EQ(ParseEpoch("2025-01-31").text, "2025-01-31");
  for (const char* text :
       {"", "Month", "week", "1735787045", "2025-02-30", "2025-01", "1969-12-31", "2025-01-31 "}) {
    EXPECT_THROW(ParseEpoch(text), std::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace exporter
