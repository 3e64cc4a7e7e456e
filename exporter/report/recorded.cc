#include "exporter/report/recorded.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "exporter/report/sheet.h"
#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

// Parts CSV at the line breaks that are not within quotes.
std::vector<std::string> CsvRecords(std::string_view text) {
  std::vector<std::string> records;
  std::string record;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c == '\n' && !quoted) {
      if (record.ends_with('\r')) record.pop_back();
      records.push_back(std::move(record));
      record.clear();
      continue;
    }
    record += c;
    // Provenance is no CSV: its quotes do not count.
    if (record.size() == 1 && c == '#') quoted = false;
    if (record.front() == '#') quoted = false;
  }
  if (!record.empty()) records.push_back(std::move(record));
  return records;
}

Recorded OfCsv(std::string_view text) {
  constexpr std::string_view kProvenance = "# provenance ";
  constexpr std::string_view kTotals = "# totals ";
  Recorded recorded;
  recorded.form = Recorded::Form::kCsv;
  bool first = true;
  for (const std::string& record : CsvRecords(text)) {
    if (first) {
      recorded.columns = {record};
      first = false;
    } else if (record.starts_with(kProvenance)) {
      recorded.provenance = nlohmann::json::parse(record.substr(kProvenance.size()));
    } else if (record.starts_with(kTotals)) {
      recorded.totals = record.substr(kTotals.size());
    } else if (!record.starts_with('#')) {
      ++recorded.lines[record];
      ++recorded.number_of_lines;
    }
  }
  return recorded;
}

std::string WithUnit(const Column& column) {
  return column.unit.empty() ? column.name : fmt::format("{} [{}]", column.name, column.unit);
}

Recorded OfJson(std::string_view text) {
  Recorded recorded;
  const nlohmann::json json = nlohmann::json::parse(text);
  recorded.title = json.at("title");
  for (const auto& column : json.at("columns"))
    recorded.columns.push_back(WithUnit({column.at("name"), ColumnKind::kText, column.at("unit")}));
  recorded.provenance = json.at("provenance");
  if (const auto& totals = json.at("totals"); !totals.is_null()) recorded.totals = totals.dump();
  struct Nowhere : Writer {
    void Begin(const Head&) override {}
    void Add(const Line&) override {}
    void End(const std::optional<Line>&, const nlohmann::ordered_json&) override {}
  } nowhere;
  Sheet sheet(nowhere);
  sheet.Begin({});
  for (const auto& values : json.at("lines")) {
    Line line;
    for (const auto& value : values) {
      if (value.is_number_unsigned()) {
        line.emplace_back(value.get<std::uint64_t>());
      } else if (value.is_null()) {
        line.emplace_back();
      } else {
        line.emplace_back(value.get<std::string>());
      }
    }
    sheet.Add(line);
    ++recorded.lines[CompactJson(line)];
    ++recorded.number_of_lines;
  }
  sheet.End({});
  if (recorded.provenance.value("lines_sha256", "") != sheet.sha256())
    recorded.altered = "its lines are not those that its SHA-256 was made of";
  return recorded;
}

}  // namespace

Recorded ReadRecorded(std::string_view text) try {
  Recorded recorded = text.starts_with('{') ? OfJson(text) : OfCsv(text);
  if (!recorded.provenance.is_object() || !recorded.provenance.contains("request"))
    throw std::runtime_error("it has no provenance: reports of the forms json and csv have");
  recorded.request = RequestOf(recorded.provenance["request"]);
  if (recorded.altered.empty() &&
      recorded.provenance.value("lines", std::uint64_t{0}) != recorded.number_of_lines)
    recorded.altered = "it does not have as many lines as it says";
  return recorded;
} catch (const nlohmann::json::exception& error) {
  throw std::runtime_error(std::string("it is no report of the form json or csv: ") + error.what());
}

Comparison::Comparison(const Recorded& recorded) : recorded_(recorded), left_(recorded.lines) {}

void Comparison::Begin(const Head& head) {
  std::vector<std::string> columns;
  Line names;
  for (const Column& column : head.columns) {
    columns.push_back(WithUnit(column));
    names.emplace_back(column.name);
  }
  if (recorded_.form == Recorded::Form::kCsv) {
    columns = {CsvRecord(names)};
  }
  if (!recorded_.title.empty() && recorded_.title != head.title) {
    same_head_ = false;
    differences_.push_back(fmt::format("- title: {}", recorded_.title));
    differences_.push_back(fmt::format("+ title: {}", head.title));
  }
  if (columns != recorded_.columns) {
    same_head_ = false;
    differences_.push_back(fmt::format("- columns: {}", fmt::join(recorded_.columns, ", ")));
    differences_.push_back(fmt::format("+ columns: {}", fmt::join(columns, ", ")));
  }
}

void Comparison::Add(const Line& line) {
  const std::string text = recorded_.form == Recorded::Form::kCsv ? CsvRecord(line) : CompactJson(line);
  const auto found = left_.find(text);
  if (found == left_.end()) {
    ++added_;
    if (differences_.size() < kShown) differences_.push_back(fmt::format("+ {}", text));
  } else if (--found->second == 0) {
    left_.erase(found);
  }
}

void Comparison::End(const std::optional<Line>& totals, const nlohmann::ordered_json& /*provenance*/) {
  const std::string now = totals ? CompactJson(*totals) : "";
  same_totals_ = now == recorded_.totals;
  if (!same_totals_) {
    differences_.push_back(fmt::format("- totals: {}", recorded_.totals));
    differences_.push_back(fmt::format("+ totals: {}", now));
  }
  for (const auto& [text, count] : left_) {
    gone_ += static_cast<std::uint64_t>(count);
    if (differences_.size() < 2 * kShown) differences_.push_back(fmt::format("- {}", text));
  }
}

}  // namespace exporter::report
