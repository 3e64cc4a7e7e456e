#include "exporter/report/period.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace exporter::report {
namespace {

const slurmdb::Calendar& Paris() {
  static const slurmdb::Calendar kCalendar("Europe/Paris");
  return kCalendar;
}

constexpr std::int64_t kNow = 1'742'000'000;  // 2025-03-15T01:53:20+01:00

std::string Told(const Window& window) { return Paris().Text(window.from) + " " + Paris().Text(window.to); }

TEST(PeriodTest, NamesWholePeriods) {
  const std::pair<const char*, const char*> cases[] = {
      {"2025", "2025-01-01T00:00:00 2026-01-01T00:00:00"},
      {"2025-Q1", "2025-01-01T00:00:00 2025-04-01T00:00:00"},
      {"2024-Q4", "2024-10-01T00:00:00 2025-01-01T00:00:00"},
      {"2025-03", "2025-03-01T00:00:00 2025-04-01T00:00:00"},
      {"2025-12", "2025-12-01T00:00:00 2026-01-01T00:00:00"},
      {"2024-02-29", "2024-02-29T00:00:00 2024-03-01T00:00:00"},
      {"day", "2025-03-15T00:00:00 2025-03-16T00:00:00"},
      {"last-day", "2025-03-14T00:00:00 2025-03-15T00:00:00"},
      {"month", "2025-03-01T00:00:00 2025-04-01T00:00:00"},
      {"last-month", "2025-02-01T00:00:00 2025-03-01T00:00:00"},
      {"last-quarter", "2024-10-01T00:00:00 2025-01-01T00:00:00"},
      {"last-year", "2024-01-01T00:00:00 2025-01-01T00:00:00"},
  };
  for (const auto& [text, told] : cases) EXPECT_EQ(Told(ParsePeriod(text, Paris(), kNow)), told) << text;
}

TEST(PeriodTest, DaysOfClockChangesHaveTheirLength) {
  const Window spring = ParsePeriod("2025-03-30", Paris(), kNow);
  const Window autumn = ParsePeriod("2025-10-26", Paris(), kNow);
  EXPECT_EQ(spring.to - spring.from, 23 * 3600);
  EXPECT_EQ(autumn.to - autumn.from, 25 * 3600);
}

TEST(PeriodTest, RefusesWhatIsNone) {
  for (const char* text : {"", "2025-13", "2025-Q5", "2025-Q0", "2025-02-29", "2025-3", "week", "1969",
                           "last-week", "2025-03-14T00:00", "x2025", "2025 "})
    EXPECT_THROW(ParsePeriod(text, Paris(), kNow), std::invalid_argument) << text;
}

TEST(PeriodTest, InstantsAreOfTheWallClock) {
  EXPECT_EQ(ParseInstant("2025-03-14", Paris(), kNow), 1'741'906'800);
  EXPECT_EQ(ParseInstant("2025-03-14T12:30", Paris(), kNow), 1'741'906'800 + 12 * 3600 + 1800);
  EXPECT_EQ(ParseInstant("2025-03-14T12:30:07", Paris(), kNow), 1'741'906'800 + 12 * 3600 + 1807);
  EXPECT_EQ(ParseInstant("2025-03-14T00:00:00Z", Paris(), kNow), 1'741'910'400);
  EXPECT_EQ(ParseInstant("1741910400", Paris(), kNow), 1'741'910'400);
  EXPECT_EQ(ParseInstant("now", Paris(), kNow), kNow);
}

TEST(PeriodTest, InstantsWhereTheClockChanges) {
  // Repeated: the earlier. Skipped: the first second after.
  EXPECT_EQ(ParseInstant("2025-10-26T02:30", Paris(), kNow), 1'761'438'600);
  EXPECT_EQ(ParseInstant("2025-03-30T02:30", Paris(), kNow), 1'743'296'400);
}

TEST(PeriodTest, RefusesInstantsThatAreNone) {
  for (const char* text :
       {"", "2025-02-30", "2025-03-14T24:00", "2025-03-14T12", "yesterday", "2025-03-14 12:00"})
    EXPECT_THROW(ParseInstant(text, Paris(), kNow), std::invalid_argument) << text;
}

}  // namespace
}  // namespace exporter::report
