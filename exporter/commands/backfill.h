#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exporter {

inline constexpr std::string_view kBackfill = "backfill";

// slurmdbd_exporter backfill: writes the past as files to import, see docs/backfill.md. `arguments` are those
// after the command's name. Returns the exit code.
int RunBackfill(const std::vector<std::string>& arguments);

}  // namespace exporter
