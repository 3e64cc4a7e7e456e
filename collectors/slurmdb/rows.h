// Rows of the accounting tables as C++ values, each with just the columns that are used.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/slurmdb/value.h"

namespace slurmdb {

// What identifies a row of job_table for good. job_db_inx does not: from 24.11 on slurmdbd may give an
// existing row a new one.
struct JobKey {
  std::uint32_t id_job = 0;
  std::uint64_t time_submit = 0;

  auto operator<=>(const JobKey&) const = default;  // NOLINT(modernize-use-nullptr): it means no pointer
};

// What the finished steps of a job row used, as far as Slurm gathered it; see AddStep.
struct StepUse {
  bool any = false;   // is there one that tells?
  bool open = false;  // is there one that has not finished?
  Uint128 cpu_microseconds = 0;
  std::uint64_t task_bytes = 0;  // the highest peak of one task
  Uint128 bytes = 0;             // of all tasks of a step, by the formula asked for
  // Of all tasks of a step together; none where it is not gathered. 100 % is one GPU.
  std::optional<std::uint64_t> gpu_percent;
  std::optional<std::uint64_t> gpu_bytes;

  bool operator==(const StepUse&) const = default;
};

// A row of step_table; text is valid only while it is being handed over.
struct StepRow {
  std::uint64_t state = 0;
  std::uint64_t user_sec = 0;
  std::uint64_t user_usec = 0;
  std::uint64_t sys_sec = 0;
  std::uint64_t sys_usec = 0;
  std::uint32_t tasks = 0;
  std::string_view usage_max;    // of one task, as a TRES string
  std::string_view usage_total;  // of all tasks
};

// A row of job_table. Text and TRES strings are bytes, valid only while the row is being handed over.
struct JobRow {
  std::uint64_t db_inx = 0;  // may exceed 2^63
  JobKey key;
  std::uint32_t id_assoc = 0;
  std::uint32_t id_qos = 0;
  std::uint32_t id_user = 0;
  std::uint32_t id_wckey = 0;
  std::uint32_t id_resv = 0;  // 0: in no reservation
  std::uint64_t state = 0;
  std::uint64_t time_eligible = 0;
  std::uint64_t time_start = 0;
  std::uint64_t time_end = 0;
  std::uint64_t time_suspended = 0;
  std::string_view account;
  std::string_view partition;
  std::string_view tres_alloc;
  // Only meaningful in open rows.
  std::uint32_t array_task_pending = 0;
  std::optional<std::uint64_t> timelimit;    // minutes; none when the column is not readable
  std::optional<std::string_view> tres_req;  // none when the column is not readable
  // By Rule::kEfficiency, of rows that have ended.
  std::uint64_t mem_req = 0;  // MiB, of a node; of a CPU where bit 63 is set
  std::uint32_t nodes_alloc = 0;
  StepUse steps;
};

// A row of suspend_table; time_end 0 while the suspension lasts.
struct Suspension {
  std::uint64_t db_inx = 0;
  std::uint64_t time_start = 0;
  std::uint64_t time_end = 0;
};

// A row of cluster_table.
struct ClusterRow {
  std::string control_host;  // empty while its slurmctld is not registered with slurmdbd
  std::uint32_t control_port = 0;
  std::uint32_t rpc_version = 0;  // the protocol its slurmctld speaks
  std::string federation;
};

struct AssociationRow {
  std::uint32_t id = 0;
  std::string account;
  std::string user;             // empty for an account's own row
  std::string partition;        // empty unless the association is for one partition
  std::string parent_account;   // of an account's own row; empty or "root" below the root
  std::uint32_t id_parent = 0;  // 0 where the schema does not have it (before 23.11)
  bool deleted = false;
};

// A row of wckey_table.
struct WckeyRow {
  std::string name;
  std::string user;
};

// A row of acct_table, which all clusters share.
struct AccountRow {
  std::string name;
  std::string organization;
  std::string description;
};

// A row of acct_coord_table: `user` may manage `account` and what is below it.
struct CoordinatorRow {
  std::string account;
  std::string user;
};

// A row of user_table: a user with rights of their own.
struct AdministratorRow {
  std::string name;
  std::uint32_t level = 0;  // 2: operator, 3: administrator
};

}  // namespace slurmdb
