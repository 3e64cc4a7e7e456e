#include "collectors/slurmdb/history.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

const Calendar& Utc() {
  static const Calendar kCalendar("UTC");
  return kCalendar;
}

std::int64_t At(unsigned month, unsigned day, unsigned hour = 0) {
  return Utc().At({2025, month, day, hour});
}

using Spans = std::vector<UsageSpan>;
constexpr auto kHour = UsageLevel::kHour;
constexpr auto kDay = UsageLevel::kDay;
constexpr auto kMonth = UsageLevel::kMonth;

TEST(UsageSpansTest, WholeMonthsAreMonths) {
  const ByLevel<std::int64_t> until = {At(6, 1), At(6, 1), At(6, 1)};
  EXPECT_EQ(UsageSpansOf(Utc(), until, kMonth, At(1, 1), At(4, 1)), (Spans{{kMonth, At(1, 1), At(4, 1)}}));
  EXPECT_EQ(UsageSpansOf(Utc(), until, kDay, At(1, 1), At(4, 1)), (Spans{{kDay, At(1, 1), At(4, 1)}}));
  EXPECT_EQ(UsageSpansOf(Utc(), until, kHour, At(1, 1), At(4, 1)), (Spans{{kHour, At(1, 1), At(4, 1)}}));
}

TEST(UsageSpansTest, EndsAreDaysAndHours) {
  const ByLevel<std::int64_t> until = {At(6, 1), At(6, 1), At(6, 1)};
  EXPECT_EQ(UsageSpansOf(Utc(), until, kMonth, At(1, 30, 22), At(3, 2, 5)),
            (Spans{{kHour, At(1, 30, 22), At(1, 31)},
                   {kDay, At(1, 31), At(2, 1)},
                   {kMonth, At(2, 1), At(3, 1)},
                   {kDay, At(3, 1), At(3, 2)},
                   {kHour, At(3, 2), At(3, 2, 5)}}));
  EXPECT_EQ(UsageSpansOf(Utc(), until, kMonth, At(3, 2, 5), At(3, 2, 7)),
            (Spans{{kHour, At(3, 2, 5), At(3, 2, 7)}}));
  EXPECT_EQ(
      UsageSpansOf(Utc(), until, kMonth, At(3, 2, 14), At(3, 4, 23)),
      (Spans{{kHour, At(3, 2, 14), At(3, 3)}, {kDay, At(3, 3), At(3, 4)}, {kHour, At(3, 4), At(3, 4, 23)}}));
  EXPECT_EQ(UsageSpansOf(Utc(), until, kMonth, At(3, 2), At(3, 9)), (Spans{{kDay, At(3, 2), At(3, 9)}}));
}

TEST(UsageSpansTest, WhatIsNotRolledUpYetIsLeftToFinerLevels) {
  const ByLevel<std::int64_t> until = {At(3, 14, 9), At(3, 14), At(3, 1)};
  EXPECT_EQ(
      UsageSpansOf(Utc(), until, kMonth, At(1, 1), At(4, 1)),
      (Spans{{kMonth, At(1, 1), At(3, 1)}, {kDay, At(3, 1), At(3, 14)}, {kHour, At(3, 14), At(3, 14, 9)}}));
  EXPECT_EQ(UsageSpansOf(Utc(), {At(2, 1), At(1, 5), 0}, kMonth, At(1, 1), At(4, 1)),
            (Spans{{kDay, At(1, 1), At(1, 5)}, {kHour, At(1, 5), At(2, 1)}}));
  EXPECT_TRUE(UsageSpansOf(Utc(), {0, 0, 0}, kMonth, At(1, 1), At(4, 1)).empty());
}

TEST(UsageSpansTest, PartsFollowEachOtherWithoutGapOrOverlap) {
  const Calendar calendar("America/New_York");
  const std::int64_t start = calendar.At({2025, 1, 1});
  const ByLevel<std::int64_t> until = {calendar.At({2025, 11, 20, 7}), calendar.At({2025, 11, 20}),
                                       calendar.At({2025, 11, 1})};
  for (std::int64_t from = start; from < start + 200 * 86400; from += 13 * 86400 + 5 * 3600) {
    const std::int64_t begin = HourStart(calendar, from);
    for (std::int64_t to = begin + 3600; to < until[0]; to += 17 * 86400 + 3600) {
      std::int64_t at = begin;
      for (const UsageSpan& span : UsageSpansOf(calendar, until, kMonth, begin, HourStart(calendar, to))) {
        EXPECT_EQ(span.from, at);
        EXPECT_LT(span.from, span.to);
        for (const std::int64_t border : {span.from, span.to}) {
          if (span.level != kHour) {
            EXPECT_EQ(calendar.PeriodStart(Period::kDay, border), border);
          }
          if (span.level == kMonth) {
            EXPECT_EQ(calendar.PeriodStart(Period::kMonth, border), border);
          }
        }
        at = span.to;
      }
      EXPECT_EQ(at, HourStart(calendar, to));
    }
  }
}

}  // namespace
}  // namespace slurmdb
