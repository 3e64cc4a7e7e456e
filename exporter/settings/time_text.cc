#include "exporter/settings/time_text.h"

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "exporter/log.h"

namespace exporter {
namespace {

// Eats fixed-width parts of a text from the left; once one does not fit, `ok` stays false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int Digits(std::size_t width) {
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') {
        ok_ = false;
        return 0;
      }
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  // Takes the next character if it is one of `any`; 0 if not.
  char Take(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return 0;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void Expect(std::string_view any) { ok_ = Take(any) != 0 && ok_; }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::chrono::year_month_day ScanDate(Scanner& in) {
  const int year = in.Digits(4);
  in.Expect("-");
  const int month = in.Digits(2);
  in.Expect("-");
  const int day = in.Digits(2);
  return std::chrono::year(year) / static_cast<unsigned>(month) / static_cast<unsigned>(day);
}

std::optional<std::chrono::sys_seconds> Rfc3339(std::string_view text) {
  Scanner in(text);
  const auto date = ScanDate(in);
  in.Expect("Tt ");
  const std::chrono::hours hours(in.Digits(2));
  in.Expect(":");
  const std::chrono::minutes minutes(in.Digits(2));
  in.Expect(":");
  const std::chrono::seconds seconds(in.Digits(2));
  if (in.ok() && in.Take(".") != 0) {
    in.Digits(1);
    while (in.Take("0123456789") != 0) {
    }
  }
  std::chrono::minutes offset{0};
  if (const char sign = in.Take("Zz+-"); sign == '+' || sign == '-') {
    const std::chrono::hours offset_hours(in.Digits(2));
    in.Expect(":");
    const std::chrono::minutes offset_minutes(in.Digits(2));
    if (offset_hours.count() > 23 || offset_minutes.count() > 59) return std::nullopt;
    offset = offset_hours + offset_minutes;
    if (sign == '-') offset = -offset;
  } else if (sign == 0) {
    return std::nullopt;
  }
  if (!in.done() || !date.ok() || hours.count() > 23 || minutes.count() > 59 || seconds.count() > 59) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + hours + minutes + seconds - offset;
}

// 9999-12-31T23:59:59Z
constexpr std::int64_t kLastSecond = 253'402'300'799;

std::optional<std::chrono::sys_seconds> EpochSeconds(std::string_view text) {
  if (text.empty() || text.size() > 12) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return std::chrono::sys_seconds(std::chrono::seconds(value));
}

bool InRange(std::chrono::sys_seconds time) {
  return time.time_since_epoch().count() >= 0 && time.time_since_epoch().count() <= kLastSecond;
}

}  // namespace

std::chrono::sys_seconds ParseTime(std::string_view text) {
  auto time = Rfc3339(text);
  if (!time) time = EpochSeconds(text);
  if (!time || !InRange(*time)) {
    throw std::invalid_argument(log::Quote(text) +
                                " is not a time such as 2025-01-02T03:04:05Z or 1735787045 (from 1970 on)");
  }
  return *time;
}

Epoch ParseEpoch(std::string_view text) {
  if (text == "month") return {std::string(text), EpochPeriod::kMonth};
  if (text == "quarter") return {std::string(text), EpochPeriod::kQuarter};
  if (text == "year") return {std::string(text), EpochPeriod::kYear};
  Scanner in(text);
  const auto date = ScanDate(in);
  if (in.done() && date.ok() && date.year() >= std::chrono::year(1970)) return {std::string(text), date};
  if (const auto time = Rfc3339(text); time && InRange(*time)) return {std::string(text), *time};
  throw std::invalid_argument(
      log::Quote(text) +
      " is not month, quarter, year, a day such as 2025-01-31, or a time such as 2025-01-31T00:00:00Z");
}

}  // namespace exporter
