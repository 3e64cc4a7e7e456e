#include "exporter/commands/backfill.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "collectors/slurmdb/replay.h"
#include "exporter/backfill/manifest.h"
#include "exporter/backfill/sweep.h"
#include "exporter/commands/own_flags.h"
#include "exporter/duration.h"
#include "exporter/exposition/family.h"
#include "exporter/files.h"
#include "exporter/log.h"
#include "exporter/version.h"
#include "exporter/wiring.h"

namespace exporter {
namespace {

using slurmdb::Period;

constexpr const char* kHelp =
    "usage: slurmdbd_exporter backfill --from=TIME --output=FOLDER [<flags>]\n\n"
    "Writes what the exporter would have shown in the past, as files to import; docs/backfill.md says how.\n"
    "Broken off, it goes on when it is started again.\n\n"
    "Flags, besides those of slurmdbd_exporter:\n"
    "  --from=TIME          The first moment: a day such as 2024-01-31, RFC 3339 or seconds since 1970.\n"
    "  --to=TIME            The last moment; without it, the last that has settled, and before --head.\n"
    "  --step=DURATION      How far moments are apart; without it, 5m.\n"
    "  --head=TIME          From here on there are samples already: nothing is written that could overlap.\n"
    "  --output=FOLDER      Where the files go.\n"
    "  --window=day|month   What a file holds; without it, a day.\n"
    "  --format=FORMAT      openmetrics, for promtool, or victoriametrics; without it, openmetrics.\n"
    "  --families=NAMES     Names of metrics, separated by commas; without it, all of the collectors that "
    "are on.\n"
    "  --label=NAME=VALUE   A label for all series, such as the job and instance that scrapes have; "
    "repeatable.\n";

struct Flags {
  std::string from;
  std::string to;
  std::string step = "5m";
  std::string head;
  std::string output;
  std::string window = "day";
  std::string format = "openmetrics";
  std::vector<std::string> families;
  std::vector<std::string> labels;
};

[[noreturn]] void Refuse(const std::string& flag, const std::string& why) {
  throw std::runtime_error("--" + flag + ": " + why);
}

std::int64_t TimeOf(const std::string& flag, const std::string& text, const slurmdb::Calendar& calendar) {
  try {
    const Epoch day = text.find('T') == std::string::npos && text.find('-') != std::string::npos
                          ? ParseEpoch(text)
                          : Epoch{text, ParseTime(text)};
    if (const auto* date = std::get_if<std::chrono::year_month_day>(&day.start)) {
      return calendar.Midnight(static_cast<int>(date->year()), static_cast<unsigned>(date->month()),
                               static_cast<unsigned>(date->day()));
    }
    return std::get<std::chrono::sys_seconds>(day.start).time_since_epoch().count();
  } catch (const std::invalid_argument& error) {
    Refuse(flag, error.what());
  }
}

std::int64_t StepOf(const std::string& text) {
  try {
    const Duration step = ParseDuration(text);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(step);
    if (seconds.count() == 0 || seconds != step) Refuse("step", "has to be whole seconds, and not 0");
    return seconds.count();
  } catch (const std::invalid_argument& error) {
    Refuse("step", error.what());
  }
}

template <typename Value>
Value Choice(const std::string& flag, const std::string& text,
             std::initializer_list<std::pair<const char*, Value>> choices) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    names += (names.empty() ? "" : " or ") + std::string(name);
  }
  Refuse(flag, log::Quote(text) + " is not " + names);
}

std::set<std::string> NamesOf(const std::vector<std::string>& lists) {
  std::set<std::string> names;
  for (std::string_view list : lists) {
    while (!list.empty()) {
      const std::string_view name = list.substr(0, list.find(','));
      list.remove_prefix(std::min(list.size(), name.size() + 1));
      if (!name.empty()) names.emplace(name);
    }
  }
  return names;
}

std::vector<std::pair<std::string, std::string>> LabelsOf(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) Refuse("label", log::Quote(text) + " is not NAME=VALUE");
    labels.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    const std::string& name = labels.back().first;
    if (!IsLabelName(name) || name == "le") Refuse("label", log::Quote(name) + " cannot be a label");
  }
  return labels;
}

