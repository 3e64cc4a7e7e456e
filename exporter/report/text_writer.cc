#include <algorithm>

#include "collectors/slurmdb/utf8.h"
#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

constexpr std::size_t kLinesForWidths = 2000;

bool IsCombining(char32_t c) {
  return (c >= 0x300 && c <= 0x36F) || (c >= 0x483 && c <= 0x489) || (c >= 0x591 && c <= 0x5BD) ||
         (c >= 0x610 && c <= 0x61A) || (c >= 0x64B && c <= 0x65F) || (c >= 0x1AB0 && c <= 0x1AFF) ||
         (c >= 0x1DC0 && c <= 0x1DFF) || (c >= 0x200B && c <= 0x200F) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xFE20 && c <= 0xFE2F);
}

bool IsWide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

// What a terminal would obey, and what turns the direction of text.
bool IsControl(char32_t c) {
  return c < ' ' || (c >= 0x7F && c <= 0x9F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

// Line breaks and other control characters would break the table: anybody names jobs.
std::string OneLine(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const slurmdb::Utf8Sequence sequence = slurmdb::NextUtf8(text);
    if (sequence.valid && IsControl(sequence.code)) {
      line += ' ';
    } else {
      line += text.substr(0, sequence.length);
    }
    text.remove_prefix(sequence.length);
  }
  return line;
}

class TextWriter : public Writer {
 public:
  explicit TextWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    columns_ = head.columns;
    emit_(head.title + "\n");
    for (const auto& [name, value] : head.facts) emit_(name + ": " + OneLine(value) + "\n");
    emit_("\n");
    std::vector<std::string> names;
    for (const Column& column : columns_) {
      names.push_back(column.unit.empty() ? column.name : column.name + " [" + column.unit + "]");
      widths_.push_back(0);
    }
    Hold(std::move(names));
  }

  void Add(const Line& line) override { Hold(Cells(line)); }

  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override {
    if (totals) {
      const std::vector<std::string> cells = Cells(*totals);
      if (!flushed_) Widen(cells);
      Flush();
      Rule();
      Print(cells);
    }
    Flush();
    emit_("\n");
    for (const auto& [key, value] : provenance.items()) {
      if (key == "request" || key == "totals") continue;
      if (key == "checks") {
        for (const auto& check : value) emit_("check: " + OneLine(check.value("text", std::string())) + "\n");
        continue;
      }
      emit_(key + ": " + OneLine(value.is_string() ? value.get<std::string>() : value.dump()) + "\n");
    }
  }

 private:
  static std::vector<std::string> Cells(const Line& line) {
    std::vector<std::string> cells;
    cells.reserve(line.size());
    for (const Value& value : line) cells.push_back(OneLine(TextOf(value)));
    return cells;
  }

  void Widen(const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }

  void Hold(std::vector<std::string> cells) {
    if (flushed_) {
      Print(cells);
      return;
    }
    Widen(cells);
    held_.push_back(std::move(cells));
    if (held_.size() > kLinesForWidths) Flush();
  }

  void Flush() {
    if (flushed_) return;
    flushed_ = true;
    for (std::size_t i = 0; i < held_.size(); ++i) {
      Print(held_[i]);
      if (i == 0) Rule();
    }
    held_.clear();
  }

  void Rule() {
    std::string line;
    for (std::size_t i = 0; i < widths_.size(); ++i)
      line += (i == 0 ? "" : "  ") + std::string(std::max<std::size_t>(widths_[i], 1), '-');
    emit_(line + "\n");
  }

  void Print(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) line += "  ";
      const std::size_t width = DisplayWidth(cells[i]);
      const std::string space(widths_[i] > width ? widths_[i] - width : 0, ' ');
      line += columns_[i].kind == ColumnKind::kText ? cells[i] + space : space + cells[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    emit_(line + "\n");
  }

  Emit emit_;
  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> held_;
  bool flushed_ = false;
};

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const slurmdb::Utf8Sequence sequence = slurmdb::NextUtf8(text);
    text.remove_prefix(sequence.length);
    if (sequence.valid && IsCombining(sequence.code)) continue;
    width += sequence.valid && IsWide(sequence.code) ? 2 : 1;
  }
  return width;
}

std::unique_ptr<Writer> MakeTextWriter(Emit emit) { return std::make_unique<TextWriter>(std::move(emit)); }

}  // namespace exporter::report
