// Where the series of counters begin. A scrape meets most of them when they have counted something already,
// and what they were at by then is nobody's increase. Of the past it is known: before a series was there it
// stood at 0. So in each period of the counters it gets a sample of 0: at the moment before its first, or,
// when there is none in the period, a second after that has begun.
//
//   Beginnings beginnings;
//   for each moment: beginnings.MoveTo(time, epoch); for each family: beginnings.Note(family, add_zero);
//
// Then increase() over any time, a month too, is what was counted in it. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "exporter/backfill/sample_table.h"

namespace exporter {

class Beginnings {
 public:
  using AddZero = std::function<void(std::int64_t time, const FamilySamples::Series& series)>;

  // `from`: nothing is said of the time before.
  explicit Beginnings(std::int64_t from) : from_(from) {}

  // The next moment that is looked at, and the start of its counters. `follows`: none before it was passed
  // over.
  void MoveTo(std::int64_t time, std::int64_t epoch, bool follows);
  // Calls for each series that begins here.
  void Note(const FamilySamples& family, const AddZero& add_zero);

 private:
  std::int64_t from_;
  std::int64_t time_ = 0;
  std::int64_t epoch_ = 0;
  std::optional<std::int64_t> zero_at_;    // of what is new; none: not known
  std::unordered_set<std::string> known_;  // series of this period
};

}  // namespace exporter
