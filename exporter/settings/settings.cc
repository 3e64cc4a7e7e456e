#include "exporter/settings/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "exporter/settings/command_line.h"
#include "exporter/settings/config_file.h"
#include "exporter/settings/password_source.h"
#include "exporter/settings/price_book_file.h"
#include "exporter/settings/settings_table.h"
#include "exporter/version.h"

namespace exporter {
namespace {

using namespace std::chrono_literals;

// Where a setting's value came from, as the start of a message: "--x: ", "file:1:2: x: " or "x: ".
std::string Lead(const std::string& name, const std::string& origin) {
  if (origin.empty()) return name + ": ";
  return origin.starts_with("--") ? origin + ": " : origin + ": " + name + ": ";
}

void Apply(Config& config, const Setting& setting, const std::vector<std::string>& values,
           const std::string& origin) {
  try {
    setting.set(config, values);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(Lead(setting.name, origin) + error.what());
  }
  if (!origin.empty()) config.origins[setting.name] = origin;
}

// What no single value shows: limits and settings that depend on each other.
class Checker {
 public:
  Checker(Config& config, const std::vector<CollectorInfo>& collectors)
      : config_(config), known_(collectors) {}

  void Check() {
    CheckCommands();
    CheckDatabase();
    CheckTimes();
    CheckQuota();
    ReadCost();
    for (std::size_t i = 0; i < known_.size(); ++i) CheckCollector(config_.collectors[i], known_[i].needs);
  }

 private:
  bool IsGiven(const std::string& name) const { return config_.origins.contains(name); }

  [[noreturn]] void Fail(const std::string& name, const std::string& message) const {
    const auto origin = config_.origins.find(name);
    throw ConfigError(Lead(name, origin == config_.origins.end() ? "" : origin->second) + message);
  }

  void AtLeast(const std::string& name, Duration value, Duration least) const {
    if (value < least) {
      Fail(name, FormatDuration(value) + " is too short, the least is " + FormatDuration(least));
    }
  }

  void CheckCommands() const {
    if (config_.once && config_.config_check) {
      throw ConfigError("--once and --config.check cannot be given together");
    }
    if (config_.as_of && !config_.once) Fail("as-of", "only with --once");
  }

  void CheckDatabase() {
    DatabaseConfig& database = config_.database;
    for (HostPort& host : database.hosts) {
      if (host.port == 0) host.port = database.port;
    }
    if (!database.tls) {
      const std::pair<const char*, bool> needs_tls[] = {
          {"database.tls-ca", !database.tls_ca.empty()},
          {"database.tls-cert", !database.tls_cert.empty()},
          {"database.tls-key", !database.tls_key.empty()},
          {"database.tls-skip-verify", database.tls_skip_verify}};
      for (const auto& [name, given] : needs_tls) {
        if (given) Fail(name, "has no effect without database.tls");
      }
    }
    if (!database.tls_cert.empty() && database.tls_key.empty())
      Fail("database.tls-cert", "needs database.tls-key");
    if (!database.tls_key.empty() && database.tls_cert.empty())
      Fail("database.tls-key", "needs database.tls-cert");
    AtLeast("database.connect-timeout", database.connect_timeout, 1s);
    AtLeast("database.query-timeout", database.query_timeout, 1s);
    AtLeast("database.lock-wait-timeout", database.lock_wait_timeout, 1s);
  }

  void CheckTimes() const {
    const CounterConfig& counter = config_.counter;
    AtLeast("poll.interval", config_.poll_interval, 1s);
    AtLeast("counter.wide-interval", counter.wide_interval, 1s);
    AtLeast("counter.recount-interval", counter.recount_interval, 1s);
    if (counter.overlap > counter.wide_window) {
      const std::string message =
          fmt::format("counter.overlap ({}) is longer than counter.wide-window ({})",
                      FormatDuration(counter.overlap), FormatDuration(counter.wide_window));
      Fail(IsGiven("counter.overlap") ? "counter.overlap" : "counter.wide-window", message);
    }
  }

  void CheckQuota() const {
    AtLeast("quota.history", config_.quota.history, 1h);
    for (const auto& half_life : config_.quota.decay_half_life) {
      if (half_life.value != Duration::zero()) AtLeast("quota.decay-half-life", half_life.value, 1s);
    }
    for (const auto& qos : config_.quota.partition_qos) {
      if (qos.part.empty()) Fail("quota.partition-qos", "a value is not CLUSTER/PARTITION=QOS");
    }
  }

