#include "exporter/report/table.h"

#include <fmt/format.h>

namespace exporter::report {

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
  }
}

}  // namespace exporter::report
