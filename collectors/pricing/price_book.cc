#include "collectors/pricing/price_book.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

namespace pricing {
namespace {

using slurmdb::kTresEnergy;
using slurmdb::TresCount;
using slurmdb::TresCounts;

constexpr std::uint64_t kHour = 3600;
constexpr std::uint64_t kMebibytes = 1024;  // of a GiB

bool IsIn(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

// All of `inner` are in `outer`; an empty list has all.
bool HasAll(const std::vector<std::string>& outer, const std::vector<std::string>& inner) {
  if (outer.empty()) return true;
  return !inner.empty() &&
         std::all_of(inner.begin(), inner.end(), [&](const std::string& name) { return IsIn(outer, name); });
}

// The first of the rules that holds; -1: none.
template <typename Rule>
int FirstOf(const std::vector<Rule>& rules, const Payer& payer, std::int64_t time) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const Rule& rule) { return rule.match.Holds(payer, time); });
  return found == rules.end() ? -1 : static_cast<int>(found - rules.begin());
}

template <typename Rule>
void AddBorders(const std::vector<Rule>& rules, std::set<std::int64_t>& borders) {
  for (const Rule& rule : rules) {
    borders.insert(rule.match.span.from);
    if (rule.match.span.to != Span::kEver) borders.insert(rule.match.span.to);
  }
}

std::uint64_t CountOf(const TresCounts& tres, std::uint32_t id) {
  const auto found =
      std::find_if(tres.begin(), tres.end(), [&](const TresCount& one) { return one.id == id; });
  return found == tres.end() ? 0 : found->count;
}

// Seconds within [from, to) in which the row is not paused.
std::int64_t RunSeconds(const PricedRow& row, std::int64_t from, std::int64_t to) {
  std::int64_t seconds = std::max<std::int64_t>(0, to - from);
  for (const Span& pause : row.pauses)
    seconds -= std::max<std::int64_t>(0, std::min(to, pause.to) - std::max(from, pause.from));
  return std::max<std::int64_t>(0, seconds);
}

}  // namespace

bool Match::Holds(const Payer& payer, std::int64_t time) const {
  if (!span.Contains(time) || !IsIn(clusters, payer.cluster) || !IsIn(partitions, payer.partition) ||
      !IsIn(qos, payer.qos)) {
    return false;
  }
  if (!accounts.empty() &&
      std::none_of(payer.accounts.begin(), payer.accounts.end(),
                   [&](const std::string& account) { return IsIn(accounts, account); })) {
    return false;
  }
  if (departments.empty()) return true;
  return IsIn(departments, payer.departments.empty() ? std::string() : DepartmentAt(payer.departments, time));
}

bool Match::Covers(const Match& other) const {
  return span.Contains(other.span) && HasAll(clusters, other.clusters) &&
         HasAll(partitions, other.partitions) && HasAll(qos, other.qos) && HasAll(accounts, other.accounts) &&
         HasAll(departments, other.departments);
}

// Amounts are in parts of 1 / (10^9 × 1024) of the currency.
struct PriceTable::Hourly {
  int rate = -1;
  Exact price = 0;
  TresCounts unpriced;
};

PriceTable::PriceTable(const PriceBook& book, const slurmdb::TresCatalog& catalog) : book_(book) {
  for (const Rate& rate : book.rates) rates_.push_back(Resolve(rate, catalog));
  rates_.push_back(Resolve({}, catalog));
}

PriceTable::IdRate PriceTable::Resolve(const Rate& rate, const slurmdb::TresCatalog& catalog) const {
  std::map<std::string, const Price*> prices;
  for (const Price& price : rate.prices) prices.emplace(price.tres, &price);
  IdRate resolved;
  std::map<std::string, std::vector<std::uint32_t>> parts;  // of gres/gpu: the ids of gres/gpu:… with a price
  for (const std::uint32_t id : catalog.ids()) {
    const std::string name = catalog.Label(id);
    const bool has_price = prices.contains(name);
    const std::size_t colon = name.starts_with("gres/") ? name.find(':') : std::string::npos;
    const std::string kind = name.substr(0, colon);
    if (colon != std::string::npos && has_price) parts[kind].push_back(id);
    if (has_price || (colon != std::string::npos && prices.contains(kind)) ||
        std::find(book_.free_tres.begin(), book_.free_tres.end(), name) != book_.free_tres.end()) {
      resolved.covered.push_back(id);
    }
  }
  for (const std::uint32_t id : catalog.ids()) {
    const std::string name = catalog.Label(id);
    const auto part = parts.find(name);
    std::vector<std::uint32_t> own = part == parts.end() ? std::vector<std::uint32_t>{} : part->second;
    const auto found = prices.find(name);
    if (found == prices.end()) {
      if (!own.empty()) resolved.partly.emplace_back(id, std::move(own));
      continue;
    }
    const Price& price = *found->second;
    if (id == kTresEnergy) {
      resolved.energy = price.billionths / PowerOfTen(kPricePlaces - kEnergyPricePlaces);
    } else {
      const bool is_memory = catalog.UnitScale(id) != 1;
      resolved.prices.push_back(
          {id, price.billionths * (is_memory ? 1 : kMebibytes), price.combine, std::move(own)});
    }
  }
  return resolved;
}

