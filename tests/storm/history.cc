#include "tests/storm/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <sstream>
#include <stdexcept>

#include "tests/storm/world.h"

namespace storm {
namespace {

struct Grammar {
  Verb verb;
  const char* name;
  std::vector<const char*> arguments;
};

const std::vector<Grammar>& Grammars() {
  static const std::vector<Grammar> grammars = {
      {Verb::kSubmit, "submit", {"job", "cluster", "charge", "tasks"}},
      {Verb::kStart, "start", {"job", "at", "tres"}},
      {Verb::kTask, "task", {"job", "new", "at", "tres"}},
      {Verb::kEnd, "end", {"job", "at", "state"}},
      {Verb::kRecord,
       "record",
       {"job", "cluster", "charge", "submit", "start", "end", "state", "tres", "old"}},
      {Verb::kSuspend, "suspend", {"job", "at"}},
      {Verb::kResume, "resume", {"job", "at"}},
      {Verb::kRequeue, "requeue", {"job", "new", "at", "state"}},
      {Verb::kResize, "resize", {"job", "new", "at", "tres"}},
      {Verb::kCorrect, "correct", {"job", "end"}},
      {Verb::kModify, "modify", {"job", "tres"}},
      {Verb::kLater, "later", {"job", "start"}},
      {Verb::kMove, "move", {"job", "charge"}},
      {Verb::kDelete, "delete", {"job"}},
      {Verb::kRekey, "rekey", {"job"}},
      {Verb::kRunaway, "runaway", {"job"}},
      {Verb::kRollup, "rollup", {}},
      {Verb::kReroll, "reroll", {"to"}},
      {Verb::kPoll, "poll", {"race", "count"}},
      {Verb::kFail, "fail", {"call", "rows"}},
      {Verb::kKilled, "killed", {}},
      {Verb::kRestart, "restart", {}},
  };
  return grammars;
}

struct Setting {
  const char* name;
  std::int64_t Settings::*value;
};
constexpr Setting kSettings[] = {{"settle", &Settings::settle},
                                 {"overlap", &Settings::overlap},
                                 {"wide-window", &Settings::wide_window},
                                 {"wide-interval", &Settings::wide_interval},
                                 {"recount-interval", &Settings::recount_interval},
                                 {"second-epoch", &Settings::second_epoch},
                                 {"clusters", &Settings::clusters},
                                 {"punctual", &Settings::punctual}};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) { history_.seed = seed; }

  History Make() {
    Settings& settings = history_.settings;
    settings.punctual = Chance(5) ? 1 : 0;
    settings.clusters = Chance(3) ? 2 : 1;
    if (Chance(3)) {
      settings.overlap = Draw(60, 1800);
      settings.wide_interval = Draw(300, 7200);
      settings.wide_window = std::max(settings.overlap, Draw(7200, 100000));
      settings.recount_interval = Draw(10800, 100000);
    }
    if (Chance(6)) settings.second_epoch = Draw(5000, 90000);
    world_ = World(settings);
    now_ = -Draw(-100, 4000);
    const std::int64_t steps = Draw(30, 110);
    for (std::int64_t i = 0; i < steps; ++i) {
      now_ += Chance(20) ? Draw(0, 60000) : Chance(8) ? Draw(0, 9000) : Draw(0, 200);
      if (settings.punctual != 0) {
        Punctual();
      } else {
        Anything();
      }
      if (Chance(3)) Exporter();
    }
    Add(Verb::kPoll, {0, 0});
    return std::move(history_);
  }

 private:
  std::int64_t Draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  bool Chance(std::int64_t one_in) { return Draw(1, one_in) == 1; }
  // Now and then on a border: the epoch, as-of, a full hour, a full five minutes.
  std::int64_t Past(std::int64_t most) {
    const std::int64_t at = now_ - Draw(0, most);
    if (!Chance(8)) return at;
    const std::int64_t borders[] = {0, now_ - history_.settings.settle, at - (kBase + at) % 3600,
                                    at - (kBase + at) % 300};
    const std::int64_t border = borders[Draw(0, std::ssize(borders) - 1)];
    return border >= now_ - most && border <= now_ ? border : at;
  }

