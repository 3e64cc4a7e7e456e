#include "exporter/snapshot.h"

#include <unordered_map>
#include <utility>

namespace exporter {

FamilyList Snapshot::Families(const std::function<bool(std::string_view)>& wanted,
                              std::chrono::steady_clock::time_point now) const {
  FamilyList families;
  for (const CollectorPage& page : pages) {
    if (now >= page.expires || (wanted && !wanted(page.collector))) continue;
    families.insert(families.end(), page.families.begin(), page.families.end());
  }
  return families;
}

std::vector<FamilyClash> FindClashes(const Snapshot& snapshot) {
  std::vector<FamilyClash> clashes;
  std::unordered_map<std::string_view, std::string_view> owners;
  for (const CollectorPage& page : snapshot.pages) {
    for (const auto& family : page.families) {
      if (family == nullptr) continue;
      const auto [owner, added] = owners.emplace(family->OpenMetricsName(), page.collector);
      if (!added) clashes.push_back({family->name, std::string(owner->second), page.collector});
    }
  }
  return clashes;
}

std::shared_ptr<const Snapshot> SnapshotStore::Load() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void SnapshotStore::Store(std::shared_ptr<const Snapshot> snapshot) {
  if (snapshot == nullptr) snapshot = std::make_shared<const Snapshot>();
  {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
  }
  // The old one dies here, outside the lock: freeing megabytes must not hold up a scrape.
}

}  // namespace exporter
