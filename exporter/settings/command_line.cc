#include "exporter/settings/command_line.h"

// GCC 12 sees phantoms in its own <regex>, which cxxopts uses, when sanitizers are on.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <fmt/format.h>

#include <algorithm>
#include <cxxopts.hpp>
#include <map>
#include <string>
#include <string_view>

#include "exporter/log.h"

namespace exporter {
namespace {

// cxxopts matches each argument with a recursive std::regex, which would run out of stack on a huge one.
constexpr std::size_t kLongestArgument = 4096;

std::string FlagOf(std::string_view argument) { return std::string(argument.substr(0, argument.find('='))); }

[[noreturn]] void FailOnUnmatched(const std::string& argument, const std::vector<Setting>& table,
                                  const std::string& previous) {
  const std::string flag = FlagOf(argument);
  const std::string name = flag.substr(std::min<std::size_t>(2, flag.size()));
  const bool is_known = flag.starts_with("--") && FindSetting(table, name) != nullptr;
  if (is_known && argument.find('\n') != std::string::npos) {
    throw ConfigError(flag + ": the value must be one line of text");
  }
  // A flag that exists is left over only after "--".
  if (!argument.starts_with('-') || argument == "-" || is_known) {
    std::string hint;
    if (previous.starts_with("--")) {
      if (const Setting* setting = FindSetting(table, previous.substr(2)); setting && setting->is_switch()) {
        hint = "; a switch takes its value after '=': " + previous + "=false";
      }
    }
    throw ConfigError("unexpected argument " + log::Quote(argument) + hint);
  }
  if (name == "database.password") {
    throw ConfigError(
        "unknown flag --database.password: everyone on the machine could read it; use "
        "--database.password-file");
  }
  const bool negated = name.starts_with("no-");
  const std::string_view positive = std::string_view(name).substr(negated ? 3 : 0);
  if (const Setting* setting = FindSetting(table, positive); negated && setting != nullptr) {
    throw ConfigError("unknown flag " + flag + ": " + setting->name + " cannot be negated");
  }
  std::vector<std::string> names;
  for (const Setting& setting : table) {
    if (!negated || setting.has_negation()) names.push_back(setting.name);
  }
  throw ConfigError("unknown flag " + (flag.size() > 100 ? flag.substr(0, 100) + "..." : log::Quote(flag)) +
                    DidYouMean(positive, names, negated ? "--no-" : "--"));
}

}  // namespace

std::vector<Assignment> ReadCommandLine(int argc, const char* const* argv,
                                        const std::vector<Setting>& table) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]).size() > kLongestArgument) {
      throw ConfigError("argument " + std::to_string(i) + " is longer than " +
                        std::to_string(kLongestArgument) + " bytes");
    }
  }

  // Every flag is text to cxxopts: it would split lists at commas and answer in its own words.
  cxxopts::Options options("slurmdbd_exporter");
  options.allow_unrecognised_options();
  for (const Setting& setting : table) {
    const std::string names = setting.name == "help" ? "h,help" : setting.name;
    auto value = cxxopts::value<std::string>();
    if (setting.is_switch()) value->implicit_value("true");
    options.add_options()(names, setting.help, value);
    if (setting.has_negation()) {
      options.add_options()("no-" + setting.name, "", cxxopts::value<std::string>()->implicit_value(""));
    }
  }

  cxxopts::ParseResult parsed;
  try {
    parsed = options.parse(argc, argv);
  } catch (const cxxopts::exceptions::missing_argument&) {
    // Only the last argument can lack its value.
    throw ConfigError(std::string(argv[argc - 1]) + " needs a value");
  } catch (const cxxopts::exceptions::exception&) {
    throw ConfigError("the command line cannot be understood; see --help");
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!parsed.unmatched().empty()) {
    const std::string& first = parsed.unmatched().front();
    const auto at = std::find(arguments.begin(), arguments.end(), first);
    FailOnUnmatched(first, table, at == arguments.begin() || at == arguments.end() ? "" : *(at - 1));
  }

  std::vector<Assignment> out;
  std::map<const Setting*, std::size_t> seen;  // -> index in `out`
  for (const cxxopts::KeyValue& given : parsed.arguments()) {
    const bool negated = FindSetting(table, given.key()) == nullptr;
    const Setting* setting = FindSetting(table, negated ? given.key().substr(3) : given.key());
    const std::string flag = "--" + given.key();
    std::string value = given.value();
    if (negated) {
      if (!value.empty()) throw ConfigError(flag + " takes no value");
      value = "false";
    }
    // "--state.directory --once": the value was forgotten, and the next flag taken for it.
    if (value.starts_with("--")) {
      for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
        if (arguments[i] == flag && arguments[i + 1] == value) {
          throw ConfigError(
              fmt::format("{} needs a value, and {} looks like the next flag; write {}=VALUE if it is not",
                          flag, FlagOf(value), flag));
        }
      }
    }
    const auto [at, is_new] = seen.try_emplace(setting, out.size());
    if (is_new) {
      out.push_back({setting, {value}, flag});
      continue;
    }
    Assignment& earlier = out[at->second];
    if (earlier.origin != flag)
      throw ConfigError(earlier.origin + " and " + flag + " cannot be given together");
    if (setting->kind != Kind::kList) throw ConfigError(flag + " is given twice");
    earlier.values.push_back(value);
  }
  return out;
}

}  // namespace exporter
