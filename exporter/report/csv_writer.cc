#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

class CsvWriter : public Writer {
 public:
  explicit CsvWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    Line names;
    for (const Column& column : head.columns) names.emplace_back(column.name);
    Add(names);
  }

  void Add(const Line& line) override {
    emit_(CsvRecord(line));
    emit_("\r\n");
  }

  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override {
    if (totals) emit_("# totals " + CompactJson(*totals) + "\r\n");
    emit_("# provenance " + provenance.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
          "\r\n");
  }

 private:
  Emit emit_;
};

}  // namespace

std::string CsvField(const Value& value) {
  std::string text = TextOf(value);
  if (!std::holds_alternative<std::string>(value)) return text;
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos)
    text.insert(text.begin(), '\'');
  if (text.find_first_of(",\"\r\n") == std::string::npos && !text.starts_with('#')) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string CsvRecord(const Line& line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (i != 0) text += ',';
    text += CsvField(line[i]);
  }
  return text;
}

std::unique_ptr<Writer> MakeCsvWriter(Emit emit) { return std::make_unique<CsvWriter>(std::move(emit)); }

}  // namespace exporter::report
