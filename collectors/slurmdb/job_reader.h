// job_table, suspend_table and last_ran_table of one cluster, as the rows a JobLedger asks for.
#pragma once

#include <string>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"

namespace slurmdb {

class Connection;
class Schema;

class JobReader : public JobSource {
 public:
  // `db` and `schema` are kept by reference. Columns that the ledger's rule does not use are not read;
  // without a rule, those that any rule uses, but for steps.
  JobReader(Connection& db, const Schema& schema, const std::string& cluster,
            std::optional<Rule> rule = Rule::kRealTime, std::uint32_t rows_per_page = 20'000);

  // The tables it reads, unquoted, for Schema::Probe.
  static std::vector<std::string> Tables(const std::string& cluster);
  // Columns it can do without that are not there, as "table.column".
  std::vector<std::string> MissingColumns() const;

  void ReadOpen(const Sink& sink) override;
  void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) override;
  // By pages of the primary key when that is most of the table, by days else: a row costs the server half as
  // much where it need not be looked up from the index of ends.
  void ReadHistory(std::int64_t from, std::int64_t to, const Sink& sink) override;
  void ReadByKey(std::span<const JobKey> keys, const Sink& sink) override;
  void ReadInsertedAfter(std::uint64_t after, std::int64_t ended_before, const Sink& sink) override;
  std::vector<Suspension> ReadSuspensions(std::span<const std::uint64_t> db_inxs) override;
  std::uint64_t MaxDbInx() override;
  std::optional<std::int64_t> LastHourlyRollup() override;
  // Rows with from <= time_end < to that were submitted within [submitted_from, submitted_to).
  void ReadSubmitted(std::int64_t from, std::int64_t to, std::int64_t submitted_from,
                     std::int64_t submitted_to, const Sink& sink);
  // When the oldest job that is there ended; none while none has.
  std::optional<std::int64_t> OldestEnd();
  // The first start among the thousands of rows that ended first; none while none has started.
  std::optional<std::int64_t> OldestStart();

 protected:
  // The rows that `where` finds by `index`.
  virtual void Read(const char* purpose, const std::string& index, const std::string& where,
                    const Sink& sink);

  Connection& db_;
  std::string jobs_;  // quoted table name
  std::string name_;  // job_table, unquoted

 private:
  // More than half of the time that the table's ended rows span.
  bool IsMostOfTable(std::int64_t from, std::int64_t to);
  // The key `rows_per_page_` rows after `key`; none when there are not as many.
  std::optional<std::uint64_t> NextPage(std::uint64_t key);

  std::string suspends_;  // quoted table names
  std::string last_ran_;
  bool has_timelimit_;
  bool has_tres_req_;
  bool has_request_;  // mem_req and nodes_alloc
  std::optional<Rule> rule_;
  std::uint32_t rows_per_page_;
};

}  // namespace slurmdb
