// The names behind the ids a job is charged to.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "collectors/collector.h"

namespace collectors {

struct JobLabels {
  std::string account;
  std::string partition;  // while pending in several, the comma list that Slurm stores
  std::string qos;        // empty: none
  // none: this user is not to be exposed.
  std::optional<std::string> user;
};

// As sacct has it: account and user come from the association. Without one, the account is the job row's own
// text and the user its numeric uid.
JobLabels LabelsOf(const slurmdb::AccountingView& view, const slurmdb::ClusterView& cluster,
                   const slurmdb::JobGroup& group, const CollectorOptions& options);

// The label `qos` of a QOS id: its name, the number when the table does not have it, empty for 0.
std::string QosName(const slurmdb::AccountingView& view, std::uint32_t id_qos);

// The label `user` of a user; none when it is not to be exposed. `uid` is what UserLabel::kId shows.
std::optional<std::string> ShownUser(const std::string& user, const std::string& uid,
                                     const CollectorOptions& options);

// Uids by user name, as far as jobs tell them: the tables of users have none.
std::map<std::string, std::string> Uids(const slurmdb::ClusterView& cluster);

// LabelsOf for all groups of a cluster's ledger, by index.
std::vector<JobLabels> AllLabels(const slurmdb::AccountingView& view, const slurmdb::ClusterView& cluster,
                                 const CollectorOptions& options);

}  // namespace collectors
