#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

constexpr std::string_view kStyle = R"(
@page { size: A4; margin: 18mm 15mm; }
body { font: 10pt/1.4 system-ui, sans-serif; color: #1a1a1a; max-width: 60em; margin: 2em auto; padding: 0 1em; }
section { break-after: page; }
section:last-of-type { break-after: auto; }
h1 { font-size: 16pt; margin: 0 0 .2em; }
h2 { font-size: 13pt; margin: 0 0 .8em; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1.2em; margin: 0 0 1.2em; }
dt { color: #666; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 1.5pt solid #1a1a1a; padding: .3em .6em .3em 0; }
td { border-bottom: .5pt solid #ddd; padding: .25em .6em .25em 0; }
.n { text-align: right; padding-right: 0; padding-left: .6em; white-space: nowrap; }
tr { break-inside: avoid; }
thead { display: table-header-group; }
tfoot td { font-weight: 700; border-top: 1.5pt solid #1a1a1a; border-bottom: none; }
footer { margin-top: 2em; font-size: 8pt; color: #555; overflow-wrap: anywhere; }
)";

// So many columns of long numbers find room on an upright page.
constexpr std::size_t kUpright = 9;

class HtmlWriter : public Writer {
 public:
  explicit HtmlWriter(Emit emit) : emit_(std::move(emit)) {}

  void Begin(const Head& head) override {
    head_ = head;
    emit_("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" +
          HtmlText(head.title) + "</title>\n<style>" + std::string(kStyle) +
          (head.columns.size() > kUpright ? "@page { size: A4 landscape; }\n" : "") +
          "</style>\n</head>\n<body>\n");
    if (!head_.pages) Open("");
  }

  void Add(const Line& line) override {
    if (head_.pages) {
      const std::string page = TextOf(line.at(0));
      if (!open_ || page != page_) {
        ClosePage();
        page_ = page;
        Open(page);
      }
    }
    Row(line);
  }

  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override {
    if (!head_.pages) {
      Close(totals);
    } else {
      ClosePage();
      if (totals) {
        Open("All");
        Close(totals);
      }
    }
    emit_("<footer>\n");
    for (const auto& check : provenance.value("checks", nlohmann::ordered_json::array()))
      emit_("<div>" + HtmlText(check.value("text", std::string())) + "</div>\n");
    emit_("<div>" + HtmlText(provenance.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) +
          "</div>\n</footer>\n</body>\n</html>\n");
  }

 private:
  std::string Class(std::size_t column) const {
    return head_.columns[column].kind == ColumnKind::kText ? "" : " class=\"n\"";
  }

  void Open(const std::string& page) {
    open_ = true;
    emit_("<section>\n<h1>" + HtmlText(head_.title) + "</h1>\n");
    if (head_.pages) emit_("<h2>" + HtmlText(page.empty() ? "(none)" : page) + "</h2>\n");
    emit_("<dl>");
    for (const auto& [name, value] : head_.facts)
      emit_("<dt>" + HtmlText(name) + "</dt><dd>" + HtmlText(value) + "</dd>");
    emit_("</dl>\n<table>\n<thead><tr>");
    for (std::size_t i = First(); i < head_.columns.size(); ++i) {
      const Column& column = head_.columns[i];
      emit_("<th" + Class(i) + ">" + HtmlText(column.name) +
            (column.unit.empty() ? "" : " <small>" + HtmlText(column.unit) + "</small>") + "</th>");
    }
    emit_("</tr></thead>\n<tbody>\n");
  }

  void Row(const Line& line) {
    std::string text = "<tr>";
    for (std::size_t i = First(); i < line.size(); ++i) {
      const bool number = head_.columns[i].kind != ColumnKind::kText;
      const std::string cell = TextOf(line[i]);
      text += "<td" + Class(i) + ">" + (number ? Grouped(cell) : HtmlText(cell)) + "</td>";
    }
    emit_(text + "</tr>\n");
  }

  void ClosePage() {
    const auto totals = head_.pages->find(page_);
    Close(totals == head_.pages->end() ? std::nullopt : std::optional(totals->second));
  }

  void Close(const std::optional<Line>& totals) {
    if (!open_) return;
    open_ = false;
    emit_("</tbody>\n");
    if (totals) {
      Line line = *totals;
      const std::size_t first = First();
      if (first < line.size() && head_.columns[first].kind == ColumnKind::kText) line[first] = "Total";
      emit_("<tfoot>");
      Row(line);
      emit_("</tfoot>\n");
    }
    emit_("</table>\n</section>\n");
  }

  // The page's own column stands in its heading.
  std::size_t First() const { return head_.pages ? 1 : 0; }

  Emit emit_;
  Head head_;
  bool open_ = false;
  std::string page_;
};

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Grouped(std::string_view digits) {
  const std::size_t begin = digits.starts_with('-') ? 1 : 0;
  const std::size_t end = std::min(digits.find('.'), digits.size());
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > begin && i < end && (end - i) % 3 == 0) out += "\u202f";
    out += digits[i];
  }
  return out;
}

std::unique_ptr<Writer> MakeHtmlWriter(Emit emit) { return std::make_unique<HtmlWriter>(std::move(emit)); }

}  // namespace exporter::report
