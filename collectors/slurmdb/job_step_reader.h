// job_table and step_table of one cluster, as the rows that a JobLedger asks for by Rule::kEfficiency.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "collectors/slurmdb/job_efficiency.h"
#include "collectors/slurmdb/job_reader.h"

namespace slurmdb {

class JobStepReader : public JobReader {
 public:
  JobStepReader(Connection& db, const Schema& schema, const std::string& cluster,
                const EfficiencyRules& rules);

  // The table it reads beyond those of JobReader, unquoted, for Schema::Probe.
  static std::string Table(const std::string& cluster);
  // The formula of the seff that came with the release the tables are of.
  static MemoryFormula FormulaOf(const Schema& schema, const std::string& cluster);
  // Are the columns there without which nothing can be said?
  bool readable() const;
  // Columns it can do without that are not there, as "table.column".
  std::vector<std::string> MissingColumns() const;

 private:
  struct Row;

  void Read(const char* purpose, const std::string& index, const std::string& where,
            const Sink& sink) override;
  void ReadSteps(std::span<Row*> rows);

  const Schema& schema_;
  EfficiencyRules rules_;
  std::string steps_;       // quoted table name
  std::string steps_name_;  // unquoted
};

}  // namespace slurmdb
