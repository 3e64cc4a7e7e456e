// Rolled-up usage as it was at one moment after the other, for a UsageBook: hands out rows a stretch of time
// at once, so that the book holds no more than it needs. Roll-ups have come as far as they have now; what
// lies after the moment the book leaves out by itself.
//
//   ReplayedUsage source(reader, within, calendar, until);
//   source.MoveTo(time);
//   book.Update(source, {time, time, false});
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

class ReplayedUsage : public UsageSource {
 public:
  // Rows with from <= time_start < to.
  using ReadWithin =
      std::function<void(UsageKind, UsageLevel, std::int64_t from, std::int64_t to, const Sink&)>;

  // `source` tells how far roll-ups have come; it is kept by reference. No moment is after `until`.
  ReplayedUsage(UsageSource& source, ReadWithin within, Calendar calendar, std::int64_t until);

  // Forward only, and by no more than a day: what lies between two stretches would be missing.
  void MoveTo(std::int64_t time);

  bool Has(UsageKind kind) const override { return source_.Has(kind); }
  UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) override;
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& from) override;
  void Read(UsageKind kind, UsageLevel level, std::int64_t from, std::optional<std::int64_t> changed_after,
            const Sink& sink) override;

 private:
  struct Stretch {
    std::int64_t from = 0;
    std::int64_t to = 0;
  };

  UsageSource& source_;
  ReadWithin within_;
  Calendar calendar_;
  std::optional<UsageMarks> marks_;
  ByLevel<Stretch> stretches_;  // what is handed out now
};

}  // namespace slurmdb
