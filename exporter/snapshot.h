// What the exporter shows at one moment: for each collector the families of its last good poll.
//
// The poller builds a new Snapshot, sharing the pages that did not change, and stores it; scrapes load
// whatever is there. Nobody changes one that has been stored.
//
//   auto next = std::make_shared<Snapshot>(*store.Load());
//   next->pages[i].families = rendered;
//   store.Store(std::move(next));
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/exposition/family.h"

namespace exporter {

struct CollectorPage {
  std::string collector;
  FamilyList families;  // nulls are skipped
  // From then on they are too old to be shown, even if no poll comes to take them away.
  std::chrono::steady_clock::time_point expires = std::chrono::steady_clock::time_point::max();
};

struct Snapshot {
  std::vector<CollectorPage> pages;

  // The families of the collectors `wanted` says yes to (of all, if it is empty), in the order of the pages,
  // less those that have expired.
  FamilyList Families(const std::function<bool(std::string_view collector)>& wanted = {},
                      std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now()) const;
};

// A family that two collectors claim: it is shown as the first of them in page order has it.
struct FamilyClash {
  std::string family;
  std::string kept;  // collectors
  std::string dropped;
};

// All clashes of a snapshot, also those of names that differ in a counter's _total only. Empty unless
// somebody made a mistake: for the poller to log and count when it stores a snapshot.
std::vector<FamilyClash> FindClashes(const Snapshot& snapshot);

// Holds the current snapshot. Thread safe; the lock is held for the copy of a pointer only.
class SnapshotStore {
 public:
  std::shared_ptr<const Snapshot> Load() const;  // never null: empty at first
  void Store(std::shared_ptr<const Snapshot> snapshot);

 private:
  // Not std::atomic<std::shared_ptr>: ThreadSanitizer does not see through libstdc++'s.
  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<const Snapshot>();
};

}  // namespace exporter
