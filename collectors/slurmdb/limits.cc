#include "collectors/slurmdb/limits.h"

#include <algorithm>
#include <limits>
#include <set>

#include "collectors/slurmdb/association_tree.h"

namespace slurmdb {
namespace {

bool Has(const TresCounts& counts, std::uint32_t id) {
  return std::any_of(counts.begin(), counts.end(), [&](const TresCount& tres) { return tres.id == id; });
}

void Inherit(AssociationLimitSet& to, const AssociationLimitSet& from) {
  for (std::size_t i = 0; i < kAssociationLimits.size(); ++i) {
    if (kAssociationLimits[i].inherited && !to.numbers[i]) to.numbers[i] = from.numbers[i];
  }
  for (std::size_t i = 0; i < kAssociationTresLimits.size(); ++i) {
    if (!kAssociationTresLimits[i].inherited) continue;
    for (const TresCount& tres : from.tres[i]) {
      if (!Has(to.tres[i], tres.id)) to.tres[i].push_back(tres);
    }
  }
}

}  // namespace

AssociationLimitMap EffectiveLimits(const AssociationLimitMap& set, const AssociationTree& tree) {
  AssociationLimitMap effective = set;
  for (auto& [id, limits] : effective) {
    const AssociationRow* row = tree.Find(id);
    std::set<std::uint32_t> met = {id};
    while (row != nullptr) {
      row = tree.ParentOf(*row);
      if (row == nullptr || !met.insert(row->id).second) break;
      const auto above = set.find(row->id);
      if (above != set.end()) Inherit(limits.set, above->second.set);
    }
  }
  return effective;
}

bool HasBudgets(const AssociationLimitMap& associations, const QosMap& qos) {
  return std::any_of(associations.begin(), associations.end(),
                     [](const auto& entry) {
                       const AssociationLimitSet& set = entry.second.set;
                       return set.numbers[kAssociationGrpWall] || !set.tres[kAssociationGrpTresMins].empty();
                     }) ||
         std::any_of(qos.begin(), qos.end(), [](const auto& entry) {
           const QosLimitSet& set = entry.second.set;
           return !entry.second.deleted && (set.numbers[kQosGrpWall] || !set.tres[kQosGrpTresMins].empty());
         });
}

TresCounts ParseLimit(std::string_view text, std::uint32_t seconds) {
  TresCounts counts = ParseTres(text);
  std::erase_if(counts, [&](const TresCount& tres) {
    return tres.count > std::numeric_limits<std::uint64_t>::max() / seconds;
  });
  for (TresCount& tres : counts) tres.count *= seconds;
  return counts;
}

}  // namespace slurmdb
