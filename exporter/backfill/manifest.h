// What the files of a folder were made with, so that a backfill that was broken off goes on as it began.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace exporter {

using Parameters = std::map<std::string, std::string>;

// Those of an earlier run; none for a new folder. Throws std::runtime_error that names the file.
std::optional<Parameters> ReadManifest(const std::string& folder);

// Makes the folder and writes them down; or compares with those that are there. Throws std::runtime_error
// that names the first that differs.
void AgreeOnManifest(const std::string& folder, const Parameters& parameters);

}  // namespace exporter
