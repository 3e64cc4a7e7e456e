// What became of a cluster's capacity, from its own usage tables, as the rows a UsageBook asks for. What the
// book calls an association is here a CapacityKind.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

class Connection;
class Schema;

// The first five add up to the capacity; what is overcommitted comes on top.
enum class CapacityKind : std::uint32_t { kAllocated, kDown, kPlannedDown, kIdle, kPlanned, kOvercommitted };
inline constexpr std::array kAllCapacityKinds = {CapacityKind::kAllocated,   CapacityKind::kDown,
                                                 CapacityKind::kPlannedDown, CapacityKind::kIdle,
                                                 CapacityKind::kPlanned,     CapacityKind::kOvercommitted};
// The label: "allocated", "planned_down", …
std::string_view CapacityKindName(CapacityKind kind);

class ClusterUsageReader : public UsageSource {
 public:
  // `db` and `schema` are kept by reference; `as_of`: changes are looked for in the rows not long before.
  ClusterUsageReader(Connection& db, const Schema& schema, const std::string& cluster,
                     std::vector<std::uint32_t> tres, std::int64_t as_of);

  // The tables it reads, unquoted, for Schema::Probe.
  static std::vector<std::string> Tables(const std::string& cluster);

  bool Has(UsageKind kind) const override;
  UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) override;
  // None: ReadMarks tells of every change.
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& /*from*/) override { return {}; }
  void Read(UsageKind kind, UsageLevel level, std::int64_t from, std::optional<std::int64_t> changed_after,
            const Sink& sink) override;

  // Rows with from <= time_start < to.
  void ReadWithin(UsageLevel level, std::int64_t from, std::int64_t to, const Sink& sink);

 private:
  void Fetch(UsageLevel level, const std::string& and_where, const Sink& sink);
  std::string PlannedColumn(const std::string& table) const;

  Connection& db_;
  const Schema& schema_;
  std::string cluster_;
  std::vector<std::uint32_t> tres_;
  std::int64_t as_of_;
};

}  // namespace slurmdb
