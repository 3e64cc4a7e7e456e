#include "collectors/slurmdb/replayed_jobs.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace slurmdb {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::string_view ReplayedJobs::Kept(std::string_view text) {
  const auto found = texts_.find(text);
  return found != texts_.end() ? *found : *texts_.emplace(text).first;
}

bool ReplayedJobs::Add(const JobRow& row) {
  if (row.time_end == 0) {
    open_.insert(row.key);
  } else if (open_.contains(row.key)) {
    return false;
  }
  Row kept{row, std::string(row.tres_alloc), std::string(row.tres_req.value_or(""))};
  kept.row.account = Kept(row.account);
  kept.row.partition = Kept(row.partition);
  coming_.emplace(Signed(row.key.time_submit), std::move(kept));
  return true;
}

void ReplayedJobs::Add(const Suspension& suspension) {
  suspensions_[suspension.db_inx].push_back(suspension);
}

void ReplayedJobs::MoveTo(std::int64_t time, std::int64_t forget_before) {
  const auto last = there_.lower_bound(forget_before);
  for (auto at = there_.begin(); at != last; ++at) {
    suspensions_.erase(at->second.row.db_inx);
    steps_.erase(at->second.row.db_inx);
  }
  there_.erase(there_.begin(), last);
  while (!coming_.empty() && coming_.begin()->first <= time) {
    auto node = coming_.extract(coming_.begin());
    const std::uint64_t end = node.mapped().row.time_end;
    node.key() = end == 0 ? kNever : Signed(end);
    there_.insert(std::move(node));
  }
}

void ReplayedJobs::Show(const Row& kept, const Sink& sink) const {
  JobRow row = kept.row;
  row.tres_alloc = kept.tres_alloc;
  if (row.tres_req) row.tres_req = kept.tres_req;
  if (const auto steps = steps_.find(row.db_inx); steps != steps_.end()) row.steps = steps->second;
  sink(row);
}

void ReplayedJobs::ReadOpen(const Sink& sink) {
  for (auto at = there_.lower_bound(kNever); at != there_.end(); ++at) Show(at->second, sink);
}

void ReplayedJobs::ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) {
  const auto last = there_.lower_bound(to == 0 ? kNever : to);
  for (auto at = there_.lower_bound(from); at != last; ++at) Show(at->second, sink);
}

std::vector<Suspension> ReplayedJobs::ReadSuspensions(std::span<const std::uint64_t> db_inxs) {
  std::vector<Suspension> found;
  for (const std::uint64_t db_inx : db_inxs) {
    const auto at = suspensions_.find(db_inx);
    if (at != suspensions_.end()) found.insert(found.end(), at->second.begin(), at->second.end());
  }
  return found;
}

}  // namespace slurmdb
