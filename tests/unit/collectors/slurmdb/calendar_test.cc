#include "collectors/slurmdb/calendar.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace slurmdb {
namespace {

struct Case {
  const char* zone;
  std::int64_t time;
  Period period;
  std::int64_t start;
};

TEST(CalendarTest, PeriodsBeginAtLocalMidnight) {
  const Case cases[] = {
      // 2025-03-30 12:00 UTC: the day of the clock change in Paris has 23 hours.
      {"Europe/Paris", 1743336000, Period::kDay, 1743289200},
      {"UTC", 1743336000, Period::kDay, 1743292800},
      {"America/New_York", 1741536000, Period::kDay, 1741496400},  // 2025-03-09
      {"Asia/Kolkata", 1743336000, Period::kDay, 1743273000},      // half an hour off
      {"Europe/Paris", 1743336000, Period::kMonth, 1740783600},
      {"Europe/Paris", 1747000000, Period::kQuarter, 1743458400},  // April, summer time
      {"Europe/Paris", 1743336000, Period::kYear, 1735686000},
      {"UTC", 1740787199, Period::kMonth, 1738368000},  // the last second of February
      {"UTC", 1740787200, Period::kMonth, 1740787200},  // the first of March
      // Midnight of 2017-10-15 did not exist in São Paulo: the day began at 01:00.
      {"America/Sao_Paulo", 1508080000, Period::kDay, 1508036400},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Calendar(c.zone).PeriodStart(c.period, c.time), c.start) << c.zone << " " << c.time;
  }
}

TEST(CalendarTest, MidnightOfADay) {
  EXPECT_EQ(Calendar("UTC").Midnight(2025, 1, 31), 1738281600);
  EXPECT_EQ(Calendar("Asia/Kolkata").Midnight(2025, 1, 31), 1738281600 - 19800);
}

TEST(CalendarTest, UnknownZoneIsNamed) {
  try {
    Calendar calendar("Mars/Olympus");
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("Mars/Olympus"), std::string::npos);
  }
}

TEST(CalendarTest, EmptyZoneIsTheOneOfTheProcess) {
  for (const char* tz : {"Asia/Kolkata", ":Asia/Kolkata", "/usr/share/zoneinfo/Asia/Kolkata"}) {
    setenv("TZ", tz, 1);
    EXPECT_EQ(Calendar("").zone(), "Asia/Kolkata") << tz;
  }
  setenv("TZ", ":/etc/localtime", 1);
  EXPECT_NO_THROW(Calendar(""));
  setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  EXPECT_THROW(Calendar(""), std::runtime_error);
  unsetenv("TZ");
  EXPECT_NO_THROW(Calendar(""));
}

}  // namespace
}  // namespace slurmdb
