// Budgets, and what is free of charge: amounts for an account with all below it, or a department, in a
// period.
//
// Both are worked out from lines of cost. A line draws on the first free quota that it matches, and on all
// budgets. Budgets are compared with what is billed before anything free is taken off.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collectors/pricing/fiscal_calendar.h"
#include "collectors/pricing/price_book.h"

namespace pricing {

// What the rows of one account came to in some time that lies in one period of each kind, such as a day.
struct CostLine {
  std::string cluster;             // in lower case
  std::vector<std::string> chain;  // the account and those above it, in lower case
  std::string department;
  std::int64_t time = 0;  // its beginning
  Money billed = 0;
};

bool Concerns(const Allowance& allowance, const CostLine& line);

// What of each free quota is used within [from, to), which begin and end with lines. None: `lines` do not go
// back to the beginning of the quota's period, but only to `known_from`.
std::vector<std::optional<Money>> CreditsWithin(const std::vector<Allowance>& quotas,
                                                std::span<const CostLine> lines,
                                                const FiscalCalendar& calendar, std::int64_t known_from,
                                                std::int64_t from, std::int64_t to);

// What was billed of each budget in its period that holds `time`. None: the budget is not for this period.
std::vector<std::optional<Money>> UsedAt(const std::vector<Allowance>& budgets,
                                         std::span<const CostLine> lines, const FiscalCalendar& calendar,
                                         std::int64_t time);

}  // namespace pricing
