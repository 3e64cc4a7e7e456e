#include "exporter/report/job_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/value.h"

namespace exporter::report {
namespace {

using slurmdb::JobRecord;
using slurmdb::JobState;

std::int64_t Signed(std::uint64_t time) { return static_cast<std::int64_t>(time); }

// When it ran and how long, as sacct works it out.
struct Run {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t elapsed = 0;
  std::int64_t suspended = 0;
};

Run RunOf(const JobView& view) {
  const JobRecord& job = *view.job;
  Run run{Signed(job.time_start), Signed(job.time_end), 0, 0};
  if (run.end != 0 && run.start > run.end) run.start = run.end;
  if (view.cut != nullptr) {
    if (run.start != 0 && run.start < view.cut->from) run.start = view.cut->from;
    if (run.end == 0 || run.end > view.cut->to) run.end = view.cut->to;
    if (run.start == 0) run.start = run.end;
    run.elapsed = run.end - run.start;
    // Only suspensions that are over are taken off.
    for (const slurmdb::Suspension& suspension : job.suspensions) {
      const std::int64_t from = std::max(run.start, Signed(suspension.time_start));
      const std::int64_t to = std::min(run.end, Signed(suspension.time_end));
      if (to <= from) continue;
      run.elapsed -= to - from;
      run.suspended += to - from;
    }
  } else {
    run.suspended = Signed(job.time_suspended);
    if (slurmdb::JobStateOf(job.state) == JobState::kSuspended) run.suspended = view.now - run.suspended;
    if (run.start != 0) run.elapsed = (run.end == 0 ? view.now : run.end) - run.start;
    run.elapsed -= run.suspended;
  }
  run.elapsed = std::max<std::int64_t>(0, run.elapsed);
  return run;
}

std::string TimeText(const JobView& view, std::int64_t time) {
  if (time == 0) return "Unknown";
  if (time == static_cast<std::int64_t>(slurmdb::kInfinite)) return "None";
  return view.history->calendar().Text(time);
}

std::uint64_t CountOf(std::string_view tres, std::uint32_t id) {
  for (const slurmdb::TresCount& count : slurmdb::ParseTres(tres)) {
    if (count.id == id) return count.count;
  }
  return 0;
}

// What it asked for where it got nothing, as sacct has it.
std::uint64_t Cpus(const JobView& view) {
  const std::uint64_t allocated = CountOf(view.job->tres_alloc, slurmdb::kTresCpu);
  return allocated != 0 ? allocated : view.job->about.cpus_req;
}

std::string ExitText(std::uint64_t status) {
  const std::uint64_t signal = status & 0x7F;
  std::uint64_t code = (status >> 8U) & 0xFF;
  if (code >= 128) code -= 128;
  return fmt::format("{}:{}", code, signal);
}

const slurmdb::AssociationRow* AssociationOf(const JobView& view) {
  return view.cluster->associations().Find(view.job->id_assoc);
}

std::string JobIdText(const JobView& view) {
  const JobRecord& job = *view.job;
  const auto& about = job.about;
  std::string id;
  if (about.het_job_id != 0 && !slurmdb::IsUnset32(about.het_job_offset)) {
    id = fmt::format("{}+{}", about.het_job_id, about.het_job_offset);
  } else if (!about.array_tasks.empty()) {
    id = fmt::format("{}_[{}]", about.id_array_job != 0 ? about.id_array_job : job.key.id_job,
                     ArrayTasks(about.array_tasks, about.array_max_tasks));
  } else if (about.id_array_job != 0 && !slurmdb::IsUnset32(about.id_array_task)) {
    id = fmt::format("{}_{}", about.id_array_job, about.id_array_task);
  } else {
    id = std::to_string(job.key.id_job);
  }
  return id;
}

std::string StateText(const JobView& view) {
  const JobState state = slurmdb::JobStateOf(view.job->state);
  std::string text(slurmdb::JobStateName(state));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (state == JobState::kCancelled && view.job->about.killed_by)
    text += fmt::format(" by {}", *view.job->about.killed_by);
  return text;
}

std::string StartText(const JobView& view) {
  const Run run = RunOf(view);
  // It never got as far, and slurmctld has said so.
  constexpr std::uint64_t kStartReceived = 16;
  const JobState state = slurmdb::JobStateOf(view.job->state);
  if (run.start == 0 && state > JobState::kSuspended && (view.job->about.flags & kStartReceived) != 0)
    return "None";
  return TimeText(view, run.start);
}

std::string TimelimitText(const JobView& view) {
  const std::uint64_t limit = view.job->about.timelimit;
  if (limit == slurmdb::kInfinite) return "UNLIMITED";
  if (limit == slurmdb::kNoVal) return "Partition_Limit";
  return Duration(static_cast<std::int64_t>(limit) * 60);
}

std::string TimelimitRawText(const JobView& view) {
  const std::uint64_t limit = view.job->about.timelimit;
  return slurmdb::IsUnset32(limit) ? TimelimitText(view) : std::to_string(limit);
}

std::uint64_t Nodes(const JobView& view) {
  const std::uint64_t allocated = CountOf(view.job->tres_alloc, slurmdb::kTresNode);
  if (allocated != 0) return allocated;
  if (view.job->about.nodes_alloc != 0) return view.job->about.nodes_alloc;
  return CountOf(view.job->about.tres_req, slurmdb::kTresNode);
}

// The time from when it could have started until it did.
std::int64_t Planned(const JobView& view) {
  const JobRecord& job = *view.job;
  const std::int64_t eligible = Signed(job.time_eligible);
  if (!slurmdb::IsInstant(job.time_eligible)) return 0;
  const Run run = RunOf(view);
  std::int64_t until = run.start;
  if (until == 0) until = run.end == 0 ? view.now : run.end;
  return std::max<std::int64_t>(0, until - eligible);
}

}  // namespace

std::string JobUser(const JobView& view) {
  const slurmdb::AssociationRow* row = AssociationOf(view);
  return row != nullptr && !row->user.empty() ? row->user : std::to_string(view.job->id_user);
}

std::string JobAccount(const JobView& view) {
  const slurmdb::AssociationRow* row = AssociationOf(view);
  return row != nullptr ? row->account : view.job->account;
}

std::string JobQos(const JobView& view) {
  const auto name = view.history->qos().find(view.job->id_qos);
  return name == view.history->qos().end() ? "" : name->second;
}

std::string Duration(std::int64_t seconds) {
  const std::int64_t days = seconds / 86400;
  const std::string time =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  return days == 0 ? time : fmt::format("{}-{}", days, time);
}

std::string ArrayTasks(std::string_view mask, std::uint32_t at_most) {
  if (!mask.starts_with("0x")) return std::string(mask);
  std::vector<std::uint32_t> tasks;
  std::uint32_t bit = 0;
  for (std::size_t i = mask.size(); i-- > 2; bit += 4) {
    const char c = mask[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    for (unsigned j = 0; j < 4; ++j) {
      if ((digit >> j & 1U) != 0) tasks.push_back(bit + j);
    }
  }
  std::string text;
  const std::uint32_t step = tasks.size() > 1 ? tasks[1] - tasks[0] : 0;
  bool even = tasks.size() > 2;
  for (std::size_t i = 1; i < tasks.size(); ++i) even = even && tasks[i] - tasks[i - 1] == step;
  if (even && step > 1) {
    text = fmt::format("{}-{}:{}", tasks.front(), tasks.back(), step);
  } else {
    for (std::size_t i = 0; i < tasks.size();) {
      std::size_t last = i;
      while (last + 1 < tasks.size() && tasks[last + 1] == tasks[last] + 1) ++last;
      if (!text.empty()) text += ',';
      text += last == i ? std::to_string(tasks[i]) : fmt::format("{}-{}", tasks[i], tasks[last]);
      i = last + 1;
    }
  }
  return at_most == 0 ? text : fmt::format("{}%{}", text, at_most);
}

std::string TresText(std::string_view tres, const slurmdb::TresCatalog& catalog) {
  std::vector<std::string> parts;
  for (const slurmdb::TresCount& count : slurmdb::ParseTres(tres)) {
    std::string amount = std::to_string(count.count);
    if (catalog.UnitScale(count.id) > 1) {
      // In the largest unit that needs no more than a half.
      constexpr std::string_view kUnits = "MGTPE";
      std::uint64_t halves = count.count * 2;
      std::size_t unit = 0;
      while (halves >= 2048 && halves % 1024 == 0 && unit + 1 < kUnits.size()) {
        halves /= 1024;
        ++unit;
      }
      amount = fmt::format("{}{}{}", halves / 2, halves % 2 == 0 ? "" : ".50",
                           count.count == 0 ? "" : kUnits.substr(unit, 1));
    }
    parts.push_back(catalog.Label(count.id) + "=" + amount);
  }
  std::sort(parts.begin(), parts.end());
  return fmt::format("{}", fmt::join(parts, ","));
}

const std::vector<JobField>& JobFields() {
  static const std::vector<JobField> kFields = {
      {"Account", JobAccount},
      {"AllocCPUS", [](const JobView& v) { return std::to_string(Cpus(v)); }},
      {"AllocNodes",
       [](const JobView& v) { return std::to_string(CountOf(v.job->tres_alloc, slurmdb::kTresNode)); }},
      {"AllocTRES", [](const JobView& v) { return TresText(v.job->tres_alloc, v.history->tres()); }},
      {"AssocID", [](const JobView& v) { return std::to_string(v.job->id_assoc); }},
      {"Cluster", [](const JobView& v) { return v.cluster->name(); }},
      {"CPUTime",
       [](const JobView& v) { return Duration(RunOf(v).elapsed * static_cast<std::int64_t>(Cpus(v))); }},
      {"CPUTimeRAW",
       [](const JobView& v) {
         return std::to_string(RunOf(v).elapsed * static_cast<std::int64_t>(Cpus(v)));
       }},
      {"DBIndex", [](const JobView& v) { return std::to_string(v.job->db_inx); }},
      {"DerivedExitCode", [](const JobView& v) { return ExitText(v.job->about.derived_exit_code); }},
      {"Elapsed", [](const JobView& v) { return Duration(RunOf(v).elapsed); }},
      {"ElapsedRaw", [](const JobView& v) { return std::to_string(RunOf(v).elapsed); }},
      {"Eligible", [](const JobView& v) { return TimeText(v, Signed(v.job->time_eligible)); }},
      {"End", [](const JobView& v) { return TimeText(v, RunOf(v).end); }},
      {"ExitCode", [](const JobView& v) { return ExitText(v.job->about.exit_code); }},
      {"GID", [](const JobView& v) { return std::to_string(v.job->about.id_group); }},
      {"JobID", JobIdText},
      {"JobIDRaw", [](const JobView& v) { return std::to_string(v.job->key.id_job); }},
      {"JobName", [](const JobView& v) { return v.job->about.name; }},
      {"NCPUS", [](const JobView& v) { return std::to_string(Cpus(v)); }},
      {"NNodes", [](const JobView& v) { return std::to_string(Nodes(v)); }},
      {"NodeList", [](const JobView& v) { return v.job->about.nodelist; }},
      {"Partition", [](const JobView& v) { return v.job->partition; }},
      {"Planned", [](const JobView& v) { return Duration(Planned(v)); }},
      {"Priority", [](const JobView& v) { return std::to_string(v.job->about.priority); }},
      {"QOS", JobQos},
      {"QOSRAW", [](const JobView& v) { return std::to_string(v.job->id_qos); }},
      {"ReqCPUS", [](const JobView& v) { return std::to_string(v.job->about.cpus_req); }},
      {"ReqTRES", [](const JobView& v) { return TresText(v.job->about.tres_req, v.history->tres()); }},
      {"Start", StartText},
      {"State", StateText},
      {"Submit", [](const JobView& v) { return TimeText(v, Signed(v.job->key.time_submit)); }},
      {"Suspended", [](const JobView& v) { return Duration(RunOf(v).suspended); }},
      {"Timelimit", TimelimitText},
      {"TimelimitRaw", TimelimitRawText},
      {"UID", [](const JobView& v) { return std::to_string(v.job->id_user); }},
      {"User", JobUser},
      {"WCKey", [](const JobView& v) { return v.job->about.wckey; }},
  };
  return kFields;
}

const JobField* FindJobField(std::string_view name) {
  const std::string wanted = slurmdb::LowerCase(name);
  for (const JobField& field : JobFields()) {
    if (slurmdb::LowerCase(field.name) == wanted) return &field;
  }
  return nullptr;
}

const std::vector<std::string>& DefaultJobFields() {
  static const std::vector<std::string> kNames = {"JobID", "User",       "Account",  "Partition",
                                                  "QOS",   "State",      "Submit",   "Start",
                                                  "End",   "ElapsedRaw", "AllocTRES"};
  return kNames;
}

}  // namespace exporter::report
