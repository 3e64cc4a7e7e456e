#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view KindName(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::kText:
      return "text";
    case ColumnKind::kInteger:
      return "integer";
    case ColumnKind::kDecimal:
      return "decimal";
  }
  return "";
}

class JsonWriter : public Writer {
 public:
  explicit JsonWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    nlohmann::ordered_json facts = nlohmann::ordered_json::object();
    for (const auto& [name, value] : head.facts) facts[name] = value;
    nlohmann::ordered_json columns = nlohmann::ordered_json::array();
    for (const Column& column : head.columns)
      columns.push_back({{"name", column.name}, {"kind", KindName(column.kind)}, {"unit", column.unit}});
    emit_("{\"report\":" + Dump(head.report) + ",\n\"title\":" + Dump(head.title) +
          ",\n\"facts\":" + Dump(facts) + ",\n\"columns\":" + Dump(columns) + ",\n\"lines\":[");
  }

  void Add(const Line& line) override {
    emit_((first_ ? "\n" : ",\n") + CompactJson(line));
    first_ = false;
  }

  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override {
    emit_("\n],\n\"totals\":" + (totals ? CompactJson(*totals) : std::string("null")) +
          ",\n\"provenance\":" + Dump(provenance) + "}\n");
  }

 private:
  Emit emit_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<Writer> MakeJsonWriter(Emit emit) { return std::make_unique<JsonWriter>(std::move(emit)); }

}  // namespace exporter::report
