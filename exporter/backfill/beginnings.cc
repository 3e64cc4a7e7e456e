#include "exporter/backfill/beginnings.h"

#include <algorithm>

namespace exporter {

void Beginnings::MoveTo(std::int64_t time, std::int64_t epoch, bool follows) {
  const std::int64_t before = time_;
  if (epoch != epoch_) known_.clear();
  zero_at_.reset();
  if (epoch != epoch_ || before == 0) {
    if (epoch >= from_ && epoch + 1 < time) zero_at_ = epoch + 1;
  } else if (follows) {
    zero_at_ = before;
  }
  time_ = time;
  epoch_ = epoch;
}

void Beginnings::Note(const FamilySamples& family, const AddZero& add_zero) {
  if (!family.is_counter()) return;
  for (const FamilySamples::Series& series : family.series()) {
    if (!known_.emplace(FamilySamples::KeyOf(series)).second || !zero_at_) continue;
    const auto is_zero = [](const FamilySamples::Line& line) { return line.value == 0; };
    if (!std::all_of(series.begin(), series.end(), is_zero)) add_zero(*zero_at_, series);
  }
}

}  // namespace exporter
