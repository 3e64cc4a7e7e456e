// What is asked for: which report, of which period, parted and selected how. It goes into the provenance,
// from which `report verify` takes it again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/report/period.h"

namespace exporter::report {

// What lines can be parted and selected by.
enum class Dimension { kCluster, kDepartment, kAccount, kUser, kPartition, kQos, kWckey, kDay, kMonth };
inline constexpr std::array kAllDimensions = {
    Dimension::kCluster, Dimension::kDepartment, Dimension::kAccount, Dimension::kUser, Dimension::kPartition,
    Dimension::kQos,     Dimension::kWckey,      Dimension::kDay,     Dimension::kMonth};
std::string_view DimensionName(Dimension dimension);
// None for a name that is none.
std::optional<Dimension> DimensionOf(std::string_view name);

// Where usage comes from: what slurmdbd has rolled up, which is what sreport says; or job rows, cut at the
// borders of the period, which is what `sacct -D --truncate` says.
enum class Source { kAuto, kRollUps, kJobs };
std::string_view SourceName(Source source);

struct Request {
  std::string report;
  Window window;
  std::vector<Dimension> by;
  std::map<Dimension, std::vector<std::string>> only;  // names in lower case; nothing: all
  bool tree = false;                                   // accounts with what is below them
  Source source = Source::kAuto;
  std::vector<std::string> tres;    // all that occur when empty
  std::vector<std::string> fields;  // of `report jobs`
  bool truncate = false;
  std::int64_t as_of = 0;  // what "now" was

  bool By(Dimension dimension) const;
  // Parted or selected by it.
  bool Uses(Dimension dimension) const;
  // Is this name among those selected?
  bool Accepts(Dimension dimension, std::string_view name) const;

  bool operator==(const Request&) const = default;
};

nlohmann::ordered_json ToJson(const Request& request);
// Throws std::runtime_error for what ToJson does not write.
Request RequestOf(const nlohmann::json& json);

}  // namespace exporter::report
