#include "collectors/slurmdb/job_step_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
namespace {

// MariaDB makes a table of a list of a thousand, and joins it.
constexpr std::size_t kKeysPerStatement = 500;

MemoryFormula FormulaOf(const Schema& schema, const std::string& cluster) {
  const std::string jobs = cluster + "_job_table";
  if (schema.Has(jobs, "restart_cnt")) return MemoryFormula::kTotal;      // from 24.11 on
  if (schema.Has(jobs, "failed_node")) return MemoryFormula::kAllocated;  // from 23.02 on
  return MemoryFormula::kRequested;
}

}  // namespace

// A row of job_table that outlives its statement: its steps are asked for by another one.
struct JobStepReader::Row {
  JobRow job;
  std::string account;
  std::string partition;
  std::string tres_alloc;
};

JobStepReader::JobStepReader(Connection& db, const Schema& schema, const std::string& cluster,
                             const EfficiencyRules& rules)
    : JobReader(db, schema, cluster, Rule::kEfficiency),
      schema_(schema),
      rules_(rules),
      steps_(ClusterTable(cluster, "step_table")),
      steps_name_(Table(cluster)) {}

std::string JobStepReader::Table(const std::string& cluster) { return cluster + "_step_table"; }

EfficiencyRules JobStepReader::RulesOf(const Schema& schema, const std::string& cluster,
                                       const TresCatalog& tres, std::optional<MemoryFormula> formula) {
  return {formula ? *formula : FormulaOf(schema, cluster), tres.IdOf("gres/gpu"), tres.IdOf("gres/gpuutil"),
          tres.IdOf("gres/gpumem")};
}

bool JobStepReader::MayHaveSteps(const JobRow& row) { return row.time_end != 0 && !row.tres_alloc.empty(); }

bool JobStepReader::readable() const {
  return schema_.HasAll(steps_name_, {"job_db_inx", "state", "user_sec", "user_usec", "sys_sec", "sys_usec"});
}

std::vector<std::string> JobStepReader::MissingColumns() const {
  std::vector<std::string> missing;
  const auto need = [&](const std::string& table, std::initializer_list<const char*> columns) {
    for (const char* column : columns) {
      if (!schema_.Has(table, column)) missing.push_back(table + "." + column);
    }
  };
  need(steps_name_, {"tres_usage_in_tot"});
  if (rules_.memory != MemoryFormula::kTotal) need(steps_name_, {"tres_usage_in_max", "task_cnt"});
  if (rules_.memory == MemoryFormula::kRequested) need(name_, {"mem_req", "nodes_alloc"});
  return missing;
}

void JobStepReader::Read(const char* purpose, const std::string& index, const std::string& where,
                         const Sink& sink) {
  std::vector<Row> found;
  {
    const bool by_request =
        rules_.memory == MemoryFormula::kRequested && schema_.HasAll(name_, {"mem_req", "nodes_alloc"});
    Result rows = db_.Query(
        purpose, fmt::format("SELECT job_db_inx, id_job, time_submit, id_assoc, state, time_start, time_end, "
                             "time_suspended, tres_alloc, account, `partition`, {} FROM {} FORCE INDEX ({}) "
                             "WHERE {}",
                             by_request ? "mem_req, nodes_alloc" : "NULL, NULL", jobs_, index, where));
    while (rows.Next()) {
      Row& row = found.emplace_back();
      row.job.db_inx = rows[0].AsU64();
      row.job.key = {rows[1].AsU32(), rows[2].AsU64()};
      row.job.id_assoc = rows[3].AsU32Or(0);
      row.job.state = rows[4].AsU64();
      row.job.time_start = rows[5].AsU64Or(0);
      row.job.time_end = rows[6].AsU64Or(0);
      row.job.time_suspended = rows[7].AsU64Or(0);
      row.tres_alloc = rows[8].raw();
      row.account = rows[9].Text();
      row.partition = rows[10].Text();
      row.job.mem_req = rows[11].AsU64Or(0);
      row.job.nodes_alloc = rows[12].AsU32Or(0);
    }
  }
  std::vector<std::uint64_t> with_steps;
  for (Row& row : found) {
    row.job.account = row.account;
    row.job.partition = row.partition;
    row.job.tres_alloc = row.tres_alloc;
    if (MayHaveSteps(row.job)) with_steps.push_back(row.job.db_inx);
  }
  const auto uses = ReadUses(with_steps);
  for (Row& row : found) {
    if (const auto use = uses.find(row.job.db_inx); use != uses.end()) row.job.steps = use->second;
    sink(row.job);
  }
}

std::unordered_map<std::uint64_t, StepUse> JobStepReader::ReadUses(std::span<const std::uint64_t> db_inxs) {
  std::unordered_map<std::uint64_t, StepUse> uses;
  const auto column = [&](const char* name) { return schema_.ColumnOr(steps_name_, name); };
  const bool by_task = rules_.memory != MemoryFormula::kTotal;
  const std::string columns =
      fmt::format("job_db_inx, state, user_sec, user_usec, sys_sec, sys_usec, {}, {}, {}",
                  by_task ? column("task_cnt") : "NULL",
                  by_task && schema_.Has(steps_name_, "task_cnt") ? column("tres_usage_in_max") : "NULL",
                  column("tres_usage_in_tot"));
  for (std::size_t first = 0; first < db_inxs.size(); first += kKeysPerStatement) {
    const auto keys = db_inxs.subspan(first, std::min(kKeysPerStatement, db_inxs.size() - first));
    // PRIMARY (job_db_inx, id_step, step_het_comp), and no order beyond its.
    Result steps = db_.Query("steps", fmt::format("SELECT {} FROM {} FORCE INDEX (PRIMARY) WHERE job_db_inx "
                                                  "IN ({})",
                                                  columns, steps_, fmt::join(keys, ", ")));
    while (steps.Next()) {
      StepRow step;
      step.state = steps[1].AsU64Or(0);
      step.user_sec = steps[2].AsU64Or(0);
      step.user_usec = steps[3].AsU64Or(0);
      step.sys_sec = steps[4].AsU64Or(0);
      step.sys_usec = steps[5].AsU64Or(0);
      step.tasks = steps[6].AsU32Or(0);
      step.usage_max = steps[7].raw();
      step.usage_total = steps[8].raw();
      AddStep(step, rules_, uses[steps[0].AsU64()]);
    }
  }
  return uses;
}

}  // namespace slurmdb
