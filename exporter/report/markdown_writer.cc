#include <fmt/format.h>

#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

class MarkdownWriter : public Writer {
 public:
  explicit MarkdownWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    emit_(fmt::format("# {}\n\n", MarkdownCell(head.title)));
    for (const auto& [name, value] : head.facts)
      emit_(fmt::format("- {}: {}\n", MarkdownCell(name), MarkdownCell(value)));
    std::string names = "\n|";
    std::string marks = "|";
    for (const Column& column : head.columns) {
      names += fmt::format(" {}", MarkdownCell(column.name));
      if (!column.unit.empty()) names += fmt::format(" [{}]", MarkdownCell(column.unit));
      names += " |";
      marks += column.kind == ColumnKind::kText ? " --- |" : " ---: |";
    }
    emit_(names + "\n" + marks + "\n");
  }

  void Add(const Line& line) override { Row(line, ""); }

  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override {
    if (totals) Row(*totals, "**");
    emit_("\n");
    for (const auto& check : provenance.value("checks", nlohmann::ordered_json::array()))
      emit_(fmt::format("- {}\n", MarkdownCell(check.value("text", std::string()))));
    emit_("\n```json\n" + provenance.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
          "\n```\n");
  }

 private:
  void Row(const Line& line, std::string_view mark) {
    std::string text = "|";
    for (const Value& value : line) {
      const std::string cell = MarkdownCell(TextOf(value));
      text += " ";
      if (!cell.empty()) text.append(mark).append(cell).append(mark);
      text += " |";
    }
    emit_(text + "\n");
  }

  Emit emit_;
};

}  // namespace

std::string MarkdownCell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\|*_`[]<>&#").find(c) != std::string_view::npos) {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

std::unique_ptr<Writer> MakeMarkdownWriter(Emit emit) {
  return std::make_unique<MarkdownWriter>(std::move(emit));
}

}  // namespace exporter::report
