// slurmdbd's wall clock: where its days, weeks, months, quarters and years begin.
#pragma once

#include <cstdint>
#include <string>

namespace date {
class time_zone;
}

namespace slurmdb {

// A week begins on Sunday.
enum class Period { kDay, kWeek, kMonth, kQuarter, kYear };

struct LocalDate {
  int year;
  unsigned month;  // 1 to 12
  unsigned day;    // 1 to 31
};

struct WallClock {
  int year = 1970;
  unsigned month = 1;
  unsigned day = 1;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
};

class Calendar {
 public:
  // `zone` is an IANA name such as "Europe/Paris". Empty: the zone this process runs in (TZ, else the
  // machine's). Throws std::runtime_error that names the zone when the time zone database does not hold it.
  explicit Calendar(const std::string& zone);

  // The first second of the period that holds `time` (both epoch seconds), in local time. Where a clock
  // change skips local midnight it is the first second after the change.
  std::int64_t PeriodStart(Period period, std::int64_t time) const;

  // The first second of the period after the one that holds `time`.
  std::int64_t NextStart(Period period, std::int64_t time) const;

  // Local midnight, or the first second after a clock change that skips it.
  std::int64_t Midnight(int year, unsigned month, unsigned day) const;

  LocalDate DateOf(std::int64_t time) const;
  // The instant that a local wall clock shows so. Where a clock change repeats it, the earlier; where one
  // skips it, the first second after the change.
  std::int64_t At(const WallClock& local) const;
  // "2025-01-31T23:59:59", as Slurm's tools print it.
  std::string Text(std::int64_t time) const;

  const std::string& zone() const { return name_; }

 private:
  const date::time_zone* zone_;
  std::string name_;
};

}  // namespace slurmdb
