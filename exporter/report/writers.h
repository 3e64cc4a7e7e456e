// The forms in which a report is written, one class each.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/report/table.h"

namespace exporter::report {

// Columns side by side for a terminal. Widths are those of the first lines; longer ones stick out.
std::unique_ptr<Writer> MakeTextWriter(Emit emit);
// RFC 4180 with a line of names. Text that a spreadsheet would take for a formula gets an apostrophe before
// it. Totals and provenance follow as lines that begin with "# ".
std::unique_ptr<Writer> MakeCsvWriter(Emit emit);
// One object, a line of it a line of the report: {"report", "title", "facts", "columns", "lines", "totals",
// "provenance"}.
std::unique_ptr<Writer> MakeJsonWriter(Emit emit);
// A table of GitHub's Markdown.
std::unique_ptr<Writer> MakeMarkdownWriter(Emit emit);
// A page to print: when the head says so, one for each value of the first column, with totals of its own.
std::unique_ptr<Writer> MakeHtmlWriter(Emit emit);

// Costs as the columns of FOCUS 1.0, in CSV. Begin throws std::runtime_error for other reports.
std::unique_ptr<Writer> MakeFocusWriter(Emit emit);

// "table", "csv", "json", "markdown", "html", "focus"; another: nullptr.
std::unique_ptr<Writer> MakeWriter(std::string_view format, Emit emit);
const std::vector<std::string>& WriterNames();

// Parts of them, for tests.
std::string CsvField(const Value& value);
// Without a line break.
std::string CsvRecord(const Line& line);
std::string MarkdownCell(std::string_view text);
std::string HtmlText(std::string_view text);
// Columns of a terminal that text takes: none for combining marks, two for wide East Asian characters.
std::size_t DisplayWidth(std::string_view text);
// "1 234 567", with narrow spaces that do not break.
std::string Grouped(std::string_view digits);

}  // namespace exporter::report
