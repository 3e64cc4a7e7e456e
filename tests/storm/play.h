// Plays a history: the tables are written, the exporter's own code polls them, and after each poll its book
// and its counters are judged.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "collectors/slurmdb/connection.h"
#include "tests/storm/history.h"
#include "tests/storm/tables.h"

namespace storm {

// A mechanism that can be switched off, to see that some history needs it.
enum class Off {
  kNothing,
  kLookUp,     // rows that vanished are not looked up
  kInserted,   // rows inserted late are not looked for
  kOverlap,    // nothing is read again
  kSettle,     // totals are computed for now
  kHighWater,  // marks are not kept over a restart
  kWide,       // never a wider window
  kSignal,     // last_ran is not read
  kRecount,    // only one count, at start
  kSnapshot,   // no transaction around a poll
};
inline constexpr const char* kOffNames[] = {"nothing",    "look-up", "inserted", "overlap", "settle",
                                            "high-water", "wide",    "signal",   "recount", "snapshot"};

struct Wrong {
  std::size_t step = 0;  // index
  std::string what;
};

struct Tally {
  std::uint64_t polls = 0;
  std::uint64_t failed = 0;  // polls that were made to fail
  std::uint64_t restarts = 0;
  std::uint64_t compared = 0;  // books of a cluster that had to be right
  std::uint64_t excused = 0;   // ... that may be wrong until a recount that is not due yet
  std::uint64_t excused_right = 0;
  std::uint64_t counters = 0;  // values of series
  std::uint64_t held = 0;      // ... that were above the book
};

class Player {
 public:
  // `reader` may only read; `writer` may write. `folder` is for the high-water file.
  Player(const slurmdb::ConnectionOptions& reader, const slurmdb::ConnectionOptions& writer,
         std::filesystem::path folder);

  // What went wrong first, or nothing.
  std::optional<Wrong> Play(const History& history, Off off = Off::kNothing);
  const Tally& tally() const { return tally_; }

 private:
  slurmdb::Connection db_;
  Tables tables_;
  std::filesystem::path folder_;
  Tally tally_;
};

}  // namespace storm