  void Add(Verb verb, std::vector<std::int64_t> arguments) {
    history_.steps.push_back({now_, verb, std::move(arguments)});
    world_.Apply(history_.steps.back());
  }

  template <typename Wanted>
  std::int64_t Pick(Wanted wanted) {
    std::vector<std::int64_t> found;
    for (const auto& [job, row] : world_.rows()) {
      if (row.exists && wanted(row)) found.push_back(job);
    }
    return found.empty() ? 0 : found[static_cast<std::size_t>(Draw(0, std::ssize(found) - 1))];
  }
  std::int64_t Running() {
    return Pick([](const Row& row) { return row.end == 0 && row.state == 1; });
  }
  std::int64_t Charge() { return Draw(0, std::ssize(kCharges) - 1); }
  std::int64_t Tres() { return Draw(0, std::ssize(kTres) - 1); }
  std::int64_t Cluster() { return Draw(0, history_.settings.clusters - 1); }
  std::int64_t State() {
    constexpr std::int64_t kStates[] = {3, 3, 3, 4, 5, 6, 7, 11};
    return kStates[Draw(0, std::ssize(kStates) - 1)];
  }

  // What comes in good time.
  void Punctual() {
    constexpr std::int64_t kLate = 55;
    switch (Draw(0, 9)) {
      case 0:
      case 1:
        Add(Verb::kSubmit, {++jobs_, Cluster(), Charge(), Chance(5) ? Draw(1, 5) : 0});
        break;
      case 2:
      case 3:
        Begin(kLate);
        break;
      case 4:
      case 5:
        if (const auto job = Pick([](const Row& row) { return row.end == 0; }))
          Add(Verb::kEnd, {job, Past(kLate), State()});
        break;
      case 6:
        Pausing(kLate);
        break;
      case 7:
        if (const auto job = Running()) {
          if (Chance(2)) {
            Add(Verb::kRequeue, {job, ++jobs_, Past(kLate), Chance(2) ? 1024 : 7});
          } else {
            Add(Verb::kResize, {job, ++jobs_, Past(kLate), Tres()});
          }
        }
        break;
      case 8:
        if (const auto job = Pick([](const Row& row) { return row.pauses.empty(); }))
          Add(Verb::kRekey, {job});
        break;
      case 9:
        Add(Verb::kRollup, {});
        break;
    }
  }

  void Begin(std::int64_t late) {
    const auto job = Pick([](const Row& row) { return row.end == 0 && row.state == 0; });
    if (job == 0) return;
    if (world_.rows().at(job).tasks > 0) {
      Add(Verb::kTask, {job, ++jobs_, Past(late), Tres()});
    } else {
      Add(Verb::kStart, {job, Past(late), Tres()});
    }
  }

  void Pausing(std::int64_t late) {
    const auto paused = Pick([](const Row& row) { return row.end == 0 && row.state == 2; });
    if (paused != 0 && Chance(2)) {
      Add(Verb::kResume, {paused, Past(late)});
    } else if (const auto job = Running()) {
      Add(Verb::kSuspend, {job, Past(late)});
    }
  }

  // And what does not, and what is put right afterwards.
  void Anything() {
    if (Chance(2)) {
      Punctual();
      return;
    }
    constexpr std::int64_t kLong = 60000;
    const auto ended = [](const Row& row) { return row.end != 0; };
    const auto any = [](const Row&) { return true; };
    switch (Draw(0, 13)) {
      case 0:
      case 1: {
        const std::int64_t late = Chance(2) ? 3000 : kLong;
        if (const auto job = Running()) Add(Verb::kEnd, {job, Past(late), State()});
        MaybeReroll(late);
        break;
      }
      case 2:
      case 3: {
        const std::int64_t submit = Past(Chance(8) ? 3 * kLong : kLong);
        const std::int64_t start = submit + Draw(0, 100);
        const std::int64_t end = std::min(now_ + 20, start + (Chance(3) ? Draw(0, kLong) : Draw(0, 5000)));
        const bool old = Chance(4);
        Add(Verb::kRecord, {++jobs_, Cluster(), Charge(), submit, start, end, State(),
                            Chance(6) ? -1 : Tres(), static_cast<std::int64_t>(old)});
        if (Chance(3)) Add(Verb::kReroll, {std::min(start, end)});
        break;
      }
      case 4:
      case 5:
        if (const auto job = Pick(ended))
          Add(Verb::kCorrect, {job, Chance(4) ? now_ + Draw(-30, 30) : Past(Chance(3) ? kLong : 2000)});
        MaybeReroll(kLong);
        break;
      case 6:
        if (const auto job = Pick(any)) Add(Verb::kModify, {job, Tres()});
        MaybeReroll(kLong);
        break;
      case 7:
        if (const auto job = Running()) Add(Verb::kLater, {job, Past(200)});
        break;
      case 8:
        if (const auto job = Pick([](const Row& row) { return row.end == 0; }))
          Add(Verb::kMove, {job, Charge()});
        break;
      case 9:
        if (const auto job = Pick(any)) Add(Verb::kDelete, {job});
        break;
      case 10:
        if (const auto job = Pick(any)) Add(Verb::kRekey, {job});
        break;
      case 11:
        if (const auto job = Pick([](const Row& row) { return row.end == 0; })) Add(Verb::kRunaway, {job});
        break;
      case 12:
        Begin(kLong);
        break;
      case 13:
        Pausing(3000);
        break;
    }
  }

