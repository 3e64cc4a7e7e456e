#include "exporter/report/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace exporter::report {
namespace {

constexpr std::int64_t kHour = 3600;

void CheckRollUps(const Request& request, std::int64_t asked_to, slurmdb::History& history,
                  slurmdb::ClusterHistory& cluster, std::vector<Check>& checks) {
  const slurmdb::Calendar& calendar = history.calendar();
  const auto rolled_up = cluster.ReadRolledUp(calendar, request.as_of);
  const auto add = [&](const char* name, bool well, const std::string& text) {
    checks.push_back({cluster.name(), name, well, fmt::format("{}: {}", cluster.name(), text)});
  };
  const std::int64_t until = rolled_up.until[0];
  add("rolled_up", until >= asked_to,
      until == 0 ? "nothing is rolled up"
                 : fmt::format("rolled up until {}{}", calendar.Text(until),
                               until >= asked_to ? "" : ", the period goes on"));
  if (until != 0)
    add("reroll", rolled_up.settled >= request.window.to,
        rolled_up.settled >= request.window.to
            ? "nothing of the period waits to be rolled up once more"
            : fmt::format("will be rolled up once more from {} on", calendar.Text(rolled_up.settled)));
  const std::vector<std::int64_t> starts = cluster.ReadHours(0, request.window.to);
  const std::int64_t oldest =
      starts.empty() ? request.window.to : slurmdb::HourStart(calendar, starts.front());
  // Seconds that no hour has in it: where clocks change by half an hour, hours are not whole ones apart.
  std::int64_t missing = 0;
  std::int64_t first = 0;
  std::int64_t seen = std::max(oldest, request.window.from);
  const auto skip_to = [&](std::int64_t time) {
    if (time > seen && missing == 0) first = seen;
    missing += std::max<std::int64_t>(0, time - seen);
  };
  for (const std::int64_t start : starts) {
    if (start + kHour <= seen) continue;
    skip_to(start);
    seen = start + kHour;
  }
  skip_to(request.window.to);
  add("gaps", missing == 0,
      missing == 0 ? "no hour of the period is missing"
                   : fmt::format("{} hours of the period have no usage, the first {}",
                                 (missing + kHour - 1) / kHour, calendar.Text(first)));
  if (oldest > request.window.from)
    add("history", false,
        starts.empty()
            ? "no usage is there of the period"
            : fmt::format("usage goes back to {}, the period began before", calendar.Text(oldest)));
}

// Before the oldest row that is there were no jobs, or they were purged.
Check CheckJobRows(const Request& request, const slurmdb::Calendar& calendar,
                   slurmdb::ClusterHistory& cluster) {
  const auto check = [&](bool well, const std::string& text) {
    return Check{cluster.name(), "history", well, fmt::format("{}: {}", cluster.name(), text)};
  };
  const std::optional<std::int64_t> oldest = cluster.ReadOldestEnd();
  if (oldest && *oldest <= request.window.from) return check(true, "job rows go back before the period");
  if (!cluster.HasUsage(slurmdb::UsageKind::kAssociation))
    return check(
        false, "job rows do not go back before the period, and usage, which would tell why, cannot be read");
  const std::int64_t kept_from = cluster.JobsKeptFrom(calendar, request.window.from, request.as_of);
  if (kept_from <= request.window.from) return check(true, "no usage is older than the oldest job row");
  return check(false, fmt::format("job rows go back to {}, usage goes back further: rows were purged",
                                  calendar.Text(kept_from)));
}

}  // namespace

void KeepClustersOf(const Request& request, slurmdb::AccountingOptions& options) {
  options.accepts_cluster = [accepts = options.accepts_cluster, &request](std::string_view name) {
    return accepts(name) && request.Accepts(Dimension::kCluster, name);
  };
}

std::vector<Check> CheckHistory(const Request& request, std::int64_t asked_to, slurmdb::History& history) {
  std::vector<Check> checks;
  for (const std::string& name : history.clusters()) {
    if (!request.Accepts(Dimension::kCluster, name)) continue;
    slurmdb::ClusterHistory& cluster = history.Cluster(name);
    if (request.source == Source::kRollUps) {
      CheckRollUps(request, asked_to, history, cluster, checks);
      continue;
    }
    checks.push_back(CheckJobRows(request, history.calendar(), cluster));
    if (asked_to > request.as_of)
      checks.push_back({name, "period", false, fmt::format("{}: the period goes on", name)});
  }
  return checks;
}

std::vector<Check> CheckAudit(const Request& request, slurmdb::AccountingOptions options, std::int64_t now) {
  std::vector<Check> checks;
  // Counters would start now: what has ended is nothing that is looked at.
  options.epoch = now;
  KeepClustersOf(request, options);
  slurmdb::Accounting accounting(std::move(options));
  accounting.StartPoll();
  for (const slurmdb::ClusterFailure& failure : accounting.Require(slurmdb::Book::kAudit))
    checks.push_back({failure.cluster, "audit", false,
                      fmt::format("{}: could not be checked: {}", failure.cluster, failure.message)});
  constexpr std::int64_t kFresh = 0;
  const slurmdb::AccountingView view = accounting.View(slurmdb::Book::kAudit, kFresh);
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    if (const auto& runaways = cluster.audit->runaways()) {
      std::uint64_t number = 0;
      std::string reasons;
      for (const auto& [reason, count] : *runaways) {
        // It uses nothing, however long it waits.
        if (reason == slurmdb::RunawayReason::kPendingForLong) continue;
        number += count;
        if (count != 0)
          reasons +=
              fmt::format("{}{} {}", reasons.empty() ? "" : ", ", count, slurmdb::RunawayReasonName(reason));
      }
      checks.push_back(
          {name, "runaways", number == 0,
           number == 0 ? fmt::format("{}: no open job looks like a runaway", name)
                       : fmt::format("{}: {} open jobs look like runaways ({})", name, number, reasons)});
    }
  }
  for (const slurmdb::ClusterView& cluster : accounting.View(slurmdb::Book::kUsage, kFresh).clusters) {
    if (cluster.usage != nullptr && cluster.usage->days_agree() == false)
      checks.push_back(
          {std::string(cluster.name), "time_zone", false,
           fmt::format("{}: slurmdbd's days do not begin when those of --timezone do", cluster.name)});
  }
  return checks;
}

nlohmann::ordered_json ToJson(const std::vector<Check>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    list.push_back(
        {{"cluster", check.cluster}, {"check", check.name}, {"ok", check.well}, {"text", check.text}});
  }
  return list;
}

std::string Verdict(const std::vector<Check>& checks) {
  return std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.well; })
             ? "complete"
             : "incomplete";
}

}  // namespace exporter::report
