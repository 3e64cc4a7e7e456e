// The state column of event_table: a base state in the low four bits and flags above (slurm.h, NODE_STATE_*).
#pragma once

#include <cstdint>
#include <string_view>

namespace slurmdb {

inline constexpr std::uint64_t kNodeBase = 0xf;
inline constexpr std::uint64_t kNodeFuture = 6;
inline constexpr std::uint64_t kNodeCloud = 0x80;
inline constexpr std::uint64_t kNodeDrain = 0x200;
inline constexpr std::uint64_t kNodeCompleting = 0x400;
inline constexpr std::uint64_t kNodePoweredDown = 0x1000;
inline constexpr std::uint64_t kNodeFail = 0x2000;
inline constexpr std::uint64_t kNodePoweringUp = 0x4000;
inline constexpr std::uint64_t kNodeMaint = 0x8000;
inline constexpr std::uint64_t kNodePoweringDown = 0x40000;
inline constexpr std::uint64_t kNodeInvalid = 0x400000;

// The one word that sinfo and sacctmgr show for a state, in lower case: "down", "drained", … Marks such as
// the star of a node that does not respond are left out.
constexpr std::string_view NodeStateName(std::uint64_t state) {
  const std::uint64_t base = state & kNodeBase;
  const auto has = [&](std::uint64_t flag) { return (state & flag) != 0; };
  const bool busy = base == 3 || base == 5 || has(kNodeCompleting);
  if (has(kNodeInvalid)) return "inval";
  if (has(kNodeMaint) && !has(kNodeDrain) && base != 1 && base != 3 && base != 5) return "maint";
  if (has(kNodeDrain)) return busy ? "draining" : "drained";
  if (has(kNodeFail)) return busy ? "failing" : "fail";
  if (has(kNodePoweringDown)) return "powering_down";
  if (base == 1) return "down";
  if (has(kNodePoweredDown)) return "powered_down";
  if (has(kNodePoweringUp)) return "powering_up";
  switch (base) {
    case 2:
      return "idle";
    case 3:
      return "allocated";
    case 4:
      return "error";
    case 5:
      return "mixed";
    case kNodeFuture:
      return "future";
    default:
      return "unknown";
  }
}

}  // namespace slurmdb