std::string PricePlan::Text() const {
  std::string text;
  for (const Part& part : parts_) {
    text += fmt::format("{}: {} {} {} {};", part.from, part.rate, part.discount, part.subsidy,
                        fmt::join(part.outcomes, ","));
  }
  return text;
}

PricePlan PriceTable::PlanFor(const Payer& payer) const {
  std::set<std::int64_t> borders = {0};
  AddBorders(book_.rates, borders);
  AddBorders(book_.outcomes, borders);
  AddBorders(book_.discounts, borders);
  AddBorders(book_.subsidies, borders);
  for (const DepartmentSince& department : payer.departments) borders.insert(department.from);
  PricePlan plan;
  for (const std::int64_t from : borders) {
    PricePlan::Part part{from,
                         FirstOf(book_.rates, payer, from),
                         FirstOf(book_.discounts, payer, from),
                         FirstOf(book_.subsidies, payer, from),
                         {}};
    for (std::size_t i = 0; i < book_.outcomes.size(); ++i) {
      if (book_.outcomes[i].match.Holds(payer, from)) part.outcomes.push_back(static_cast<int>(i));
    }
    if (!plan.parts_.empty()) {
      PricePlan::Part same = plan.parts_.back();
      same.from = from;
      if (same == part) continue;
    }
    plan.reduces_ |= part.discount >= 0 || part.subsidy >= 0 || !part.outcomes.empty();
    plan.parts_.push_back(std::move(part));
  }
  return plan;
}

PriceTable::Hourly PriceTable::HourlyOf(int rate, const TresCounts& tres) const {
  Hourly hourly;
  hourly.rate = rate;
  const IdRate& prices = rate < 0 ? rates_.back() : rates_[static_cast<std::size_t>(rate)];
  const auto without = [&](std::uint64_t count, const std::vector<std::uint32_t>& parts) {
    for (const std::uint32_t part : parts) count -= std::min(count, CountOf(tres, part));
    return count;
  };
  std::optional<Exact> largest;
  std::optional<Exact> smallest;
  for (const IdPrice& price : prices.prices) {
    const std::uint64_t count = without(CountOf(tres, price.id), price.parts);
    if (count == 0) continue;
    const Exact amount = Exact(count) * price.price;
    switch (price.combine) {
      case Combine::kSum:
        hourly.price += amount;
        break;
      case Combine::kMax:
        if (!largest || amount > *largest) largest = amount;
        break;
      case Combine::kMin:
        if (!smallest || amount < *smallest) smallest = amount;
        break;
    }
  }
  if (largest) hourly.price += *largest;
  if (smallest) hourly.price += *smallest;
  for (const TresCount& one : tres) {
    if (std::binary_search(prices.covered.begin(), prices.covered.end(), one.id)) continue;
    const auto partly = std::find_if(prices.partly.begin(), prices.partly.end(),
                                     [&](const auto& entry) { return entry.first == one.id; });
    const std::uint64_t count =
        partly == prices.partly.end() ? one.count : without(one.count, partly->second);
    if (count != 0) hourly.unpriced.push_back({one.id, count});
  }
  return hourly;
}

std::uint32_t PriceTable::ShareOf(const PricePlan::Part& part, const PricedRow& row,
                                  std::int64_t seconds) const {
  const slurmdb::JobState state = row.over ? row.state : slurmdb::JobState::kCompleted;
  for (const int index : part.outcomes) {
    const Outcome& outcome = book_.outcomes[static_cast<std::size_t>(index)];
    if (!outcome.states.empty() &&
        std::find(outcome.states.begin(), outcome.states.end(), state) == outcome.states.end()) {
      continue;
    }
    if (outcome.shorter_than && seconds >= *outcome.shorter_than) continue;
    return outcome.share;
  }
  return kWhole;
}

// Adds up what one row costs, from its start on.
class PriceTable::Meter {
 public:
  Meter(const PriceTable& table, const PricePlan& plan, const PricedRow& row)
      : table_(table),
        plan_(plan),
        row_(row),
        at_(row.start),
        seconds_(RunSeconds(row, row.start, row.end)) {}

  // Not backwards.
  void Advance(std::int64_t until) {
    while (at_ < until) {
      const auto part = PartAt(at_);
      const auto next = std::next(part);
      const std::int64_t to = next == plan_.parts_.end() ? until : std::min(until, next->from);
      const std::int64_t seconds = RunSeconds(row_, at_, to);
      at_ = to;
      if (seconds == 0) continue;
      const Hourly& hourly = HourlyOf(part->rate);
      Add(*part, hourly.price * static_cast<std::uint64_t>(seconds));
      for (const TresCount& one : hourly.unpriced) {
        if (one.id != kTresEnergy)
          AddUnpriced(one.id, static_cast<TresSeconds>(one.count) * static_cast<std::uint64_t>(seconds));
      }
    }
  }

