// When nodes were not available, as it was known at one moment after the other: a book a month, with no more
// than it needs. What its nodes are away since is known from its first moment on.
//
//   ReplayedEvents events(source, within, calendar);
//   events.MoveTo(time);
//   Use(*events.book());
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/event_book.h"

namespace slurmdb {

class ReplayedEvents {
 public:
  // Rows that began within [from, to).
  using ReadWithin = std::function<void(std::int64_t from, std::int64_t to, const EventSource::Sink&)>;

  // `source` is kept by reference.
  ReplayedEvents(EventSource& source, ReadWithin within, Calendar calendar);

  // Forward only. Throws DatabaseError.
  void MoveTo(std::int64_t time);
  // Null before the first moment.
  const EventBook* book() const { return book_.get(); }

 private:
  EventSource& source_;
  ReadWithin within_;
  Calendar calendar_;
  std::int64_t next_month_ = 0;
  std::unique_ptr<EventBook> book_;
};

}  // namespace slurmdb
