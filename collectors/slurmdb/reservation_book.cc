#include "collectors/slurmdb/reservation_book.h"

#include <algorithm>
#include <utility>

namespace slurmdb {
namespace {

// A changed reservation's old row ends a second before the new one begins.
constexpr std::int64_t kSeam = 1;

}  // namespace

std::vector<Reservation> FindReservations(std::vector<ReservationRow> rows, std::int64_t now) {
  std::sort(rows.begin(), rows.end(), [](const ReservationRow& a, const ReservationRow& b) {
    return std::pair(a.id, a.start) < std::pair(b.id, b.start);
  });
  std::map<std::string, Reservation> found;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const ReservationRow& row = rows[at];
    if (row.deleted || row.end <= now) continue;
    // Its row at `now`, or, before it has begun, its first: what comes after is a change that is still ahead.
    Reservation one{row.name,  row.id,   row.start,          row.end, row.flags,
                    row.nodes, row.tres, row.unused_seconds, {}};
    for (std::size_t before = at; before > 0; --before) {
      const ReservationRow& earlier = rows[before - 1];
      if (earlier.id != row.id || earlier.name != row.name || earlier.end + kSeam < one.start) break;
      one.start = earlier.start;
      one.unused_seconds += earlier.unused_seconds;
    }
    const auto [other, is_new] = found.try_emplace(row.name, one);
    const auto rank = [&](const Reservation& some) { return std::pair(some.start > now, some.start); };
    if (!is_new && rank(one) < rank(other->second)) other->second = std::move(one);
  }
  std::vector<Reservation> reservations;
  reservations.reserve(found.size());
  for (auto& [name, one] : found) reservations.push_back(std::move(one));
  return reservations;
}

ReservationBook::ReservationBook(LedgerOptions options) : options_(std::move(options)) {}

std::vector<std::uint32_t> ReservationBook::FindIds(ReservationSource& source, const Moment& moment,
                                                    bool wide) {
  std::set<std::uint32_t> ids;
  if (wide || source.FindsByEnd()) {
    for (const std::uint32_t id : source.IdsEndingAfter(moment.now)) ids.insert(id);
  } else {
    ids = ids_;
    for (const std::uint32_t id : source.IdsAbove(highest_id_)) ids.insert(id);
  }
  return {ids.begin(), ids.end()};
}

void ReservationBook::Update(ReservationSource& source, const Moment& moment) {
  const bool all =
      counted_at_ == 0 || moment.now - counted_at_ >= options_.recount_interval || moment.now < moment_.now;
  const bool wide = all || moment.now - widened_at_ >= options_.wide_interval;
  const std::vector<std::uint32_t> ids = FindIds(source, moment, wide);
  std::vector<ReservationRow> rows;
  if (!ids.empty()) source.Read(ids, [&](ReservationRow row) { rows.push_back(std::move(row)); });
  std::set<std::uint32_t> still;
  for (const ReservationRow& row : rows) {
    if (!row.deleted && row.end > moment.now) still.insert(row.id);
  }
  std::vector<Reservation> reservations = FindReservations(std::move(rows), moment.now);
  if (source.HasJobs()) {
    UpdateUses(source, reservations, moment.now, all, wide);
    std::map<std::uint32_t, Reservation*> running;
    for (Reservation& one : reservations) {
      if (one.start > moment.now) continue;
      one.used.emplace();
      running.emplace(one.id, &one);
    }
    for (const auto& [key, use] : uses_) {
      const auto of = running.find(use.reservation);
      if (of == running.end()) continue;
      const std::int64_t end = use.end == 0 ? moment.as_of : std::min(use.end, moment.as_of);
      const std::int64_t seconds = std::min(end, of->second->end) - std::max(use.start, of->second->start);
      if (seconds <= 0) continue;
      for (const TresCount& count : use.tres) {
        // Joules are no rate.
        if (count.id != kTresEnergy) of->second->used->Add(count.id, Uint128{count.count} * seconds);
      }
    }
  }
  reservations_ = std::move(reservations);
  ids_ = std::move(still);
  for (const std::uint32_t id : ids) highest_id_ = std::max(highest_id_, id);
  if (all) counted_at_ = moment.now;
  if (wide) widened_at_ = moment.now;
  moment_ = moment;
}

void ReservationBook::UpdateUses(ReservationSource& source, const std::vector<Reservation>& reservations,
                                 std::int64_t now, bool all, bool wide) {
  std::set<std::uint32_t> running;
  std::vector<std::uint32_t> known;
  std::set<std::uint32_t> anew;
  std::int64_t oldest = 0;
  for (const Reservation& one : reservations) {
    if (one.start > now) continue;
    running.insert(one.id);
    if (oldest == 0 || one.start < oldest) oldest = one.start;
    if (!all && counted_.contains(one.id)) {
      known.push_back(one.id);
    } else {
      anew.insert(one.id);
    }
  }
  Uses read;
  const auto take = [&](const ReservedJobRow& row) {
    read[row.key] = {row.reservation, row.start, row.end, ParseTres(row.tres_alloc)};
  };
  if (!known.empty()) {
    source.ReadJobsSince(known, moment_.now - (wide ? options_.wide_window : options_.overlap), take);
    for (const auto& [key, use] : uses_) {
      if (use.end == 0 && running.contains(use.reservation) && !read.contains(key))
        anew.insert(use.reservation);
    }
  }
  const std::vector<std::uint32_t> whole(anew.begin(), anew.end());
  if (!whole.empty()) source.ReadJobs(whole, oldest, take);
  // From here on nothing fails on account of the database.
  std::erase_if(uses_, [&](const auto& entry) {
    const std::uint32_t id = entry.second.reservation;
    return !running.contains(id) || anew.contains(id);
  });
  for (auto& [key, use] : read) uses_[key] = std::move(use);
  counted_ = std::move(running);
}

}  // namespace slurmdb
