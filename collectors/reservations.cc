#include "collectors/reservations.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/families.h"
#include "collectors/slurmdb/reservation_book.h"

namespace collectors {
namespace {

// slurm.h, RESERVE_FLAG_*: the names that scontrol shows.
struct FlagName {
  unsigned bit;
  const char* name;
};
constexpr std::array kFlags = {
    FlagName{0, "MAINT"},         FlagName{2, "DAILY"},         FlagName{4, "WEEKLY"},
    FlagName{6, "IGNORE_JOBS"},   FlagName{8, "ANY_NODES"},     FlagName{10, "STATIC"},
    FlagName{12, "PART_NODES"},   FlagName{14, "OVERLAP"},      FlagName{15, "SPEC_NODES"},
    FlagName{18, "REPLACE"},      FlagName{19, "ALL_NODES"},    FlagName{20, "PURGE_COMP"},
    FlagName{21, "WEEKDAY"},      FlagName{23, "WEEKEND"},      FlagName{25, "FLEX"},
    FlagName{29, "NO_HOLD_JOBS"}, FlagName{30, "REPLACE_DOWN"}, FlagName{32, "MAGNETIC"},
    FlagName{35, "HOURLY"},       FlagName{39, "USER_DELETE"},  FlagName{42, "FORCE_START"}};

std::string FlagNames(std::uint64_t flags) {
  std::vector<std::string_view> names;
  for (const FlagName& flag : kFlags) {
    if ((flags >> flag.bit & 1U) != 0) names.push_back(flag.name);
  }
  return fmt::format("{}", fmt::join(names, ","));
}

}  // namespace

Families CollectReservations(const slurmdb::AccountingView& view, const CollectorOptions& /*options*/) {
  const std::vector<std::string> of_one = {"cluster", "reservation"};
  const std::vector<std::string> by_tres = {"cluster", "reservation", "tres"};
  GaugeFamily infos("slurmdbd_reservation_info",
                    "A reservation that is current or coming: its nodes and flags; always 1.",
                    {"cluster", "reservation", "nodes", "flags"});
  GaugeFamily starts("slurmdbd_reservation_start_timestamp_seconds",
                     "When the reservation begins or began, whatever was changed of it since.", of_one);
  GaugeFamily ends("slurmdbd_reservation_end_timestamp_seconds", "When the reservation ends.", of_one);
  GaugeFamily tres("slurmdbd_reservation_tres", "What the reservation holds; mem in bytes.", by_tres);
  GaugeFamily used("slurmdbd_reservation_used_tres_seconds",
                   "TRES-seconds that jobs in the reservation have held since it began; mem in byte-seconds.",
                   by_tres);
  GaugeFamily unused("slurmdbd_reservation_unused_seconds",
                     "Time that the whole reservation stood unused, in seconds of all of it, as of the last "
                     "roll-up.",
                     of_one);
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    for (const slurmdb::Reservation& one : cluster.reservations->reservations()) {
      infos.Add({name, one.name, one.nodes, FlagNames(one.flags)}, 1);
      starts.Add({name, one.name}, static_cast<double>(one.start));
      ends.Add({name, one.name}, static_cast<double>(one.end));
      for (const slurmdb::TresCount& count : one.tres) {
        tres.Add({name, one.name, view.tres->Label(count.id)},
                 static_cast<double>(count.count) * view.tres->UnitScale(count.id));
      }
      if (!one.used) continue;
      unused.Add({name, one.name}, one.unused_seconds);
      // At 0 too, what it holds: that is known.
      slurmdb::TresSums all = *one.used;
      for (const slurmdb::TresCount& count : one.tres) all.Add(count.id, 0);
      for (const auto& [id, amount] : all.entries()) {
        used.Add({name, one.name, view.tres->Label(id)},
                 static_cast<double>(amount) * view.tres->UnitScale(id));
      }
    }
  }
  Families families;
  for (GaugeFamily* family : {&infos, &starts, &ends, &tres, &used, &unused})
    families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