// The collectors that are on and can tell of the past.
std::vector<CollectorPlan> PlansOf(const PollerOptions& options) {
  std::vector<CollectorPlan> plans;
  for (const CollectorPlan& plan : options.collectors) {
    if (slurmdb::Replay::Books().contains(plan.info->book)) plans.push_back(plan);
  }
  if (plans.empty()) throw std::runtime_error("no collector is enabled that can be backfilled");
  return plans;
}

// What has to stay the same for the files of a folder to go together.
Parameters ParametersOf(const Flags& flags, const Config& config, const std::vector<CollectorPlan>& plans,
                        const Grid& grid) {
  std::vector<std::string> collectors;
  std::string prices;
  collectors.reserve(plans.size());
  for (const CollectorPlan& plan : plans) {
    collectors.push_back(fmt::format("{} of at most {}", plan.info->name, plan.max_series));
    if (plan.info->book == slurmdb::Book::kCost) prices = config.cost.price_book->sha256;
  }
  return {{"version", kVersion},
          {"from", std::to_string(grid.from)},
          {"to", std::to_string(grid.to)},
          {"step", std::to_string(grid.step)},
          {"window", flags.window},
          {"format", flags.format},
          {"families", fmt::format("{}", fmt::join(NamesOf(flags.families), ","))},
          {"label", fmt::format("{}", fmt::join(flags.labels, ","))},
          {"collectors", fmt::format("{}", fmt::join(collectors, ", "))},
          {"database.name", config.database.name},
          {"cluster-include", config.clusters.include()},
          {"cluster-exclude", config.clusters.exclude()},
          {"timezone", slurmdb::Calendar(config.timezone).zone()},
          {"counter.epoch", config.counter.epoch.text},
          {"price book", prices},
          {"users and histograms", FingerprintOf(config)}};
}

// From the flags, else from the run that began in the folder, else from the clock.
Grid GridOf(const Flags& flags, const std::optional<Parameters>& before, const Config& config,
            const slurmdb::Calendar& calendar, std::int64_t now) {
  const auto earlier = [&](const char* name) -> std::int64_t {
    try {
      return std::stoll(before->at(name));
    } catch (const std::logic_error&) {
      throw std::runtime_error(log::Quote(flags.output) + ": its backfill.json does not say where it began");
    }
  };
  Grid grid;
  grid.step = StepOf(flags.step);
  if (flags.from.empty() && !before) throw std::runtime_error("backfill needs --from=TIME");
  grid.from = flags.from.empty() ? earlier("from") : TimeOf("from", flags.from, calendar);
  // A scrape shows counters as they were a settling time ago: from there on they could only fall.
  const std::int64_t settle = std::chrono::duration_cast<std::chrono::seconds>(config.counter.settle).count();
  std::int64_t last = now - settle;
  std::string why = "is not over, or has not settled";
  if (!flags.head.empty()) {
    const std::int64_t head = TimeOf("head", flags.head, calendar);
    if (const std::int64_t before_head = std::min(head - settle, head - 1); before_head < last) {
      last = before_head;
      why = fmt::format("overlaps what is there from --head on, whose counters are of {} s earlier", settle);
    }
  }
  if (!flags.to.empty()) {
    grid.to = TimeOf("to", flags.to, calendar);
  } else if (before) {
    grid.to = earlier("to");
  } else {
    grid.to = last - last % grid.step;
  }
  if (grid.to > last) Refuse("to", fmt::format("{} {}; the last moment possible is {}", grid.to, why, last));
  if (grid.from > grid.to) Refuse("from", fmt::format("lies after the last moment, {}", grid.to));
  return grid;
}

