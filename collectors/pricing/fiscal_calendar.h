// Months, quarters and years as the price book has them: a year may begin in another month than January.
//
//   FiscalCalendar calendar(slurmdb::Calendar("Europe/Paris"), 4);
//   calendar.Start(CostPeriod::kYear, time);   // midnight of the last 1 April
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "collectors/slurmdb/calendar.h"

namespace pricing {

enum class CostPeriod { kMonth, kQuarter, kYear };

// "month", "quarter", "year".
const char* CostPeriodName(CostPeriod period);

class FiscalCalendar {
 public:
  // `first_month`: of a year, 1 to 12. Quarters are counted from it.
  FiscalCalendar(slurmdb::Calendar calendar, unsigned first_month)
      : calendar_(std::move(calendar)), first_month_(first_month) {}

  // First second of the period that holds `time`, and of the next one.
  std::int64_t Start(CostPeriod period, std::int64_t time) const;
  std::int64_t Next(CostPeriod period, std::int64_t time) const;
  // The beginnings of all months from the one that holds `from` on, up to the first that is not before `to`.
  std::vector<std::int64_t> Months(std::int64_t from, std::int64_t to) const;

  const slurmdb::Calendar& calendar() const { return calendar_; }

 private:
  slurmdb::Calendar calendar_;
  unsigned first_month_;
};

}  // namespace pricing
