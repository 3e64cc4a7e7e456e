#pragma once

// The strict YAML reader: what it does not know, or would have to guess at, is an error with file, line,
// column and key.

#include <string>
#include <vector>

#include "exporter/settings/settings_table.h"

namespace exporter {

// The settings in the file, in its order, each at most once; pointers are into `table`. An empty file has
// none. Nested maps and dotted keys mean the same. Refused: keys that are unknown, given twice or allowed
// only as flags, maps and lists in the wrong place, anchors, aliases, merge keys, tags, a second document.
// Throws ConfigError.
std::vector<Assignment> ReadConfigFile(const std::string& path, const std::vector<Setting>& table);

// The same for text in memory; `path` is only for messages.
std::vector<Assignment> ParseConfigText(const std::string& text, const std::string& path,
                                        const std::vector<Setting>& table);

}  // namespace exporter
