// Limits of associations and QOS: which columns hold them, what sacctmgr calls them, and in which unit.
//
//   for (std::size_t i = 0; i < kAssociationLimits.size(); ++i)
//     if (limits.numbers[i]) Use(kAssociationLimits[i].name, *limits.numbers[i]);
//
// Numbers are in base units: minutes of the database are seconds here. Source of the columns: assoc_table and
// qos_table as slurmdbd creates them, the same in all releases.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/tres.h"

namespace slurmdb {

class AssociationTree;

// A column that holds a number, or a TRES string.
struct LimitColumn {
  std::string_view column;
  std::string_view name;      // as sacctmgr takes it
  std::uint32_t seconds = 1;  // 60: the column holds minutes
  // Of associations: what is not set comes from the nearest account above that has it.
  bool inherited = false;
  // Of QOS with the flag Relative: a percentage of what the cluster has.
  bool relative = false;
};

inline constexpr std::array kAssociationLimits = {
    LimitColumn{"grp_jobs", "GrpJobs"},
    LimitColumn{"grp_jobs_accrue", "GrpJobsAccrue"},
    LimitColumn{"grp_submit_jobs", "GrpSubmitJobs"},
    LimitColumn{"grp_wall", "GrpWall", 60},
    LimitColumn{"max_jobs", "MaxJobs", 1, true},
    LimitColumn{"max_jobs_accrue", "MaxJobsAccrue", 1, true},
    LimitColumn{"max_submit_jobs", "MaxSubmitJobs", 1, true},
    LimitColumn{"max_wall_pj", "MaxWall", 60, true},
    LimitColumn{"min_prio_thresh", "MinPrioThresh", 1, true},
};
inline constexpr std::array kAssociationTresLimits = {
    LimitColumn{"grp_tres", "GrpTRES"},
    LimitColumn{"grp_tres_mins", "GrpTRESMins", 60},
    LimitColumn{"grp_tres_run_mins", "GrpTRESRunMins", 60},
    LimitColumn{"max_tres_pj", "MaxTRESPerJob", 1, true},
    LimitColumn{"max_tres_pn", "MaxTRESPerNode", 1, true},
    LimitColumn{"max_tres_mins_pj", "MaxTRESMinsPerJob", 60, true},
    LimitColumn{"max_tres_run_mins", "MaxTRESRunMins", 60, true},
};
inline constexpr std::array kQosLimits = {
    LimitColumn{"grp_jobs", "GrpJobs"},
    LimitColumn{"grp_jobs_accrue", "GrpJobsAccrue"},
    LimitColumn{"grp_submit_jobs", "GrpSubmitJobs"},
    LimitColumn{"grp_wall", "GrpWall", 60},
    LimitColumn{"max_jobs_pa", "MaxJobsPerAccount"},
    LimitColumn{"max_jobs_per_user", "MaxJobsPerUser"},
    LimitColumn{"max_jobs_accrue_pa", "MaxJobsAccruePerAccount"},
    LimitColumn{"max_jobs_accrue_pu", "MaxJobsAccruePerUser"},
    LimitColumn{"max_submit_jobs_pa", "MaxSubmitJobsPerAccount"},
    LimitColumn{"max_submit_jobs_per_user", "MaxSubmitJobsPerUser"},
    LimitColumn{"max_wall_duration_per_job", "MaxWall", 60},
    LimitColumn{"min_prio_thresh", "MinPrioThresh"},
};
inline constexpr std::array kQosTresLimits = {
    LimitColumn{"grp_tres", "GrpTRES", 1, false, true},
    LimitColumn{"grp_tres_mins", "GrpTRESMins", 60},
    LimitColumn{"grp_tres_run_mins", "GrpTRESRunMins", 60},
    LimitColumn{"max_tres_pa", "MaxTRESPerAccount", 1, false, true},
    LimitColumn{"max_tres_pj", "MaxTRESPerJob", 1, false, true},
    LimitColumn{"max_tres_pn", "MaxTRESPerNode", 1, false, true},
    LimitColumn{"max_tres_pu", "MaxTRESPerUser", 1, false, true},
    LimitColumn{"max_tres_mins_pj", "MaxTRESMinsPerJob", 60},
    LimitColumn{"max_tres_run_mins_pa", "MaxTRESRunMinsPerAccount", 60},
    LimitColumn{"max_tres_run_mins_pu", "MaxTRESRunMinsPerUser", 60},
    LimitColumn{"min_tres_pj", "MinTRESPerJob", 1, false, true},
};

// By the index of the arrays above; what is not set is none, or has no entry. TRES in Slurm's units (mem in
// MiB), times seconds where the limit is of minutes.
template <std::size_t Numbers, std::size_t Tres>
struct LimitSet {
  std::array<std::optional<std::uint64_t>, Numbers> numbers{};
  std::array<TresCounts, Tres> tres{};

  bool operator==(const LimitSet&) const = default;
};
using AssociationLimitSet = LimitSet<kAssociationLimits.size(), kAssociationTresLimits.size()>;
using QosLimitSet = LimitSet<kQosLimits.size(), kQosTresLimits.size()>;

// The index of a limit by its name; the name has to be there.
template <std::size_t N>
constexpr std::size_t LimitIndex(const std::array<LimitColumn, N>& columns, std::string_view name) {
  std::size_t at = 0;
  while (columns[at].name != name) ++at;
  return at;
}

struct AssociationLimits {
  std::optional<std::uint64_t> shares;  // none: the parent's
  AssociationLimitSet set;
};
using AssociationLimitMap = std::map<std::uint32_t, AssociationLimits>;  // by id_assoc, without deleted ones

// A row of qos_table.
struct QosRow {
  static constexpr std::uint32_t kNoDecay = 1U << 8;
  static constexpr std::uint32_t kRelative = 1U << 10;

  std::string name;
  bool deleted = false;
  std::uint32_t flags = 0;
  double usage_factor = 1;
  std::int64_t changed = 0;  // mod_time, when that is later than creation_time; else 0
  QosLimitSet set;
};
using QosMap = std::map<std::uint32_t, QosRow>;  // by id

inline constexpr std::size_t kAssociationGrpWall = LimitIndex(kAssociationLimits, "GrpWall");
inline constexpr std::size_t kAssociationGrpTresMins = LimitIndex(kAssociationTresLimits, "GrpTRESMins");
inline constexpr std::size_t kQosGrpWall = LimitIndex(kQosLimits, "GrpWall");
inline constexpr std::size_t kQosGrpTresMins = LimitIndex(kQosTresLimits, "GrpTRESMins");

// What holds for each association: Grp limits where they are set, the others from the nearest account above
// that has them, TRES by TRES. As `sacctmgr show assoc` shows it.
AssociationLimitMap EffectiveLimits(const AssociationLimitMap& set, const AssociationTree& tree);

// Is there anything that has GrpTRESMins or GrpWall?
bool HasBudgets(const AssociationLimitMap& associations, const QosMap& qos);

// A TRES string times `seconds`; counts that would not fit are left out.
TresCounts ParseLimit(std::string_view text, std::uint32_t seconds);

}  // namespace slurmdb
