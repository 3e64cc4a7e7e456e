#pragma once

#include <vector>

#include "exporter/settings/settings_table.h"

namespace exporter {

// The flags of a command line as assignments into `table`, each setting at most once. Values are not parsed
// yet, apart from switches, which come out as "true", "false" or the text after '='. Throws ConfigError; its
// text never repeats the value of a flag that does not exist, since that may be a secret.
std::vector<Assignment> ReadCommandLine(int argc, const char* const* argv, const std::vector<Setting>& table);

}  // namespace exporter
