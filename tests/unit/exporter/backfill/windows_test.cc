#include "exporter/backfill/windows.h"

#include <gtest/gtest.h>

namespace exporter {
namespace {

using slurmdb::Calendar;
using slurmdb::Period;

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kMarch = 1'709'251'200;  // 2024-03-01 00:00 UTC

TEST(Windows, DaysHoldWholeMultiplesOfTheStep) {
  const auto windows =
      WindowsOf({kMarch + 100, kMarch + 30 * kHour, 6 * kHour}, Period::kDay, kMarch, Calendar("UTC"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].name, "2024-03-01");
  EXPECT_EQ(windows[0].times,
            (std::vector<std::int64_t>{kMarch + 6 * kHour, kMarch + 12 * kHour, kMarch + 18 * kHour}));
  EXPECT_EQ(windows[1].name, "2024-03-02");
  EXPECT_EQ(windows[1].times, (std::vector<std::int64_t>{kMarch + 24 * kHour, kMarch + 30 * kHour}));
}

TEST(Windows, ThoseOfLocalDaysFollowTheClocks) {
  // In Paris the clocks went forward on March 31st.
  const std::int64_t midnight = kMarch + 30 * 24 * kHour - kHour;
  const auto windows =
      WindowsOf({midnight, midnight + 40 * kHour, kHour}, Period::kDay, kMarch, Calendar("Europe/Paris"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].name, "2024-03-31");
  EXPECT_EQ(windows[0].times.size(), 23U);
  EXPECT_EQ(windows[1].times.front(), midnight + 23 * kHour);
}

TEST(Windows, MonthsHaveShorterNames) {
  const auto windows = WindowsOf({kMarch - 48 * kHour, kMarch + 24 * kHour, 24 * kHour}, Period::kMonth,
                                 Period::kMonth, Calendar("UTC"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].name, "2024-02");
  EXPECT_EQ(windows[0].times, (std::vector<std::int64_t>{kMarch - 48 * kHour, kMarch - 24 * kHour}));
  EXPECT_EQ(windows[1].times, (std::vector<std::int64_t>{kMarch, kMarch + 24 * kHour}));
}

// In Kolkata midnight is no whole multiple of an hour.
TEST(Windows, WhereCountersStartOverIsAMomentToo) {
  const std::int64_t midnight = kMarch - 5 * kHour - kHour / 2;
  const Grid grid{midnight - 24 * kHour, midnight + 24 * kHour, 24 * kHour};
  const auto moments = [&](const slurmdb::Epoch& epoch) {
    std::vector<std::int64_t> times;
    for (const Window& window : WindowsOf(grid, Period::kDay, epoch, Calendar("Asia/Kolkata")))
      times.insert(times.end(), window.times.begin(), window.times.end());
    return times;
  };
  const std::vector<std::int64_t> whole = {kMarch - 24 * kHour, kMarch};
  EXPECT_EQ(moments(Period::kMonth), (std::vector<std::int64_t>{whole[0], midnight, whole[1]}));
  EXPECT_EQ(moments(Period::kQuarter), whole);
  EXPECT_EQ(moments(Period::kYear), whole);
  EXPECT_EQ(moments(kMarch - 1000 * kHour), whole);
}

TEST(Windows, ThePeriodThatEndsAtTheBeginningIsNotShown) {
  const auto first = [&](std::int64_t from, const slurmdb::Epoch& epoch) {
    return WindowsOf({from, kMarch + 24 * kHour, kHour}, Period::kDay, epoch, Calendar("UTC"))
        .front()
        .times.front();
  };
  EXPECT_EQ(first(kMarch, Period::kMonth), kMarch + kHour);
  EXPECT_EQ(first(kMarch, Period::kYear), kMarch);
  EXPECT_EQ(first(kMarch - kHour, Period::kMonth), kMarch - kHour);
}

TEST(Windows, WithoutAMomentThereIsNoFile) {
  EXPECT_TRUE(WindowsOf({kMarch + 1, kMarch + 2, kHour}, Period::kDay, kMarch, Calendar("UTC")).empty());
  const auto windows = WindowsOf({kMarch + 24 * kHour, kMarch + 96 * kHour, 48 * kHour}, Period::kDay, kMarch,
                                 Calendar("UTC"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].name, "2024-03-02");
  EXPECT_EQ(windows[1].name, "2024-03-04");
}

}  // namespace
}  // namespace exporter