// On a terminal: a line that is written over and over.
class ProgressLine {
 public:
  ProgressLine(std::size_t windows, std::size_t moments)
      : windows_(windows), moments_(moments), on_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (drawn_) std::fputc('\n', stderr);
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Draw(std::size_t windows, std::size_t moments) {
    constexpr std::chrono::milliseconds kEvery{200};
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || (now < next_ && moments < moments_)) return;
    next_ = now + kEvery;
    drawn_ = true;
    std::fprintf(stderr, "\r%zu of %zu files, %zu of %zu moments", windows, windows_, moments, moments_);
    std::fflush(stderr);
  }

 private:
  std::size_t windows_;
  std::size_t moments_;
  bool on_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_{};
};

// As the kernel tells it; not getrusage, which counts in who started this.
std::string PeakMemory() {
  const std::string status = ReadFile("/proc/self/status");
  constexpr std::string_view kName = "VmHWM:";
  const std::size_t at = status.find(kName);
  if (at == std::string::npos) return "";
  const std::size_t begin = status.find_first_not_of(" \t", at + kName.size());
  return status.substr(begin, status.find('\n', begin) - begin);
}

}  // namespace

int RunBackfill(const std::vector<std::string>& arguments) {
  const auto began = std::chrono::steady_clock::now();
  Flags given;
  OwnFlags flags(std::string(kBackfill),
                 {{"from", &given.from},
                  {"to", &given.to},
                  {"step", &given.step},
                  {"head", &given.head},
                  {"output", &given.output},
                  {"window", &given.window},
                  {"format", &given.format}},
                 {}, {{"families", &given.families}, {"label", &given.labels}});
  flags.Take(arguments);
  if (flags.help()) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::vector<std::string> warnings;
  const Config config = flags.Rest(warnings);
  log::Configure(config.log.level, config.log.format);
  for (const std::string& warning : warnings) log::Warn(warning);
  if (given.output.empty()) throw std::runtime_error("backfill needs --output=FOLDER");

  const PollerOptions polling = PollerOptionsOf(config);
  SweepOptions options;
  options.folder = given.output;
  options.form = Choice("format", given.format,
                        {std::pair("openmetrics", ImportForm::kOpenMetrics),
                         std::pair("victoriametrics", ImportForm::kVictoriaMetrics)});
  options.labels = LabelsOf(given.labels);
  options.families = NamesOf(given.families);
  options.collectors = PlansOf(polling);
  options.collector_options = polling.collector_options;
  const Period size =
      Choice("window", given.window, {std::pair("day", Period::kDay), std::pair("month", Period::kMonth)});
  if (given.labels.empty()) log::Warn("without --label these are other series than those of scrapes");

  slurmdb::AccountingOptions accounting = AccountingOptionsOf(config);
  std::set<slurmdb::Book> books;
  for (const CollectorPlan& plan : options.collectors) books.insert(plan.info->book);
  slurmdb::Replay replay(accounting, std::move(books));
  const std::int64_t now = replay.Open();
  const Grid grid = GridOf(given, ReadManifest(given.output), config, replay.calendar(), now);
  const std::vector<Window> windows = WindowsOf(grid, size, accounting.epoch, replay.calendar());
  if (windows.empty())
    throw std::runtime_error("there is no moment between --from and --to: they are multiples of --step");
  AgreeOnManifest(given.output, ParametersOf(given, config, options.collectors, grid));
  std::size_t moments = 0;
  for (const Window& window : windows) moments += window.times.size();
  for (const std::string& column : replay.missing_columns())
    log::Warn("a column is not there or not granted; what needs it is left out", {{"column", column}});

  SweepResult result;
  {
    ProgressLine line(windows.size(), moments);
    options.progress = [&](std::size_t files, std::size_t done) { line.Draw(files, done); };
    replay.SetRange(windows.front().times.front(), grid.to);
    result = Sweep(replay, windows, grid.from, options);
  }
  if (result.left_out != 0) log::Warn("samples were left out", {{"samples", result.left_out}});
  log::Info("backfill is complete",
            {{"from", grid.from},
             {"to", grid.to},
             {"files", result.written},
             {"kept", result.kept},
             {"samples", result.samples},
             {"rows_read", replay.rows_read()},
             {"most_rows_kept", result.most_rows},
             {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()},
             {"peak_memory", PeakMemory()}});
  return 0;
}

}  // namespace exporter
