// Whether the accounting database holds all of a period, and for good.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "collectors/slurmdb/accounting.h"
#include "collectors/slurmdb/history.h"
#include "exporter/report/request.h"

namespace exporter::report {

struct Check {
  std::string cluster;
  std::string name;  // "rolled_up", "gaps", "reroll", "history", "period", "runaways", "time_zone", "prices"
  bool well = true;
  std::string text;
};

// Of the clusters that are read, just those asked for. `request` has to outlive the options.
void KeepClustersOf(const Request& request, slurmdb::AccountingOptions& options);

// Of roll-ups, or of job rows, whichever the request takes. `asked_to` is where its window was to end.
std::vector<Check> CheckHistory(const Request& request, std::int64_t asked_to, slurmdb::History& history);
// What the audit collector knows of runaway jobs and of the time zone, from a connection of its own.
std::vector<Check> CheckAudit(const Request& request, slurmdb::AccountingOptions options, std::int64_t now);

nlohmann::ordered_json ToJson(const std::vector<Check>& checks);
// "complete", or "incomplete" when any check is not well.
std::string Verdict(const std::vector<Check>& checks);

}  // namespace exporter::report
