#include "collectors/pricing/fiscal_calendar.h"

namespace pricing {
namespace {

constexpr unsigned kMonths = 12;

unsigned LengthOf(CostPeriod period) {
  switch (period) {
    case CostPeriod::kMonth:
      return 1;
    case CostPeriod::kQuarter:
      return 3;
    case CostPeriod::kYear:
      break;
  }
  return kMonths;
}

}  // namespace

const char* CostPeriodName(CostPeriod period) {
  switch (period) {
    case CostPeriod::kMonth:
      return "month";
    case CostPeriod::kQuarter:
      return "quarter";
    case CostPeriod::kYear:
      break;
  }
  return "year";
}

std::int64_t FiscalCalendar::Start(CostPeriod period, std::int64_t time) const {
  const slurmdb::LocalDate today = calendar_.DateOf(time);
  // Months since January of the year 0.
  const unsigned month = static_cast<unsigned>(today.year) * kMonths + today.month - 1;
  const unsigned first = month - (month + kMonths - (first_month_ - 1)) % LengthOf(period);
  return calendar_.Midnight(static_cast<int>(first / kMonths), first % kMonths + 1, 1);
}

std::int64_t FiscalCalendar::Next(CostPeriod period, std::int64_t time) const {
  std::int64_t next = Start(period, time);
  for (unsigned month = 0; month < LengthOf(period); ++month)
    next = calendar_.NextStart(slurmdb::Period::kMonth, next);
  return next;
}

std::vector<std::int64_t> FiscalCalendar::Months(std::int64_t from, std::int64_t to) const {
  std::vector<std::int64_t> starts = {Start(CostPeriod::kMonth, from)};
  while (starts.back() < to) starts.push_back(calendar_.NextStart(slurmdb::Period::kMonth, starts.back()));
  return starts;
}

}  // namespace pricing
