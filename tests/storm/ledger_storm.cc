// Random histories of a real job_table, read by the real JobReader into a JobLedger and published through the
// high-water marks. tests/storm/ledger_storm.py brings the database.
//
//   ledger_storm --socket S --user R --password P --writer W --writer-password Q --database D --folder F
//                [--cases DIR] [--histories N] [--seed N] [--only FILE] [--show SEED]
//
// First the cases in DIR are played again: each has to go well, and to go wrong without the mechanism it
// names. Then every mechanism is switched off in turn and random histories have to notice. Then N random
// histories, from the seed on, which is printed. One that goes wrong is shrunk and printed as a case to keep.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/storm/play.h"

namespace storm {
namespace {

using Arguments = std::map<std::string, std::string>;

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string Read(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Takes steps out as long as it still goes wrong: many at once first, then one at a time.
History Shrink(Player& player, History history, Off off) {
  const auto wrong = player.Play(history, off);
  if (!wrong) return history;
  history.steps.resize(std::min(history.steps.size(), wrong->step + 1));
  for (std::size_t chunk = std::max<std::size_t>(1, history.steps.size() / 2); chunk > 0;) {
    bool shorter = false;
    for (std::size_t at = 0; at < history.steps.size();) {
      History less = history;
      const auto from = less.steps.begin() + static_cast<std::ptrdiff_t>(at);
      less.steps.erase(from, from + static_cast<std::ptrdiff_t>(std::min(chunk, less.steps.size() - at)));
      if (player.Play(less, off)) {
        history = std::move(less);
        shorter = true;
      } else {
        at += chunk;
      }
    }
    if (!shorter || chunk > 1) chunk = chunk == 1 ? 0 : chunk / 2;
  }
  return history;
}

void Print(Player& player, const History& history, Off off) {
  const History small = Shrink(player, history, off);
  const auto wrong = player.Play(small, off);
  std::printf("# %s\n%s\n", wrong ? wrong->what.c_str() : "does not go wrong again", ToText(small).c_str());
}

Off OffOf(const std::string& name) {
  const auto found = std::find(std::begin(kOffNames), std::end(kOffNames), name);
  if (found == std::end(kOffNames)) throw std::runtime_error("no mechanism is called " + name);
  return static_cast<Off>(found - std::begin(kOffNames));
}

// False when a case does not do what it says.
bool PlayCase(Player& player, const std::filesystem::path& file) {
  const History history = FromText(Read(file));
  bool well = true;
  if (const auto wrong = player.Play(history)) {
    std::printf("!! %s, step %zu: %s\n", file.c_str(), wrong->step + 1, wrong->what.c_str());
    well = false;
  }
  if (!history.needs.empty() && !player.Play(history, OffOf(history.needs))) {
    std::printf("!! %s goes well without %s\n", file.c_str(), history.needs.c_str());
    well = false;
  }
  return well;
}

int Main(Arguments arguments) {
  const auto option = [&](const std::string& name, const std::string& fallback) {
    const auto found = arguments.find(name);
    return found == arguments.end() ? fallback : found->second;
  };
  slurmdb::ConnectionOptions reader;
  reader.socket = option("socket", "");
  reader.database = option("database", "slurm_acct_db");
  slurmdb::ConnectionOptions writer = reader;
  reader.user = option("user", "");
  reader.password = [password = option("password", "")] { return password; };
  writer.user = option("writer", "");
  writer.password = [password = option("writer-password", "")] { return password; };
  const std::filesystem::path folder = option("folder", ".");
  Player player(reader, writer, folder / "state");

  if (arguments.contains("only")) return PlayCase(player, arguments["only"]) ? 0 : 1;
  if (arguments.contains("show")) {
    std::printf("%s", ToText(RandomHistory(std::stoull(arguments["show"]))).c_str());
    return 0;
  }

  int failures = 0;
  int cases = 0;
  if (arguments.contains("cases")) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(arguments["cases"])) files.push_back(entry);
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      ++cases;
      failures += PlayCase(player, file) ? 0 : 1;
    }
  }
  std::printf("cases played again: %d, wrong: %d\n", cases, failures);

  const std::uint64_t seed =
      arguments.contains("seed") ? std::stoull(arguments["seed"]) : std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::printf("\n| without    | goes wrong first in history |\n|---|---|\n");
  constexpr std::uint64_t kMost = 3000;
  for (std::size_t off = 1; off < std::size(kOffNames); ++off) {
    std::uint64_t history = 0;
    // It has to be for want of the mechanism, and of nothing else.
    const auto needs_it = [&] {
      const History played = RandomHistory(seed + history);
      return player.Play(played, static_cast<Off>(off)) && !player.Play(played);
    };
    while (history < kMost && !needs_it()) ++history;
    std::printf("| %-10s | %27s |\n", kOffNames[off],
                history < kMost ? std::to_string(history + 1).c_str() : "NONE");
    std::fflush(stdout);
    if (history == kMost) {
      ++failures;
    } else if (arguments.contains("print")) {
      History found = RandomHistory(seed + history);
      found.needs = kOffNames[off];
      Print(player, found, static_cast<Off>(off));
    }
  }

  const std::uint64_t histories = std::stoull(option("histories", "1000"));
  const Tally before = player.tally();
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t played = 0;
  std::uint64_t steps = 0;
  std::uint64_t wrong_ones = 0;
  for (std::uint64_t i = 0; i < histories && wrong_ones < 5; ++i) {
    const History history = RandomHistory(seed + i);
    ++played;
    steps += history.steps.size();
    const auto wrong = player.Play(history);
    if ((i + 1) % 1000 == 0) {
      std::printf("%llu histories, %.0f s\n", static_cast<unsigned long long>(i + 1), SecondsSince(begin));
      std::fflush(stdout);
    }
    if (!wrong) continue;
    ++wrong_ones;
    std::printf("\n!! seed %llu, step %zu: %s\n", static_cast<unsigned long long>(seed + i), wrong->step + 1,
                wrong->what.c_str());
    Print(player, history, Off::kNothing);
    std::fflush(stdout);
  }
  const Tally& tally = player.tally();
  const auto row = [](const char* what, std::uint64_t count) {
    std::printf("| %-52s | %10llu |\n", what, static_cast<unsigned long long>(count));
  };
  std::printf("\n| ledger storm, %.0f s %*s | |\n|---|---:|\n", SecondsSince(begin), 34, "");
  row("histories", played);
  row("steps", steps);
  if (wrong_ones == 0) {
    row("polls", tally.polls - before.polls);
    row("polls made to fail", tally.failed - before.failed);
    row("starts", tally.restarts - before.restarts);
    row("books compared with two recounts", tally.compared - before.compared);
    row("books excused until a recount is due", tally.excused - before.excused);
    row("... that were right all the same", tally.excused_right - before.excused_right);
    row("counter values looked at", tally.counters - before.counters);
    row("... above the recount, because they may not fall", tally.held - before.held);
  }
  row("histories that went wrong", wrong_ones);
  return failures == 0 && wrong_ones == 0 ? 0 : 1;
}

}  // namespace
}  // namespace storm

int main(int argc, char** argv) {
  storm::Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) {
      std::fprintf(stderr, "ledger_storm: what is %s?\n", argv[i]);
      return 2;
    }
    arguments[name.substr(2)] = argv[i + 1];
  }
  try {
    return storm::Main(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ledger_storm: %s\n", error.what());
    return 2;
  }
}