  void ReadCost() {
    CostConfig& cost = config_.cost;
    if (cost.price_book_file.empty()) return;
    try {
      const slurmdb::Calendar calendar(config_.timezone);
      cost.price_book =
          std::make_shared<const pricing::PriceBook>(ReadPriceBook(cost.price_book_file, calendar));
    } catch (const std::runtime_error& error) {
      Fail("cost.price-book", error.what());
    }
  }

  void CheckCollector(CollectorConfig& collector, const std::string& needs) const {
    const std::string name = "collector." + collector.name;
    if (config_.collector_disable_defaults && !IsGiven(name)) collector.enabled = false;
    if (!needs.empty() && !IsGiven(needs)) {
      if (collector.enabled && IsGiven(name)) Fail(name, "needs " + needs);
      collector.enabled = false;
    }
    if (collector.interval == Duration::zero()) collector.interval = config_.poll_interval;
    if (collector.interval < config_.poll_interval) {
      Fail(name + ".interval",
           fmt::format("{} is shorter than poll.interval ({})", FormatDuration(collector.interval),
                       FormatDuration(config_.poll_interval)));
    }
    if (collector.staleness == Duration::zero()) collector.staleness = 3 * collector.interval;
    if (collector.staleness < collector.interval) {
      Fail(name + ".staleness",
           fmt::format("{} is shorter than the collector's interval ({})",
                       FormatDuration(collector.staleness), FormatDuration(collector.interval)));
    }
  }

  Config& config_;
  const std::vector<CollectorInfo>& known_;
};

const Assignment* Find(const std::vector<Assignment>& assignments, std::string_view name) {
  for (const Assignment& assignment : assignments) {
    if (assignment.setting->name == name) return &assignment;
  }
  return nullptr;
}

Config Load(const std::vector<Setting>& table, const std::vector<CollectorInfo>& collectors,
            const std::vector<Assignment>& flags) {
  Config config;
  for (const CollectorInfo& collector : collectors) {
    CollectorConfig& made = config.collectors.emplace_back();
    made.name = collector.name;
  }

  std::vector<Assignment> given;
  if (const Assignment* file = Find(flags, "config.file")) {
    Apply(config, *file->setting, file->values, file->origin);
    given = ReadConfigFile(config.config_file, table);
  }
  for (const Setting& setting : table) {
    if (!setting.default_text.empty()) Apply(config, setting, {setting.default_text}, "");
  }
  // A value in the file that a flag replaces must still be a right one: the flag may be gone tomorrow.
  for (const Assignment& a : given) Apply(config, *a.setting, a.values, a.origin);
  for (const Assignment& a : flags) Apply(config, *a.setting, a.values, a.origin);
  Checker(config, collectors).Check();
  return config;
}

// The settings as shown to people: what each collector has once, the rest in the table's order.
std::vector<const Setting*> ShownSettings(const std::vector<Setting>& table) {
  std::vector<const Setting*> shown;
  std::set<std::string> names;
  for (const Setting& setting : table) {
    if (names.insert(setting.shown_as).second) shown.push_back(&setting);
  }
  return shown;
}

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return "switch";
    case Kind::kString:
      return "text";
    case Kind::kList:
      return "list";
    case Kind::kInt:
      return "number";
    case Kind::kDuration:
      return "duration";
    case Kind::kRegex:
      return "regex";
    case Kind::kTime:
      return "time";
  }
  return "";
}

bool IsCollectorSwitch(const Setting& setting, const std::vector<CollectorInfo>& collectors) {
  return std::any_of(collectors.begin(), collectors.end(),
                     [&](const CollectorInfo& c) { return setting.name == "collector." + c.name; });
}

std::string ShownDefault(const Setting& setting, const std::vector<CollectorInfo>& collectors) {
  if (IsCollectorSwitch(setting, collectors)) return setting.default_text == "true" ? "enabled" : "disabled";
  return setting.default_text;
}

// `text` in lines of at most `width` characters, each after `indent`.
std::string Wrap(std::string_view text, const std::string& indent, std::size_t width) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > width) {
      end = text.rfind(' ', width);
      if (end == std::string_view::npos) end = std::min(text.find(' '), text.size());
    }
    out += indent + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

