#include "collectors/slurmdb/replayed_events.h"

#include <optional>
#include <span>
#include <string>
#include <utility>

namespace slurmdb {
namespace {

// The same rows, without those that began at `until` or later.
class EventsUntil : public EventSource {
 public:
  EventsUntil(EventSource& source, const ReplayedEvents::ReadWithin& within, std::int64_t until)
      : source_(source), within_(within), until_(until) {}

  std::optional<std::int64_t> LastRegistration(std::int64_t until) override {
    return source_.LastRegistration(until);
  }
  void ReadSince(std::int64_t from, const Sink& sink) override { within_(from, until_, sink); }
  void ReadByKey(std::span<const EventKey> keys, const Sink& sink) override { source_.ReadByKey(keys, sink); }
  void ReadBefore(std::span<const std::string> nodes, std::int64_t before, const Sink& sink) override {
    source_.ReadBefore(nodes, before, sink);
  }

 private:
  EventSource& source_;
  const ReplayedEvents::ReadWithin& within_;
  std::int64_t until_;
};

}  // namespace

ReplayedEvents::ReplayedEvents(EventSource& source, ReadWithin within, Calendar calendar)
    : source_(source), within_(std::move(within)), calendar_(std::move(calendar)) {}

void ReplayedEvents::MoveTo(std::int64_t time) {
  const Moment moment{time, time, false};
  if (book_ != nullptr && time < next_month_) {
    book_->MoveTo(moment);
    return;
  }
  next_month_ = calendar_.NextStart(Period::kMonth, time);
  EventsUntil month(source_, within_, next_month_);
  book_ = std::make_unique<EventBook>(calendar_, LedgerOptions{});
  book_->Update(month, moment);
}

}  // namespace slurmdb
