#include "collectors/slurmdb/event_book.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "collectors/slurmdb/hostlist.h"
#include "collectors/slurmdb/node_state.h"
#include "collectors/slurmdb/utf8.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kOpen = std::numeric_limits<std::int64_t>::max();

// A row's end; that of an open one is never.
std::int64_t EndOf(std::int64_t end) { return end == 0 ? kOpen : end; }

void AddTimes(std::string_view tres, std::int64_t seconds, TresSums& sums) {
  for (const TresCount& count : ParseTres(tres)) sums.Add(count.id, Uint128{count.count} * seconds);
}

// As the roll-up sees it: the state's low 16 bits.
bool IsPlanned(std::uint64_t state, PlannedDown rule) {
  if (rule == PlannedDown::kNone) return false;
  if ((state & kNodeBase) == kNodeFuture) return true;
  return (state & kNodePoweredDown) != 0 && (rule == PlannedDown::kPowered || (state & kNodeCloud) != 0);
}

}  // namespace

EventBook::EventBook(Calendar calendar, LedgerOptions options)
    : calendar_(std::move(calendar)), options_(std::move(options)) {}

void EventBook::Reading::Take(const EventRow& row) {
  const auto kept = [&](std::string_view text) {
    const auto found = texts.find(text);
    return found != texts.end() ? &*found : &*texts.emplace(text).first;
  };
  events[{std::string(row.node), row.start}] = {row.end,          row.state,      row.reason_uid,
                                                kept(row.reason), kept(row.tres), kept(row.cluster_nodes)};
}

void EventBook::ReadBeginnings(EventSource& source, std::int64_t from, std::int64_t at, Reading& reading) {
  std::vector<std::string> nodes;
  const std::string* last = nullptr;
  bool unbroken = false;  // since `from`
  std::int64_t until = 0;
  for (const auto& [key, event] : reading.events) {
    if (key.node.empty()) continue;
    const bool first = last == nullptr || *last != key.node;
    unbroken = first ? key.start <= from : unbroken && key.start == until;
    last = &key.node;
    until = EndOf(event.end);
    if (unbroken && key.start <= at && until > at) nodes.push_back(key.node);
  }
  if (nodes.empty()) return;
  Reading older{reading.texts, {}};
  source.ReadBefore(nodes, from, [&](const EventRow& row) { older.Take(row); });
  for (const std::string& node : nodes) {
    std::int64_t begin = from;
    auto earlier = older.events.lower_bound({node, from});
    while (earlier != older.events.begin()) {
      --earlier;
      if (earlier->first.node != node || earlier->second.end != begin) break;
      begin = earlier->first.start;
      reading.events.insert(*earlier);
    }
  }
}

void EventBook::Update(EventSource& source, const Moment& moment) {
  const bool all =
      counted_at_ == 0 || moment.now - counted_at_ >= options_.recount_interval || moment.now < moment_.now;
  const bool wide = all || moment.now - widened_at_ >= options_.wide_interval;
  if (all) {
    const std::int64_t month = calendar_.PeriodStart(Period::kMonth, moment.now);
    std::int64_t from = calendar_.PeriodStart(Period::kMonth, month - 1);
    from = source.LastRegistration(from).value_or(from);
    Texts texts;
    Reading reading{texts, {}};
    source.ReadSince(from, [&](const EventRow& row) { reading.Take(row); });
    ReadBeginnings(source, from, moment.now, reading);
    events_ = std::move(reading.events);
    texts_ = std::move(texts);  // what points into them stays valid
    kept_from_ = from;
    counted_at_ = moment.now;
  } else {
    const std::int64_t from = moment_.now - (wide ? options_.wide_window : options_.overlap);
    const auto read_again = [&](const auto& entry) {
      return entry.first.start >= from || entry.second.end == 0;
    };
    std::vector<EventKey> open;
    for (const auto& [key, event] : events_) {
      if (key.start < from && event.end == 0) open.push_back(key);
    }
    Reading reading{texts_, {}};
    const auto take = [&](const EventRow& row) { reading.Take(row); };
    source.ReadSince(from, take);
    if (!open.empty()) source.ReadByKey(open, take);
    std::erase_if(events_, read_again);
    events_.merge(reading.events);
  }
  if (wide) widened_at_ = moment.now;
  moment_ = moment;
}

std::vector<UsageWindow> EventBook::windows() const {
  std::vector<UsageWindow> windows;
  for (const auto& [period, name, last] :
       {std::tuple(Period::kDay, "day", "last_day"), std::tuple(Period::kMonth, "month", "last_month")}) {
    const std::int64_t start = calendar_.PeriodStart(period, moment_.now);
    windows.push_back({name, start, moment_.now});
    windows.push_back({last, calendar_.PeriodStart(period, start - 1), start});
  }
  return windows;
}

std::optional<Registration> EventBook::registration(std::int64_t at) const {
  std::optional<Registration> found;
  for (auto event = events_.begin(); event != events_.end() && event->first.node.empty(); ++event) {
    if (event->first.start > at || event->second.state != 0) continue;
    found = Registration{event->first.start, ParseTres(*event->second.tres),
                         std::string(*event->second.cluster_nodes)};
  }
  return found;
}

std::vector<Unavailable> EventBook::unavailable(std::int64_t at) const {
  std::optional<std::set<std::string>> members;
  if (const auto cluster = registration(at); cluster && !cluster->nodes.empty()) {
    if (const auto names = ExpandHosts(cluster->nodes)) members.emplace(names->begin(), names->end());
  }
  std::vector<Unavailable> all;
  std::int64_t since = 0;
  std::int64_t until = 0;
  const std::string* last = nullptr;
  for (const auto& [key, event] : events_) {
    if (key.node.empty()) continue;
    if (last == nullptr || *last != key.node || until != key.start) since = key.start;
    last = &key.node;
    until = EndOf(event.end);
    if (key.start > at || until <= at || (members && !members->contains(key.node))) continue;
    const bool known = !IsUnset32(event.reason_uid);
    // Of two open rows, when the end of one was lost, the newer one holds.
    if (!all.empty() && all.back().node == key.node) all.pop_back();
    all.push_back({RepairUtf8(key.node), NodeStateName(event.state), RepairUtf8(*event.reason),
                   known ? std::optional(event.reason_uid) : std::nullopt, since});
  }
  return all;
}

std::map<std::string_view, std::int64_t> EventBook::Away(std::int64_t from, std::int64_t to) const {
  std::map<std::string_view, std::int64_t> away;
  for (const auto& [key, event] : events_) {
    const std::int64_t seconds = std::min(EndOf(event.end), to) - std::max(key.start, from);
    if (!key.node.empty() && seconds > 0) away[NodeStateName(event.state)] += seconds;
  }
  return away;
}

EventBook::Capacity EventBook::CapacityWithin(std::int64_t from, std::int64_t to, PlannedDown rule) const {
  Capacity capacity;
  for (const auto& [key, event] : events_) {
    const std::int64_t seconds = std::min(EndOf(event.end), to) - std::max(key.start, from);
    if (seconds <= 0) continue;
    if (key.node.empty()) {
      if (event.state == 0) AddTimes(*event.tres, seconds, capacity.total);
    } else if ((event.state & kNodeMaint) == 0) {  // else a reservation says so
      AddTimes(*event.tres, seconds, IsPlanned(event.state, rule) ? capacity.planned_down : capacity.down);
    }
  }
  return capacity;
}

}  // namespace slurmdb
