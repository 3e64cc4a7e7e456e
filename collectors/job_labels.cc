#include "collectors/job_labels.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace collectors {
namespace {

std::string ShortHash(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace

JobLabels LabelsOf(const slurmdb::AccountingView& view, const slurmdb::ClusterView& cluster,
                   const slurmdb::JobGroup& group, const CollectorOptions& options) {
  JobLabels labels;
  labels.partition = group.partition;
  if (group.id_qos != 0) {
    const auto qos = view.qos->find(group.id_qos);
    labels.qos = qos != view.qos->end() ? qos->second : std::to_string(group.id_qos);
  }
  const std::string uid = std::to_string(group.id_user);
  std::string user = uid;
  labels.account = group.account;
  const auto association = cluster.associations->find(group.id_assoc);
  if (association != cluster.associations->end()) {
    labels.account = association->second.account;
    if (!association->second.user.empty()) user = association->second.user;
  }
  if (!options.accepts_user(user)) return labels;
  switch (options.user_label) {
    case UserLabel::kName:
      labels.user = user;
      break;
    case UserLabel::kId:
      labels.user = uid;
      break;
    case UserLabel::kHash:
      labels.user = ShortHash(user);
      break;
    case UserLabel::kNone:
      labels.user = "";
      break;
  }
  return labels;
}

std::vector<JobLabels> AllLabels(const slurmdb::AccountingView& view, const slurmdb::ClusterView& cluster,
                                 const CollectorOptions& options) {
  std::vector<JobLabels> all;
  all.reserve(cluster.jobs->groups().size());
  for (const slurmdb::JobGroup& group : cluster.jobs->groups()) {
    all.push_back(LabelsOf(view, cluster, group, options));
  }
  return all;
}

}  // namespace collectors
