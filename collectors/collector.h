// What a collector is: a pure function from typed accounting data to metric families. It runs no SQL, reads
// no clock and opens nothing; the poller decides when it runs, times it, catches what it throws and publishes
// what it returns.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/pricing/price_book_tariff.h"
#include "collectors/slurmdb/accounting_source.h"

namespace collectors {

using Families = std::vector<prometheus::MetricFamily>;

// How users appear in the label `user` of every per-user family.
enum class UserLabel {
  kName,
  kId,    // the numeric uid
  kHash,  // the first 16 hex digits of the name's SHA-256: stable, not readable at a glance, no secret either
  kNone,  // one series an account, with an empty label
};

struct CollectorOptions {
  UserLabel user_label = UserLabel::kName;
  std::function<bool(std::string_view)> accepts_user = [](std::string_view) { return true; };
  // Share of its quota, 0 to 1, from which on an account (of a cluster) wants to be warned; none: never.
  std::function<std::optional<double>(const std::string& cluster, const std::string& account)>
      quota_warning_ratio = [](const std::string&, const std::string&) { return std::nullopt; };
  std::shared_ptr<const pricing::PriceBookTariff> tariff;  // null: no costs
};

// Returns families with unique names; series of a family have the same label names in the same order. Every
// name is described in docs/metrics.md.
using CollectFunction = Families (*)(const slurmdb::AccountingView&, const CollectorOptions&);

}  // namespace collectors
