#include "collectors/pricing/fiscal_calendar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pricing {
namespace {

using slurmdb::Calendar;
using testing::ElementsAre;

const Calendar kParis("Europe/Paris");

std::int64_t Day(int year, unsigned month, unsigned day = 1) { return kParis.Midnight(year, month, day); }

TEST(FiscalCalendarTest, AYearFromJanuaryIsTheCalendars) {
  const FiscalCalendar calendar(kParis, 1);
  for (const std::int64_t time : {Day(2025, 1), Day(2025, 5, 17) + 4000, Day(2025, 12, 31) + 86399}) {
    EXPECT_EQ(calendar.Start(CostPeriod::kMonth, time), kParis.PeriodStart(slurmdb::Period::kMonth, time));
    EXPECT_EQ(calendar.Start(CostPeriod::kQuarter, time),
              kParis.PeriodStart(slurmdb::Period::kQuarter, time));
    EXPECT_EQ(calendar.Start(CostPeriod::kYear, time), Day(2025, 1));
    EXPECT_EQ(calendar.Next(CostPeriod::kYear, time), Day(2026, 1));
    EXPECT_EQ(calendar.Next(CostPeriod::kQuarter, time), kParis.NextStart(slurmdb::Period::kQuarter, time));
  }
}

TEST(FiscalCalendarTest, AYearMayBeginInAnyMonth) {
  const FiscalCalendar calendar(kParis, 5);
  EXPECT_EQ(calendar.Start(CostPeriod::kYear, Day(2025, 4, 30) + 86399), Day(2024, 5));
  EXPECT_EQ(calendar.Next(CostPeriod::kYear, Day(2025, 4, 30)), Day(2025, 5));
  EXPECT_EQ(calendar.Start(CostPeriod::kYear, Day(2025, 5)), Day(2025, 5));
  // Quarters: May, August, November, February.
  EXPECT_EQ(calendar.Start(CostPeriod::kQuarter, Day(2025, 1, 9)), Day(2024, 11));
  EXPECT_EQ(calendar.Next(CostPeriod::kQuarter, Day(2025, 1, 9)), Day(2025, 2));
  EXPECT_EQ(calendar.Start(CostPeriod::kQuarter, Day(2025, 4, 9)), Day(2025, 2));
}

TEST(FiscalCalendarTest, MonthsFollowEachOther) {
  const FiscalCalendar calendar(kParis, 1);
  EXPECT_THAT(calendar.Months(Day(2024, 11, 3), Day(2025, 1, 2)),
              ElementsAre(Day(2024, 11), Day(2024, 12), Day(2025, 1), Day(2025, 2)));
  EXPECT_THAT(calendar.Months(Day(2024, 11), Day(2024, 12)), ElementsAre(Day(2024, 11), Day(2024, 12)));
}

}  // namespace
}  // namespace pricing
