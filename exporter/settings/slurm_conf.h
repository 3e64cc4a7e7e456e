#pragma once

// The few lines of a slurm.conf that decide how usage counts against quotas.
//
//   const SlurmConf conf = ReadSlurmConf("/etc/slurm/slurm.conf");
//   conf.half_life;   // seconds
//
// Names are compared without regard to case, `Include` is followed, a last line ending in a backslash goes
// on, the rest of the file is not looked at. Definition of the lines: slurm.conf(5).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/slurmdb/quota_book.h"

namespace exporter {

struct SlurmConf {
  std::int64_t half_life = std::int64_t{7} * 86400;  // PriorityDecayHalfLife, seconds; 0: no decay
  slurmdb::ResetPeriod reset = slurmdb::ResetPeriod::kNone;
  // False for PriorityUsageResetPeriod=NOW: usage is reset whenever slurmctld starts, nobody knows when.
  bool reset_is_known = true;
  // True if slurmctld counts usage at all: PriorityType=priority/multifactor, and AccountingStorageEnforce
  // with limits.
  bool counts_usage = false;
  std::map<std::string, std::string> partition_qos;  // by partition
};

// Throws std::runtime_error that names the file, and the line, when one cannot be read or understood.
SlurmConf ReadSlurmConf(const std::string& path);

// "none", "daily", …, in any case; none for another text.
std::optional<slurmdb::ResetPeriod> ResetPeriodOf(std::string_view text);

// Slurm's spelling of a time: "10" (minutes), "10:30", "1:10:30", "2-12" (days and hours), "2-12:30",
// "2-12:30:15"; in seconds, rounded up to minutes as Slurm does. "UNLIMITED" gives 0; none for another text.
std::optional<std::int64_t> SlurmTime(std::string_view text);

}  // namespace exporter