  // The row is over: its energy is known. It is paid for at the price of the last second.
  void AddEnergy() {
    const std::uint64_t joules = CountOf(*row_.tres, kTresEnergy);
    if (joules == 0) return;
    const auto part = PartAt(std::max(row_.start, row_.end - 1));
    const IdRate& rate =
        part->rate < 0 ? table_.rates_.back() : table_.rates_[static_cast<std::size_t>(part->rate)];
    if (!std::binary_search(rate.covered.begin(), rate.covered.end(), kTresEnergy))
      AddUnpriced(kTresEnergy, joules);
    Add(*part, Exact(joules) * rate.energy * kMebibytes);
  }

  // What came since the last time.
  Charge Take() {
    const Exact unit = Exact(PowerOfTen(kPricePlaces)) * (kMebibytes * kHour);
    const std::uint64_t digits = PowerOfTen(table_.book_.digits);
    Charge sum;
    sum.list = RoundHalfEven(list_ * digits, unit);
    sum.billed = sum.list;
    if (plan_.reduces_) {
      sum.billed = RoundHalfEven(billed_ * digits, unit * kReductions);
      sum.subsidy = RoundHalfEven(subsidy_ * digits, unit * kReductions);
    }
    Charge charge{sum.list - taken_.list, sum.billed - taken_.billed, sum.subsidy - taken_.subsidy,
                  std::move(unpriced_)};
    unpriced_.clear();
    taken_ = std::move(sum);
    return charge;
  }

 private:
  // Outcome, discount and subsidy together.
  static constexpr std::uint64_t kReductions = std::uint64_t{kWhole} * kWhole * kWhole;

  std::vector<PricePlan::Part>::const_iterator PartAt(std::int64_t time) const {
    const auto after =
        std::upper_bound(plan_.parts_.begin(), plan_.parts_.end(), time,
                         [](std::int64_t wanted, const PricePlan::Part& part) { return wanted < part.from; });
    return after == plan_.parts_.begin() ? after : std::prev(after);
  }

  const Hourly& HourlyOf(int rate) {
    for (const Hourly& hourly : hourly_) {
      if (hourly.rate == rate) return hourly;
    }
    return hourly_.emplace_back(table_.HourlyOf(rate, *row_.tres));
  }

  void Add(const PricePlan::Part& part, const Exact& price) {
    list_ += price;
    if (!plan_.reduces_) return;
    const auto share = [](const std::vector<Reduction>& rules, int index) {
      return index < 0 ? 0 : rules[static_cast<std::size_t>(index)].share;
    };
    const std::uint64_t discounted = std::uint64_t{table_.ShareOf(part, row_, seconds_)} *
                                     (kWhole - share(table_.book_.discounts, part.discount));
    const std::uint64_t paid = share(table_.book_.subsidies, part.subsidy);
    billed_ += price * (discounted * (kWhole - paid));
    subsidy_ += price * (discounted * paid);
  }

  void AddUnpriced(std::uint32_t id, TresSeconds amount) {
    for (auto& [known, sum] : unpriced_) {
      if (known != id) continue;
      sum += amount;
      return;
    }
    unpriced_.emplace_back(id, amount);
  }

  const PriceTable& table_;
  const PricePlan& plan_;
  const PricedRow& row_;
  std::int64_t at_;
  std::int64_t seconds_;  // of the whole row
  std::vector<Hourly> hourly_;
  // In parts of 1 / (10^9 × 1024 × 3600); what is reduced, of that over kReductions.
  Exact list_ = 0;
  Exact billed_ = 0;
  Exact subsidy_ = 0;
  Charge taken_;  // so far
  std::vector<std::pair<std::uint32_t, TresSeconds>> unpriced_;
};

void PriceTable::Spread(const PricePlan& plan, const PricedRow& row, std::span<const std::int64_t> borders,
                        const Sink& sink) const {
  if (borders.size() < 2 || row.end <= borders.front() || row.start > row.end) return;
  Meter meter(*this, plan, row);
  if (row.start < borders.front()) {
    meter.Advance(borders.front());
    meter.Take();
  }
  for (std::size_t slot = 0; slot + 1 < borders.size(); ++slot) {
    const std::int64_t border = borders[slot + 1];
    if (row.start >= border && row.end > border) continue;
    const std::int64_t until = std::min(border, row.end);
    meter.Advance(until);
    if (until == row.end && row.over) meter.AddEnergy();
    sink(slot, meter.Take());
    if (until == row.end) break;
  }
}

}  // namespace pricing
