#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exporter {

inline constexpr std::string_view kReport = "report";

// slurmdbd_exporter report: usage, jobs or transactions of any period as a table, and whether a report that
// was kept still holds; see docs/reports.md. `arguments` are those after the command's name. Returns the exit
// code: 1 when a report does not hold.
int RunReport(const std::vector<std::string>& arguments);

}  // namespace exporter
