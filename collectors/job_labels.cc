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

std::string QosName(const slurmdb::AccountingView& view, std::uint32_t id_qos) {
  if (id_qos == 0) return "";
  const auto qos = view.qos->find(id_qos);
  return qos != view.qos->end() ? qos->second : std::to_string(id_qos);
}

JobLabels LabelsOf(const slurmdb::AccountingView& view, const slurmdb::ClusterView& cluster,
                   const slurmdb::JobGroup& group, const CollectorOptions& options) {
  JobLabels labels;
  labels.partition = group.partition;
  labels.qos = QosName(view, group.id_qos);
  const std::string uid = std::to_string(group.id_user);
  std::string user = uid;
  labels.account = group.account;
  if (const auto* association = cluster.associations->Find(group.id_assoc); association != nullptr) {
    labels.account = association->account;
    if (!association->user.empty()) user = association->user;
  }
  labels.user = ShownUser(user, uid, options);
  return labels;
}

std::optional<std::string> ShownUser(const std::string& user, const std::string& uid,
                                     const CollectorOptions& options) {
  if (!options.accepts_user(user)) return std::nullopt;
  switch (options.user_label) {
    case UserLabel::kName:
      return user;
    case UserLabel::kId:
      return uid;
    case UserLabel::kHash:
      return ShortHash(user);
    case UserLabel::kNone:
      break;
  }
  return "";
}

std::map<std::string, std::string> Uids(const slurmdb::ClusterView& cluster) {
  std::map<std::string, std::string> uids;
  if (cluster.jobs == nullptr) return uids;
  for (const slurmdb::JobGroup& group : cluster.jobs->groups()) {
    const auto* association = cluster.associations->Find(group.id_assoc);
    if (association != nullptr) uids.emplace(association->user, std::to_string(group.id_user));
  }
  return uids;
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
