// A report as a table: typed columns, lines and what stands below them, and who writes it down.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace exporter::report {

enum class ColumnKind { kText, kInteger, kDecimal };

struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::kText;
  std::string unit;  // "s" for TRES-seconds, "MiB·s", "J"; empty for none

  bool operator==(const Column&) const = default;
};

// An exact decimal number, as its digits: "-12.30".
struct Decimal {
  std::string digits;

  bool operator==(const Decimal&) const = default;
};

// With the places of the one that has more.
Decimal Sum(const Decimal& one, const Decimal& other);

// Nothing where something is not known.
using Value = std::variant<std::monostate, std::string, std::uint64_t, Decimal>;
using Line = std::vector<Value>;

// As people read it: the text, the digits, or nothing.
std::string TextOf(const Value& value);
// As JSON: numbers as they are, decimals as text, which no reader rounds.
nlohmann::json JsonOf(const Value& value);
// A line on one line of JSON, which is also what is summed up in a report's SHA-256.
std::string CompactJson(const Line& line);

struct Head {
  std::string report;  // "usage"
  std::string title;
  // What to know to read the lines: the window, the source, what was selected.
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<Column> columns;
  // The period, epoch seconds.
  std::int64_t from = 0;
  std::int64_t to = 0;
  // A printed report has a page for each value of the first column, with this total below it: lines may be
  // parts of one another.
  std::optional<std::map<std::string, Line>> pages;
};

// Where bytes go.
using Emit = std::function<void(std::string_view)>;

// Writes a table in some form: Begin, Add for each line, End. Memory does not grow with the lines.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void Begin(const Head& head) = 0;
  virtual void Add(const Line& line) = 0;
  // `totals` has a value for each column, nothing for those that have none.
  virtual void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) = 0;
};

// Sums of the columns of integers and amounts of money; the first column says that it is the total. Modulo
// 2^64, as usage is.
class Totals {
 public:
  explicit Totals(const std::vector<Column>& columns);
  void Add(const Line& line);
  const Line& line() const { return line_; }

 private:
  Line line_;
};

}  // namespace exporter::report
