#include "exporter/backfill/manifest.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "exporter/files.h"
#include "exporter/log.h"

namespace exporter {
namespace {

std::string PathOf(const std::string& folder) { return folder + "/backfill.json"; }

std::string ValueIn(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

}  // namespace

std::optional<Parameters> ReadManifest(const std::string& folder) {
  const std::string path = PathOf(folder);
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    return nlohmann::json::parse(ReadFile(path)).get<Parameters>();
  } catch (const nlohmann::json::exception&) {
    throw std::runtime_error(log::Quote(path) + " is not what a backfill has written");
  }
}

void AgreeOnManifest(const std::string& folder, const Parameters& parameters) {
  const std::optional<Parameters> before = ReadManifest(folder);
  if (!before) {
    std::filesystem::create_directories(folder);
    if (!std::filesystem::is_empty(folder))
      throw std::runtime_error(log::Quote(folder) + " is not empty, and no backfill began in it");
    ReplaceFile(PathOf(folder), nlohmann::json(parameters).dump(2) + "\n");
    return;
  }
  Parameters all = parameters;
  all.insert(before->begin(), before->end());
  for (const auto& [name, any] : all) {
    const std::string was = ValueIn(*before, name);
    const std::string is = ValueIn(parameters, name);
    if (was == is) continue;
    throw std::runtime_error(
        fmt::format("{} was begun with {} {}, not {}: go on with that, or choose another folder",
                    log::Quote(folder), name, log::Quote(was), log::Quote(is)));
  }
}

}  // namespace exporter
