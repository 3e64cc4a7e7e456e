// Rows of job_table held in memory, as a JobSource that shows the table as it was at one moment after the
// other: a row is there from when it was submitted on.
//
//   ReplayedJobs jobs;
//   jobs.Add(row);                     // read in any order, as long as it is before they are needed
//   jobs.MoveTo(time, forget_before);
//   ledger.Update(jobs, {time, time, false});
//
// Of the past nothing comes late: what tells a ledger of late rows is left empty. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"

namespace slurmdb {

class ReplayedJobs : public JobSource {
 public:
  // Copies the row. A row that was open when it was first read stays so: it may be read again, ended, within
  // the same run. False: it is known already.
  bool Add(const JobRow& row);
  void Add(const Suspension& suspension);
  // What the steps of a row used.
  void Add(std::uint64_t db_inx, const StepUse& steps) { steps_[db_inx] = steps; }
  // From now on rows submitted until `time` are there, and those that ended before `forget_before` are gone
  // for good. Forward only.
  void MoveTo(std::int64_t time, std::int64_t forget_before);
  // Rows in memory.
  std::size_t size() const { return coming_.size() + there_.size(); }

  void ReadOpen(const Sink& sink) override;
  void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) override;
  void ReadByKey(std::span<const JobKey> /*keys*/, const Sink& /*sink*/) override {}
  void ReadInsertedAfter(std::uint64_t /*after*/, std::int64_t /*ended_before*/,
                         const Sink& /*sink*/) override {}
  std::vector<Suspension> ReadSuspensions(std::span<const std::uint64_t> db_inxs) override;
  std::uint64_t MaxDbInx() override { return 0; }
  std::optional<std::int64_t> LastHourlyRollup() override { return std::nullopt; }

 private:
  struct Row {
    JobRow row;  // its TRES texts are in the next two
    std::string tres_alloc;
    std::string tres_req;
  };
  using Rows = std::multimap<std::int64_t, Row>;

  void Show(const Row& kept, const Sink& sink) const;
  // The same text, which stays: accounts and partitions are few.
  std::string_view Kept(std::string_view text);

  Rows coming_;  // by when they are submitted
  Rows there_;   // by their end
  std::set<JobKey> open_;
  std::set<std::string, std::less<>> texts_;
  std::unordered_map<std::uint64_t, std::vector<Suspension>> suspensions_;  // by row, as the next
  std::unordered_map<std::uint64_t, StepUse> steps_;
};

}  // namespace slurmdb
