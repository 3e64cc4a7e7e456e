// What a job row costs: prices, what is taken off them, and for whom they are. docs/cost.md tells it in
// words.
//
//   PriceTable table(book, tres_catalog);
//   const PricePlan plan = table.PlanFor(payer);             // once for all rows of one payer
//   table.Spread(plan, row, borders, [](std::size_t slot, const Charge& charge) { ... });
//
// Of each list of rules the first that matches at a moment is the one that holds then. A row's cost is a
// function of time: what it comes to from its start until t, exactly, and then rounded, once. What it costs
// within a window is the difference of two such numbers, so the parts of a row always add up to the row,
// however it is cut.
//
// Times are epoch seconds. Everything here is pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collectors/pricing/departments.h"
#include "collectors/pricing/fiscal_calendar.h"
#include "collectors/pricing/money.h"
#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/tres.h"

namespace pricing {

inline constexpr int kPricePlaces = 9;                              // prices are billionths of the currency
inline constexpr std::uint64_t kMostPrice = 1'000'000'000'000'000;  // a million, in billionths
inline constexpr int kEnergyPricePlaces = 6;                        // a kWh's price has no more places
inline constexpr int kSharePlaces = 4;                              // shares are ten-thousandths
inline constexpr std::uint32_t kWhole = 10'000;

// Whom a row is charged to, and where it ran. Names in lower case, but for the partition and departments.
struct Payer {
  std::string cluster;
  std::string partition;
  std::string qos;
  std::vector<std::string> accounts;  // its account, then those above it up to the root
  std::vector<DepartmentSince> departments;
};

// For whom and when a rule holds. An empty list: for all. An account stands for all below it, too.
struct Match {
  std::vector<std::string> clusters;
  std::vector<std::string> partitions;
  std::vector<std::string> qos;
  std::vector<std::string> accounts;
  std::vector<std::string> departments;
  Span span;

  bool Holds(const Payer& payer, std::int64_t time) const;
  // There is nothing that `other` matches and this does not, as far as the names alone tell.
  bool Covers(const Match& other) const;
};

// How the prices of a rate come together: those of kSum are added up, of those of kMax and kMin only the
// largest and the smallest, among what the row holds.
enum class Combine { kSum, kMax, kMin };

struct Price {
  std::string tres;              // "cpu", "mem", "gres/gpu:a100"
  std::uint64_t billionths = 0;  // for an hour of one; of one GiB of memory; energy: for a kWh
  Combine combine = Combine::kSum;
};

struct Rate {
  Match match;
  std::vector<Price> prices;
};

// Which share of its price a row has to pay that ended so. All conditions that are there have to hold.
struct Outcome {
  Match match;
  std::vector<slurmdb::JobState> states;     // empty: any
  std::optional<std::int64_t> shorter_than;  // seconds of run time
  std::uint32_t share = kWhole;
};

// A share that is taken off.
struct Reduction {
  Match match;
  std::uint32_t share = 0;  // at most kWhole
};

// An amount for an account with all below it, or a department, in each period that begins within the span.
struct Allowance {
  std::string cluster;     // empty: all clusters together
  std::string account;     // in lower case; or
  std::string department;  // this
  CostPeriod period = CostPeriod::kMonth;
  Money amount = 0;
  Span span;
};

struct PriceBook {
  std::string version;       // as its authors call it
  std::string sha256;        // of the files it was read from, in hex
  std::string currency;      // such as "EUR"
  int digits = 2;            // to which amounts are rounded
  unsigned first_month = 1;  // of a year
  Departments departments;
  std::vector<std::string> free_tres;  // TRES that are to have no price
  std::vector<Rate> rates;
  std::vector<Outcome> outcomes;
  std::vector<Reduction> discounts;
  std::vector<Reduction> subsidies;
  std::vector<Allowance> free_quotas;  // of what is billed
  std::vector<Allowance> budgets;
};

__extension__ using TresSeconds = unsigned __int128;

// Amounts in the unit the book rounds to. list = discounts + subsidy + billed.
struct Charge {
  Money list = 0;     // by the rates alone
  Money billed = 0;   // after everything
  Money subsidy = 0;  // what somebody else pays
  // TRES × seconds that have no price, in Slurm's units.
  std::vector<std::pair<std::uint32_t, TresSeconds>> unpriced;
};

// A job row. One that is not over is taken for one that completes at `end`.
struct PricedRow {
  slurmdb::JobState state = slurmdb::JobState::kCompleted;
  bool over = true;
  std::int64_t start = 0;
  std::int64_t end = 0;                       // or until when it is to be priced
  std::vector<Span> pauses;                   // suspensions, by time, apart
  const slurmdb::TresCounts* tres = nullptr;  // Slurm's units
};

// The rules that hold for one payer, by time.
class PricePlan {
 public:
  // All of it, for comparing plans of one price book.
  std::string Text() const;

 private:
  friend class PriceTable;
  // While nothing changes. Indexes into the book's lists; -1: none holds.
  struct Part {
    std::int64_t from = 0;
    int rate = -1;
    int discount = -1;
    int subsidy = -1;
    std::vector<int> outcomes;

    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts_;  // each until the next one; the first from 0 on
  bool reduces_ = false;     // there may be a difference between list and billed
};

class PriceTable {
 public:
  // `slot`: which of the windows between borders.
  using Sink = std::function<void(std::size_t slot, const Charge& charge)>;

  // `book` is kept by reference; of the catalog only names are taken.
  PriceTable(const PriceBook& book, const slurmdb::TresCatalog& catalog);

  PricePlan PlanFor(const Payer& payer) const;
  // What the row costs within (borders[i], borders[i + 1]], for each i in which there is something. Borders
  // ascend. Energy is charged when the row is over.
  void Spread(const PricePlan& plan, const PricedRow& row, std::span<const std::int64_t> borders,
              const Sink& sink) const;

 private:
  struct IdPrice {
    std::uint32_t id = 0;
    std::uint64_t price = 0;  // of a unit of Slurm's, in parts of 1 / (10^9 × 1024)
    Combine combine = Combine::kSum;
    std::vector<std::uint32_t> parts;  // those of its kind that have a price of their own
  };
  struct IdRate {
    std::vector<IdPrice> prices;
    std::uint64_t energy = 0;            // of a joule, in parts of 1 / (10^9 × 3600)
    std::vector<std::uint32_t> covered;  // what has a price or is to have none, sorted
    // What has none of its own, with those of its kind that have one.
    std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> partly;
  };
  // What a row costs an hour, and what it holds that has no price.
  struct Hourly;
  class Meter;
  Hourly HourlyOf(int rate, const slurmdb::TresCounts& tres) const;
  IdRate Resolve(const Rate& rate, const slurmdb::TresCatalog& catalog) const;
  // Of a row that ran for so long.
  std::uint32_t ShareOf(const PricePlan::Part& part, const PricedRow& row, std::int64_t seconds) const;

  const PriceBook& book_;
  std::vector<IdRate> rates_;  // as in the book, and one for what none holds for
};

}  // namespace pricing
