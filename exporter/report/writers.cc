#include "exporter/report/writers.h"

#include <utility>

namespace exporter::report {

const std::vector<std::string>& WriterNames() {
  static const std::vector<std::string> kNames = {"table", "csv", "json", "markdown", "html", "focus"};
  return kNames;
}

std::unique_ptr<Writer> MakeWriter(std::string_view format, Emit emit) {
  if (format == "table") return MakeTextWriter(std::move(emit));
  if (format == "csv") return MakeCsvWriter(std::move(emit));
  if (format == "json") return MakeJsonWriter(std::move(emit));
  if (format == "markdown") return MakeMarkdownWriter(std::move(emit));
  if (format == "html") return MakeHtmlWriter(std::move(emit));
  if (format == "focus") return MakeFocusWriter(std::move(emit));
  return nullptr;
}

}  // namespace exporter::report
