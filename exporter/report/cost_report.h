// What jobs cost, by whatever it is asked for by, as the price book has it.
#pragma once

#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/history.h"
#include "exporter/report/checks.h"
#include "exporter/report/request.h"
#include "exporter/report/sheet.h"

namespace exporter::report {

// A line for each combination that cost anything, sorted, with its list price, what outcomes and discounts
// take off, the subsidy and what is billed; then a line for each free quota that was drawn on. Amounts are
// exact decimals, and totals the sums of the lines: each row is rounded once, to what it has come to at a
// border of the period. Returns whether all has a price.
std::vector<Check> MakeCost(const Request& request, const pricing::PriceBook& book, slurmdb::History& history,
                            const slurmdb::HistoryProgress& progress, Head head, Sheet& sheet);

// Why free quotas cannot be told for such lines; empty when they can.
std::string WhyNoCredits(const Request& request);

}  // namespace exporter::report
