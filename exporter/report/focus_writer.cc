#include <date/date.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

// FOCUS 1.0: the FinOps Foundation's columns for what services cost. A line is the sum of many jobs at many
// rates: it is priced as a whole, and has no unit price.
constexpr std::array kColumns = {"BilledCost",      "BillingAccountId", "BillingAccountName",
                                 "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
                                 "ChargeCategory",  "ChargeClass",      "ChargeDescription",
                                 "ChargeFrequency", "ChargePeriodEnd",  "ChargePeriodStart",
                                 "ContractedCost",  "EffectiveCost",    "InvoiceIssuerName",
                                 "ListCost",        "PricingQuantity",  "PricingUnit",
                                 "ProviderName",    "PublisherName",    "RegionId",
                                 "ResourceId",      "ServiceCategory",  "ServiceName",
                                 "SubAccountId",    "SubAccountName",   "Tags"};

std::string Utc(std::int64_t time) {
  return date::format("%Y-%m-%dT%H:%M:%SZ", date::sys_seconds{std::chrono::seconds(time)});
}

class FocusWriter : public Writer {
 public:
  explicit FocusWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    head_ = head;
    for (const char* name : {"department", "charge", "billed"}) {
      if (IndexOf(name) == head_.columns.size())
        throw std::runtime_error("--format=focus needs report cost, and department among what --by says");
    }
    for (const char* name : {"day", "month"}) {
      if (IndexOf(name) != head_.columns.size())
        throw std::runtime_error("--format=focus has lines of the whole period, none by " +
                                 std::string(name));
    }
    Line names(kColumns.begin(), kColumns.end());
    emit_(CsvRecord(names));
    emit_("\r\n");
  }

  void Add(const Line& line) override {
    const auto text = [&](std::string_view name) {
      const std::size_t at = IndexOf(name);
      return at < line.size() ? TextOf(line[at]) : std::string();
    };
    const bool is_credit = text("charge") != "usage";
    const auto amount = [&](std::string_view name) {
      std::string digits = text(name);
      if (is_credit) digits = digits.starts_with('-') ? digits.substr(1) : fmt::format("-{}", digits);
      return Value(Decimal{digits});
    };
    nlohmann::json tags = nlohmann::json::object();
    for (std::size_t i = 0; head_.columns[i].name != "charge"; ++i) {
      const std::string& name = head_.columns[i].name;
      if (name != "department" && name != "account" && !TextOf(line[i]).empty()) tags[name] = TextOf(line[i]);
    }
    const Value billed = is_credit ? amount("free") : Value(Decimal{text("billed")});
    const Value list = is_credit ? billed : Value(Decimal{text("list")});
    const std::string department = text("department");
    const std::string account = text("account");
    const Value nothing;
    const Value description = is_credit ? Value("Free quota") : Value("Compute jobs");
    const Value sub = account.empty() ? nothing : Value(account);
    emit_(CsvRecord({billed,
                     department.empty() ? Value("none") : Value(department),
                     department.empty() ? Value("none") : Value(department),
                     head_.columns[IndexOf("billed")].unit,
                     Utc(head_.to),
                     Utc(head_.from),
                     is_credit ? Value("Credit") : Value("Usage"),
                     nothing,
                     description,
                     "Usage-Based",
                     Utc(head_.to),
                     Utc(head_.from),
                     list,
                     billed,
                     "Slurm",
                     list,
                     is_credit ? nothing : Value(std::uint64_t{1}),
                     is_credit ? nothing : Value("Charges"),
                     "Slurm",
                     "Slurm",
                     nothing,
                     nothing,
                     "Compute",
                     "Slurm",
                     sub,
                     sub,
                     tags.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)}));
    emit_("\r\n");
  }

  // The form has no place for them.
  void End(const std::optional<Line>& /*totals*/, const nlohmann::ordered_json& /*provenance*/) override {}

 private:
  std::size_t IndexOf(std::string_view name) const {
    const auto found = std::find_if(head_.columns.begin(), head_.columns.end(),
                                    [&](const Column& column) { return column.name == name; });
    return static_cast<std::size_t>(found - head_.columns.begin());
  }

  Emit emit_;
  Head head_;
};

}  // namespace

std::unique_ptr<Writer> MakeFocusWriter(Emit emit) { return std::make_unique<FocusWriter>(std::move(emit)); }

}  // namespace exporter::report
