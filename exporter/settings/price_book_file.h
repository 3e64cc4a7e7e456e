#pragma once

// The price book as a file: YAML, read as strictly as the configuration. docs/cost.md describes it.

#include <string>

#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/calendar.h"

namespace exporter {

// Days in it begin at midnight of `calendar`. A list of departments is looked for beside it. Throws
// ConfigError that names file, line and key for what is unknown, given twice, out of range, or can never
// hold.
pricing::PriceBook ReadPriceBook(const std::string& path, const slurmdb::Calendar& calendar);

}  // namespace exporter
