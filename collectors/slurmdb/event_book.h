// When the nodes of one cluster were not available, and what the cluster had registered, from event_table.
//
//   EventBook book(calendar, options);
//   book.Update(source, moment);    // each poll
//   book.unavailable(moment.now);   // nodes that are away now, and since when
//
// A row is a node's time in one state for one reason, or, with an empty node name, a registration of the
// cluster with its TRES. Whenever the cluster's TRES or nodes change, slurmdbd closes all open rows and opens
// them anew. So a node has been away since the first of the rows that follow each other without a gap; and
// what was open at an instant has begun no earlier than the registration that held then, which is from where
// rows are read. They are kept from the start of the last month on, or from the registration that held then.
//
// A poll reads rows that began a little while ago, and those that were open, by their key. Every
// wide_interval it reads further back, and every recount_interval all anew.
//
// Times are epoch seconds. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_summary.h"

namespace slurmdb {

// A row of event_table; text is valid only while it is being handed over.
struct EventRow {
  std::string_view node;  // empty for the cluster's own
  std::int64_t start = 0;
  std::int64_t end = 0;  // 0 while it lasts
  std::uint64_t state = 0;
  std::uint32_t reason_uid = 0;
  std::string_view reason;
  std::string_view tres;
  std::string_view cluster_nodes;
};

struct EventKey {
  std::string node;
  std::int64_t start = 0;

  auto operator<=>(const EventKey&) const = default;  // NOLINT(modernize-use-nullptr): it means no pointer
};

// Where the rows come from: one cluster's table. Implementations throw DatabaseError.
class EventSource {
 public:
  using Sink = std::function<void(const EventRow&)>;

  virtual ~EventSource() = default;
  // Start of the newest registration not after `until`; none for none.
  virtual std::optional<std::int64_t> LastRegistration(std::int64_t until) = 0;
  // Rows that began at or after `from`.
  virtual void ReadSince(std::int64_t from, const Sink& sink) = 0;
  virtual void ReadByKey(std::span<const EventKey> keys, const Sink& sink) = 0;
  // Rows of these nodes that began before `before`.
  virtual void ReadBefore(std::span<const std::string> nodes, std::int64_t before, const Sink& sink) = 0;
};

// Which node states slurmdbd's roll-up takes for planned; all others are down.
enum class PlannedDown {
  kNone,     // before 22.05
  kCloud,    // FUTURE, and cloud nodes that are powered down
  kPowered,  // FUTURE, and any node that is powered down: from 23.11 on
};

struct Unavailable {
  std::string node;
  std::string_view state;  // see NodeStateName
  std::string reason;
  std::optional<std::uint32_t> reason_uid;  // who set it
  std::int64_t since = 0;
};

struct Registration {
  std::int64_t since = 0;
  TresCounts tres;
  std::string nodes;
};

class EventBook {
 public:
  // Of the options only the intervals count.
  EventBook(Calendar calendar, LedgerOptions options);

  // Brings the book up to `moment`. When it throws, the old book stands.
  void Update(EventSource& source, const Moment& moment);
  // Of the past, where all is there already: a later moment of the same month.
  void MoveTo(const Moment& moment) { moment_ = moment; }

  const Moment& moment() const { return moment_; }
  // Rows that began before are not all there.
  std::int64_t kept_from() const { return kept_from_; }
  // The periods that all is known of: day and month to date, and the last complete ones.
  std::vector<UsageWindow> windows() const;
  // The one that held at that instant, or the last before it.
  std::optional<Registration> registration(std::int64_t at) const;
  // Nodes that were away at that instant, by name, each once. Nodes that no longer belong to the cluster are
  // left out.
  std::vector<Unavailable> unavailable(std::int64_t at) const;
  // Node-seconds that nodes were away within [from, to), by state.
  std::map<std::string_view, std::int64_t> Away(std::int64_t from, std::int64_t to) const;
  // TRES-seconds within [from, to): what was registered, and what of it was down or planned to be down.
  struct Capacity {
    TresSums total;
    TresSums down;
    TresSums planned_down;
  };
  Capacity CapacityWithin(std::int64_t from, std::int64_t to, PlannedDown rule) const;

 private:
  struct Event {
    std::int64_t end = 0;
    std::uint64_t state = 0;
    std::uint32_t reason_uid = 0;
    const std::string* reason = nullptr;
    const std::string* tres = nullptr;
    const std::string* cluster_nodes = nullptr;
  };
  using Events = std::map<EventKey, Event>;
  using Texts = std::set<std::string, std::less<>>;
  // Rows on their way into the book.
  struct Reading {
    Texts& texts;
    Events events;

    void Take(const EventRow& row);
  };

  // Rows before those that were read, of nodes that are away at `at` and whose time away may have begun in
  // them.
  static void ReadBeginnings(EventSource& source, std::int64_t from, std::int64_t at, Reading& reading);

  Calendar calendar_;
  LedgerOptions options_;
  Moment moment_;
  Events events_;
  Texts texts_;  // few, and repeated in many rows
  std::int64_t kept_from_ = 0;
  std::int64_t counted_at_ = 0;
  std::int64_t widened_at_ = 0;
};

}  // namespace slurmdb
