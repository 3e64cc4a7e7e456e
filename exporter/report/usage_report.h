// TRES-seconds by whatever they are asked for by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/pricing/departments.h"
#include "collectors/slurmdb/history.h"
#include "exporter/report/request.h"
#include "exporter/report/sheet.h"

namespace exporter::report {

// The seconds that a job row held its TRES within each of the parts that `borders` cut the time into: parts
// [borders[i], borders[i + 1]), ascending. What it was suspended is left out, as sacct does; where its
// suspensions are not known one by one they are taken off its end. An open row runs on.
std::vector<std::int64_t> HeldSeconds(const slurmdb::JobRecord& job,
                                      const std::vector<std::int64_t>& borders);

// Turns Source::kAuto into the one there is, and cuts the window to what that has. Throws std::runtime_error
// that names the flag when it cannot be had.
void SettleUsage(Request& request, slurmdb::History& history);

// A line for each combination that used anything, sorted; a column for each TRES in TRES-seconds of Slurm's
// units. Sums are exact, modulo 2^64.
void MakeUsage(const Request& request, slurmdb::History& history, const pricing::Departments& departments,
               const slurmdb::HistoryProgress& progress, Head head, Sheet& sheet);

}  // namespace exporter::report
