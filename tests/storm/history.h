// What happens to an accounting database, step by step, as a text that can be kept and played again.
//
//   History history = RandomHistory(seed);
//   std::cout << ToText(history);
//   history = FromText(text);
//
// A step that does not fit what is there, such as the end of a job that does not exist, does nothing. So any
// step can be taken out of a history, and what is left is a history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace storm {

// Where offsets begin; also the first counter epoch. Neither an hour nor a day begins there.
inline constexpr std::int64_t kBase = 1'700'000'000;

// The arguments of each are in history.cc.
enum class Verb {
  kSubmit,   // a pending row; with tasks it is an array
  kStart,    // it runs
  kTask,     // one task of an array starts, in a row of its own, the last one in the array's
  kEnd,      // it ends, or is cancelled while it waits
  kRecord,   // a job's whole life arrives at once; old: with a key below the newest
  kSuspend,  //
  kResume,   //
  kRequeue,  // the row ends, another waits
  kResize,   // the row ends, another goes on
  kCorrect,  // the end of an ended row is put right
  kModify,   // other TRES in a row that runs or is over
  kLater,    // nodes had to boot: a later start
  kMove,     // an open row is charged to somebody else
  kDelete,   // the row is gone
  kRekey,    // its primary key is another one
  kRunaway,  // a lost job is ended at its last known time, and last_ran goes far back
  kRollup,   // slurmdbd has rolled up to the last full hour
  kReroll,   // last_ran goes back
  kPoll,     // the next `count` steps happen before the race-th statement of the poll
  kFail,     // a poll whose call-th statement fails after so many rows
  kKilled,   // a poll; the process dies before anything of it is saved or shown
  kRestart,  // the process ends and starts again
};

struct Step {
  std::int64_t at = 0;  // seconds since kBase; the database's clock then
  Verb verb = Verb::kPoll;
  std::vector<std::int64_t> arguments;  // instants among them are seconds since kBase too
};

// As the command line has them.
struct Settings {
  std::int64_t settle = 60;
  std::int64_t overlap = 900;
  std::int64_t wide_window = 93600;
  std::int64_t wide_interval = 3600;
  std::int64_t recount_interval = 86400;
  std::int64_t second_epoch = 0;  // seconds since kBase; 0: none
  std::int64_t clusters = 1;
  // Every record comes within `settle`, and nothing is corrected: no counter has to be held, ever.
  std::int64_t punctual = 0;
};

struct History {
  std::uint64_t seed = 0;
  Settings settings;
  std::string needs;  // the mechanism without which it is known to go wrong; may be empty
  std::vector<Step> steps;
};

History RandomHistory(std::uint64_t seed);
std::string ToText(const History& history);
// Throws std::runtime_error that names the line.
History FromText(std::string_view text);

}  // namespace storm
