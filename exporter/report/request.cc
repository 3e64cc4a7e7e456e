#include "exporter/report/request.h"

#include <algorithm>
#include <stdexcept>

#include "collectors/slurmdb/lower_case.h"

namespace exporter::report {
namespace {

constexpr std::array<std::string_view, kAllDimensions.size()> kDimensionNames = {
    "cluster", "department", "account", "user", "partition", "qos", "wckey", "day", "month"};
constexpr std::array<std::string_view, 3> kSourceNames = {"auto", "rollups", "jobs"};

}  // namespace

std::string_view DimensionName(Dimension dimension) {
  return kDimensionNames[static_cast<std::size_t>(dimension)];
}

std::optional<Dimension> DimensionOf(std::string_view name) {
  for (const Dimension dimension : kAllDimensions) {
    if (DimensionName(dimension) == name) return dimension;
  }
  return std::nullopt;
}

std::string_view SourceName(Source source) { return kSourceNames[static_cast<std::size_t>(source)]; }

bool Request::By(Dimension dimension) const { return std::find(by.begin(), by.end(), dimension) != by.end(); }

bool Request::Uses(Dimension dimension) const { return By(dimension) || only.contains(dimension); }

bool Request::Accepts(Dimension dimension, std::string_view name) const {
  const auto names = only.find(dimension);
  if (names == only.end()) return true;
  return std::find(names->second.begin(), names->second.end(), slurmdb::LowerCase(name)) !=
         names->second.end();
}

nlohmann::ordered_json ToJson(const Request& request) {
  nlohmann::ordered_json by = nlohmann::ordered_json::array();
  for (const Dimension dimension : request.by) by.push_back(DimensionName(dimension));
  nlohmann::ordered_json only = nlohmann::ordered_json::object();
  for (const auto& [dimension, names] : request.only) only[std::string(DimensionName(dimension))] = names;
  return {{"report", request.report},
          {"from", request.window.from},
          {"to", request.window.to},
          {"by", by},
          {"only", only},
          {"tree", request.tree},
          {"source", SourceName(request.source)},
          {"tres", request.tres},
          {"fields", request.fields},
          {"truncate", request.truncate},
          {"as_of", request.as_of}};
}

Request RequestOf(const nlohmann::json& json) try {
  Request request;
  request.report = json.at("report");
  request.window = {json.at("from"), json.at("to")};
  const auto dimension = [](const std::string& name) {
    const std::optional<Dimension> found = DimensionOf(name);
    if (!found) throw std::runtime_error("nothing is parted by \"" + name + "\"");
    return *found;
  };
  for (const auto& name : json.at("by")) request.by.push_back(dimension(name));
  for (const auto& [name, names] : json.at("only").items())
    request.only[dimension(name)] = names.get<std::vector<std::string>>();
  request.tree = json.at("tree");
  const auto source =
      std::find(kSourceNames.begin(), kSourceNames.end(), json.at("source").get<std::string>());
  if (source == kSourceNames.end()) throw std::runtime_error("an unknown source");
  request.source = static_cast<Source>(source - kSourceNames.begin());
  request.tres = json.at("tres").get<std::vector<std::string>>();
  request.fields = json.at("fields").get<std::vector<std::string>>();
  request.truncate = json.at("truncate");
  request.as_of = json.at("as_of");
  return request;
} catch (const nlohmann::json::exception& error) {
  throw std::runtime_error(std::string("its provenance does not say what was asked for: ") + error.what());
}

}  // namespace exporter::report
