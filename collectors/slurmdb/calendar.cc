#include "collectors/slurmdb/calendar.h"

#include <date/tz.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

namespace slurmdb {
namespace {

const date::time_zone* ProcessZone() {
  // localtime(3) reads TZ first, so slurmdbd does too. A leading colon is part of the POSIX spelling.
  if (const char* tz = std::getenv("TZ"); tz != nullptr && *tz != '\0') {
    const std::string given = tz;
    std::string name = given.substr(given[0] == ':' ? 1 : 0);
    constexpr std::string_view kFolder = "/zoneinfo/";
    if (const std::size_t folder = name.find(kFolder); folder != std::string::npos) {
      name.erase(0, folder + kFolder.size());
    }
    if (name != "/etc/localtime") {
      try {
        return date::locate_zone(name);
      } catch (const std::runtime_error&) {
        throw std::runtime_error("the environment variable TZ is \"" + given +
                                 "\", which names no zone of the time zone database");
      }
    }
  }
  try {
    return date::current_zone();
  } catch (const std::runtime_error&) {  // a container without /etc/localtime
    return date::locate_zone("Etc/UTC");
  }
}

const date::time_zone* NamedZone(const std::string& zone) {
  try {
    return date::locate_zone(zone);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("time zone \"" + zone + "\" is not in the time zone database: " + error.what());
  }
}

}  // namespace

Calendar::Calendar(const std::string& zone)
    : zone_(zone.empty() ? ProcessZone() : NamedZone(zone)), name_(zone_->name()) {}

std::int64_t Calendar::PeriodStart(Period period, std::int64_t time) const {
  const date::sys_seconds instant{std::chrono::seconds(time)};
  const auto local_day = date::floor<date::days>(zone_->to_local(instant));
  const date::year_month_day today{local_day};
  date::year_month_day first = today;
  switch (period) {
    case Period::kDay:
      break;
    case Period::kWeek:
      first = date::year_month_day{local_day - (date::weekday(local_day) - date::Sunday)};
      break;
    case Period::kMonth:
      first = today.year() / today.month() / 1;
      break;
    case Period::kQuarter:
      first = today.year() / date::month((static_cast<unsigned>(today.month()) - 1) / 3 * 3 + 1) / 1;
      break;
    case Period::kYear:
      first = today.year() / 1 / 1;
      break;
  }
  return Midnight(int{first.year()}, unsigned{first.month()}, unsigned{first.day()});
}

std::int64_t Calendar::NextStart(Period period, std::int64_t time) const {
  // Some time within the next period, whatever the clocks do: a day has 23 to 25 hours, a month 28 to 31
  // days.
  constexpr std::int64_t kDay = 86400;
  const std::int64_t start = PeriodStart(period, time);
  switch (period) {
    case Period::kDay:
      return PeriodStart(period, start + kDay + kDay / 2);
    case Period::kWeek:
      return PeriodStart(period, start + 7 * kDay + kDay / 2);
    case Period::kMonth:
      return PeriodStart(period, start + 40 * kDay);
    case Period::kQuarter:
      return PeriodStart(period, start + 100 * kDay);
    case Period::kYear:
      break;
  }
  return PeriodStart(period, start + 400 * kDay);
}

std::int64_t Calendar::Midnight(int year, unsigned month, unsigned day) const {
  const date::local_days local{date::year(year) / date::month(month) / date::day(day)};
  return zone_->to_sys(local, date::choose::earliest).time_since_epoch() / std::chrono::seconds(1);
}

LocalDate Calendar::DateOf(std::int64_t time) const {
  const date::sys_seconds instant{std::chrono::seconds(time)};
  const date::year_month_day today{date::floor<date::days>(zone_->to_local(instant))};
  return {int{today.year()}, unsigned{today.month()}, unsigned{today.day()}};
}

std::int64_t Calendar::At(const WallClock& local) const {
  const auto time =
      date::local_days{date::year(local.year) / date::month(local.month) / date::day(local.day)} +
      std::chrono::hours(local.hour) + std::chrono::minutes(local.minute) +
      std::chrono::seconds(local.second);
  return zone_->to_sys(time, date::choose::earliest).time_since_epoch() / std::chrono::seconds(1);
}

std::string Calendar::Text(std::int64_t time) const {
  return date::format("%Y-%m-%dT%H:%M:%S", zone_->to_local(date::sys_seconds{std::chrono::seconds(time)}));
}

}  // namespace slurmdb
