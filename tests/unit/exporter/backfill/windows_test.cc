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

TEST(Windows, MonthsHaveShorterNamesAndTheLastSecondOfThePeriod) {
  const auto windows = WindowsOf({kMarch - 48 * kHour, kMarch + 24 * kHour, 24 * kHour}, Period::kMonth,
                                 Period::kMonth, Calendar("UTC"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].name, "2024-02");
  EXPECT_EQ(windows[0].times,
            (std::vector<std::int64_t>{kMarch - 48 * kHour, kMarch - 24 * kHour, kMarch - 1}));
  EXPECT_EQ(windows[1].times, (std::vector<std::int64_t>{kMarch, kMarch + 24 * kHour}));
}

TEST(Windows, TheLastSecondIsOnlyThatOfTheEpochsPeriod) {
  const Grid grid{kMarch - 24 * kHour, kMarch + 24 * kHour, 24 * kHour};
  const auto moments = [&](const slurmdb::Epoch& epoch) {
    std::size_t count = 0;
    for (const Window& window : WindowsOf(grid, Period::kDay, epoch, Calendar("UTC")))
      count += window.times.size();
    return count;
  };
  EXPECT_EQ(moments(Period::kMonth), 4U);
  EXPECT_EQ(moments(Period::kQuarter), 3U);
  EXPECT_EQ(moments(Period::kYear), 3U);
  EXPECT_EQ(moments(kMarch - 1000 * kHour), 3U);
}

TEST(Windows, TheLastSecondComesOnce) {
  const auto windows = WindowsOf({kMarch - 3, kMarch + 1, 1}, Period::kDay, Period::kMonth, Calendar("UTC"));
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[0].times, (std::vector<std::int64_t>{kMarch - 3, kMarch - 2, kMarch - 1}));
  EXPECT_EQ(windows[1].times, (std::vector<std::int64_t>{kMarch, kMarch + 1}));
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
