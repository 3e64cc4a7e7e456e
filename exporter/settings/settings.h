#pragma once

// From command line and configuration file to a Config. Each setting has one name: `--poll.interval` as a
// flag, `poll: {interval: …}` or `poll.interval: …` in the file. Flags win over the file, the file over
// defaults.
//
//   const ParseResult result = ParseCommandLine(argc, argv, collectors);
//   if (const auto* run = std::get_if<RunProgram>(&result)) Serve(run->config);
//   ...
//   config = LoadConfig(argc, argv, collectors);  // on SIGHUP; throws ConfigError and changes nothing
//
// The settings themselves are the table in settings_table.h; help, documentation and both parsers iterate it.

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "exporter/settings/config.h"
#include "exporter/settings/config_error.h"
#include "exporter/settings/environment.h"

namespace exporter {

// What the settings need to know of a collector. The registry belongs to the caller.
struct CollectorInfo {
  std::string name;  // [a-z0-9_]+
  bool enabled_by_default = true;
  std::string help;     // one sentence, with its full stop
  std::string needs{};  // the setting without which it is off; "": none
};

struct RunProgram {
  Config config;
  std::vector<std::string> warnings;  // to be logged once the log is set up
};

// --help, --version, --config.check: the text goes to stdout, the exit code is 0.
struct PrintAndExit {
  std::string text;  // with its line break
};

// The message goes to stderr, the exit code is 1.
struct UsageError {
  std::string message;  // one line, without a line break
};

using ParseResult = std::variant<RunProgram, PrintAndExit, UsageError>;

// Never throws for what an operator may have written. A password file that cannot be read is an error here,
// though not in LoadConfig, because a running exporter may well get it back before it connects again.
// `validate` adds the checks of those who use the settings; it throws ConfigError.
using Validator = std::function<void(const Config&)>;
ParseResult ParseCommandLine(int argc, const char* const* argv, const std::vector<CollectorInfo>& collectors,
                             const Environment& environment = ProcessEnvironment(),
                             const Validator& validate = {});

// Reads the command line and the file it names anew. Throws ConfigError.
Config LoadConfig(int argc, const char* const* argv, const std::vector<CollectorInfo>& collectors);

// What --help and --version print.
std::string HelpText(const std::vector<CollectorInfo>& collectors);
std::string VersionText();

// The settings as a Markdown table, for the documentation. Settings that each collector has are listed once,
// as collector.NAME.….
std::string SettingsMarkdown(const std::vector<CollectorInfo>& collectors);

}  // namespace exporter
