#include "exporter/report/table.h"

#include <fmt/format.h>

#include "collectors/pricing/money.h"

namespace exporter::report {

namespace {

__extension__ using Wide = __int128;

struct Scaled {
  Wide units = 0;
  int places = 0;
};

Scaled ScaledOf(const Decimal& decimal) {
  Scaled scaled;
  bool fraction = false;
  for (const char c : decimal.digits) {
    if (c == '.') fraction = true;
    if (c < '0' || c > '9') continue;
    scaled.units = scaled.units * 10 + (c - '0');
    if (fraction) ++scaled.places;
  }
  if (decimal.digits.starts_with('-')) scaled.units = -scaled.units;
  return scaled;
}

}  // namespace

Decimal Sum(const Decimal& one, const Decimal& other) {
  Scaled a = ScaledOf(one);
  Scaled b = ScaledOf(other);
  for (; a.places < b.places; ++a.places) a.units *= 10;
  for (; b.places < a.places; ++b.places) b.units *= 10;
  return {pricing::FormatMoney(a.units + b.units, a.places)};
}

std::string TextOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* decimal = std::get_if<Decimal>(&value)) return decimal->digits;
  return "";
}

nlohmann::json JsonOf(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return *number;
  if (const auto* decimal = std::get_if<Decimal>(&value)) return decimal->digits;
  return nullptr;
}

std::string CompactJson(const Line& line) {
  nlohmann::json array = nlohmann::json::array();
  for (const Value& value : line) array.push_back(JsonOf(value));
  return array.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Totals::Totals(const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    if (column.kind == ColumnKind::kInteger) {
      line_.emplace_back(std::uint64_t{0});
    } else if (column.kind == ColumnKind::kDecimal && !column.unit.empty()) {
      line_.emplace_back(Decimal{"0"});
    } else {
      line_.emplace_back();
    }
  }
  if (!columns.empty() && columns[0].kind == ColumnKind::kText) line_[0] = "Total";
}

void Totals::Add(const Line& line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    auto* sum = std::get_if<std::uint64_t>(&line_[i]);
    const auto* number = std::get_if<std::uint64_t>(&line[i]);
    if (sum != nullptr && number != nullptr) *sum += *number;
    auto* amount = std::get_if<Decimal>(&line_[i]);
    const auto* more = std::get_if<Decimal>(&line[i]);
    if (amount != nullptr && more != nullptr) *amount = Sum(*amount, *more);
  }
}

}  // namespace exporter::report