  void MaybeReroll(std::int64_t most) {
    if (Chance(4)) Add(Verb::kReroll, {Past(most)});
  }

  void Exporter() {
    if (Chance(25)) Add(Verb::kRestart, {});
    if (Chance(40)) Add(Verb::kKilled, {});
    if (Chance(8)) {
      Add(Verb::kFail, {Draw(1, 14), Draw(0, 3)});
    } else if (Chance(8)) {
      Add(Verb::kPoll, {Draw(1, 14), Draw(1, 3)});
    } else {
      Add(Verb::kPoll, {0, 0});
    }
  }

  std::mt19937_64 random_;
  History history_;
  World world_{Settings{}};
  std::int64_t now_ = 0;
  std::int64_t jobs_ = 0;
};

}  // namespace

History RandomHistory(std::uint64_t seed) { return Generator(seed).Make(); }

std::string ToText(const History& history) {
  std::string out = fmt::format("# seed {}\n", history.seed);
  if (!history.needs.empty()) out += fmt::format("needs {}\n", history.needs);
  const Settings defaults;
  for (const Setting& setting : kSettings) {
    if (history.settings.*setting.value != defaults.*setting.value)
      out += fmt::format("set {} {}\n", setting.name, history.settings.*setting.value);
  }
  for (const Step& step : history.steps) {
    const auto grammar = std::find_if(Grammars().begin(), Grammars().end(),
                                      [&](const Grammar& one) { return one.verb == step.verb; });
    out += fmt::format("{:>8} {}", step.at, grammar->name);
    for (std::size_t i = 0; i < step.arguments.size(); ++i)
      out += fmt::format(" {}={}", grammar->arguments[i], step.arguments[i]);
    out += '\n';
  }
  return out;
}

History FromText(std::string_view text) {
  History history;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream words(line);
    std::string first;
    if (!(words >> first) || first[0] == '#') continue;
    try {
      std::string name;
      std::int64_t value = 0;
      words >> name;
      if (first == "needs") {
        history.needs = name;
        continue;
      }
      if (first == "set") {
        const auto setting = std::find_if(std::begin(kSettings), std::end(kSettings),
                                          [&](const Setting& one) { return name == one.name; });
        if (setting == std::end(kSettings) || !(words >> value)) throw std::runtime_error("no such setting");
        history.settings.*setting->value = value;
        continue;
      }
      const auto grammar = std::find_if(Grammars().begin(), Grammars().end(),
                                        [&](const Grammar& one) { return name == one.name; });
      if (grammar == Grammars().end()) throw std::runtime_error("no such step");
      Step step{std::stoll(first), grammar->verb, {}};
      for (const char* argument : grammar->arguments) {
        std::string word;
        words >> word;
        const std::string prefix = std::string(argument) + "=";
        if (!word.starts_with(prefix)) throw std::runtime_error("expected " + prefix);
        step.arguments.push_back(std::stoll(word.substr(prefix.size())));
      }
      history.steps.push_back(std::move(step));
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("line {}: {}: {}", number, line, error.what()));
    }
  }
  return history;
}

}  // namespace storm