Config LoadConfig(int argc, const char* const* argv, const std::vector<CollectorInfo>& collectors) {
  const std::vector<Setting> table = SettingsTable(collectors);
  return Load(table, collectors, ReadCommandLine(argc, argv, table));
}

ParseResult ParseCommandLine(int argc, const char* const* argv, const std::vector<CollectorInfo>& collectors,
                             const Environment& environment, const Validator& validate) {
  try {
    const std::vector<Setting> table = SettingsTable(collectors);
    const std::vector<Assignment> flags = ReadCommandLine(argc, argv, table);
    const auto asked = [&](std::string_view name) {
      const Assignment* flag = Find(flags, name);
      return flag != nullptr && flag->values.back() == "true";
    };
    if (asked("help")) return PrintAndExit{HelpText(collectors)};
    if (asked("version")) return PrintAndExit{VersionText()};

    RunProgram run{Load(table, collectors, flags), {}};
    const PasswordSource password(run.config.database.password_file, environment);
    try {
      password.Read();
    } catch (const std::runtime_error& error) {
      const auto origin = run.config.origins.find("database.password-file");
      if (origin == run.config.origins.end()) throw ConfigError(error.what());
      throw ConfigError(Lead(origin->first, origin->second) + error.what());
    }
    if (validate) validate(run.config);
    if (auto warning = password.Warning()) run.warnings.push_back(*std::move(warning));
    if (!run.config.config_check) return run;

    std::string text;
    for (const std::string& warning : run.warnings) text += "warning: " + warning + "\n";
    return PrintAndExit{text + "the configuration is valid\n"};
  } catch (const ConfigError& error) {
    return UsageError{error.what()};
  }
}

std::string VersionText() {
  return fmt::format(
      "slurmdbd_exporter, version {} (branch: {}, revision: {})\n"
      "  compiler:  {}\n"
      "  platform:  {}\n",
      kVersion, kBranch, kRevision, kCompiler, kPlatform);
}

std::string HelpText(const std::vector<CollectorInfo>& collectors) {
  const std::vector<Setting> table = SettingsTable(collectors);
  std::string out =
      "usage: slurmdbd_exporter [<flags>]\n"
      "       slurmdbd_exporter report|backfill|alertmanager-routes --help\n\n"
      "Prometheus exporter for the Slurm accounting database. Reports, the past for a new Prometheus and\n"
      "Alertmanager's routes are commands with flags of their own.\n\n"
      "Flags:\n";
  for (const Setting* setting : ShownSettings(table)) {
    std::string flag = "--" + setting->shown_as;
    if (setting->name == "help") flag = "-h, --help";
    if (setting->has_negation()) flag = "--[no-]" + setting->shown_as;
    if (!setting->is_switch()) flag += fmt::format("={}", KindName(setting->kind));
    if (setting->kind == Kind::kList) flag = "--" + setting->shown_as + "=text ...";
    std::string help = setting->help;
    const std::string shown_default = ShownDefault(*setting, collectors);
    if (!shown_default.empty() && !(setting->is_switch() && setting->flag_only)) {
      help += " (default: " + shown_default + ")";
    }
    out += "  " + flag + "\n" + Wrap(help, "      ", 94);
  }
  out +=
      "\nDurations are written as 90s, 5m or 1h30m. All flags but help, version, config.file, config.check, "
      "once and\n"
      "as-of are also keys of the file: --poll.interval=60s is \"poll: {interval: 60s}\".\n";
  return out;
}

std::string SettingsMarkdown(const std::vector<CollectorInfo>& collectors) {
  const std::vector<Setting> table = SettingsTable(collectors);
  std::string out = "| Flag | Kind | Default | Meaning |\n|---|---|---|---|\n";
  for (const Setting* setting : ShownSettings(table)) {
    std::string help;
    for (const char c : setting->help) {
      if (c == '|') help += '\\';
      help += c;
    }
    const std::string shown_default = ShownDefault(*setting, collectors);
    out += fmt::format("| `--{}{}` | {} | {} | {} |\n", setting->has_negation() ? "[no-]" : "",
                       setting->shown_as,
                       setting->kind == Kind::kList ? "text, repeatable" : KindName(setting->kind),
                       shown_default.empty() ? "" : "`" + shown_default + "`", help);
  }
  return out;
}

}  // namespace exporter
