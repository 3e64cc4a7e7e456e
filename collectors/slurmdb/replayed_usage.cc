#include "collectors/slurmdb/replayed_usage.h"

#include <algorithm>
#include <utility>

namespace slurmdb {
namespace {

constexpr auto kHours = static_cast<std::size_t>(UsageLevel::kHour);
constexpr auto kDays = static_cast<std::size_t>(UsageLevel::kDay);
constexpr auto kMonths = static_cast<std::size_t>(UsageLevel::kMonth);
// Hours are many: of a month they would be hundreds of thousands. Looking for them costs as much for a week
// as for a day.
constexpr int kDaysOfHours = 7;

}  // namespace

ReplayedUsage::ReplayedUsage(UsageSource& source, ReadWithin within, Calendar calendar, std::int64_t until)
    : source_(source), within_(std::move(within)), calendar_(std::move(calendar)) {
  stretches_[kMonths] = {0, until};
}

void ReplayedUsage::MoveTo(std::int64_t time) {
  if (time >= stretches_[kHours].to) {
    Stretch hours{calendar_.PeriodStart(Period::kDay, time), time};
    for (int day = 0; day < kDaysOfHours; ++day) hours.to = calendar_.NextStart(Period::kDay, hours.to);
    stretches_[kHours] = hours;
  }
  if (time >= stretches_[kDays].to) {
    stretches_[kDays] = {calendar_.PeriodStart(Period::kMonth, time),
                         calendar_.NextStart(Period::kMonth, time)};
  }
}

UsageMarks ReplayedUsage::ReadMarks(const std::vector<UsageWitness>& witnesses) {
  if (!marks_) {
    marks_ = source_.ReadMarks({});
    // The book is to find what is new by time: by the stamps.
    for (auto& levels : marks_->changed) levels = {};
  }
  UsageMarks marks = *marks_;
  for (const UsageWitness& witness : witnesses) marks.created[witness] = 0;  // none ever goes
  return marks;
}

// A stretch is as good as written just now when it begins.
ByLevel<UsageStamps> ReplayedUsage::ReadStamps(const ByLevel<std::int64_t>& /*from*/) {
  ByLevel<UsageStamps> stamps;
  for (std::size_t level = 0; level < kUsageLevels; ++level) stamps[level][stretches_[level].from] = 0;
  return stamps;
}

void ReplayedUsage::Read(UsageKind kind, UsageLevel level, std::int64_t from,
                         std::optional<std::int64_t> /*changed_after*/, const Sink& sink) {
  within_(kind, level, from, stretches_[static_cast<std::size_t>(level)].to, sink);
}

}  // namespace slurmdb
