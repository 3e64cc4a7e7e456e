// job_table and step_table of one cluster, as the rows that a JobLedger asks for by Rule::kEfficiency.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/slurmdb/job_efficiency.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

class JobStepReader : public JobReader {
 public:
  JobStepReader(Connection& db, const Schema& schema, const std::string& cluster,
                const EfficiencyRules& rules);

  // The table it reads beyond those of JobReader, unquoted, for Schema::Probe.
  static std::string Table(const std::string& cluster);
  // The rules of the seff that came with the release the tables are of, unless another `formula` is wanted.
  static EfficiencyRules RulesOf(const Schema& schema, const std::string& cluster, const TresCatalog& tres,
                                 std::optional<MemoryFormula> formula);
  // Are the columns there without which nothing can be said?
  bool readable() const;
  // Columns it can do without that are not there, as "table.column".
  std::vector<std::string> MissingColumns() const;
  // Whether a row's steps are worth looking for: only an ended one is measured.
  static bool MayHaveSteps(const JobRow& row);
  // What the steps of these rows used, by job_db_inx; nothing of rows without steps.
  std::unordered_map<std::uint64_t, StepUse> ReadUses(std::span<const std::uint64_t> db_inxs);

 private:
  struct Row;

  void Read(const char* purpose, const std::string& index, const std::string& where,
            const Sink& sink) override;

  const Schema& schema_;
  EfficiencyRules rules_;
  std::string steps_;       // quoted table name
  std::string steps_name_;  // unquoted
};

}  // namespace slurmdb
