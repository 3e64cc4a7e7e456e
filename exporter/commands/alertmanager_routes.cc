#include "exporter/commands/alertmanager_routes.h"

#include <fcntl.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>
#include <variant>

#include "exporter/alertmanager_routes.h"
#include "exporter/log.h"
#include "exporter/settings/settings.h"
#include "exporter/wiring.h"

namespace exporter {
namespace {

constexpr const char* kHelp =
    "usage: slurmdbd_exporter alertmanager-routes --base=FILE [<flags>]\n\n"
    "Writes Alertmanager's configuration with the coordinators of accounts, so that they get the alerts of "
    "their\naccounts.\n\n"
    "Flags, besides those of slurmdbd_exporter for the database, clusters, logging and --config.file:\n"
    "  --base=FILE          Alertmanager's configuration with the two marker lines.\n"
    "  --output=FILE        Where the result goes; without it, standard output.\n"
    "  --mail-domain=DOMAIN What comes after the @ in the addresses of users.\n"
    "  --mail-map=FILE      YAML map of users to addresses; an empty address: no mail.\n";

struct Options {
  std::string base;
  std::string output;
  std::string mail_domain;
  std::string mail_map;
  bool help = false;
  std::vector<std::string> others;  // the exporter's own
};

Options OptionsOf(const std::vector<std::string>& arguments) {
  Options options;
  const std::map<std::string, std::string*> own = {{"--base", &options.base},
                                                   {"--output", &options.output},
                                                   {"--mail-domain", &options.mail_domain},
                                                   {"--mail-map", &options.mail_map}};
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    const std::size_t equals = at->find('=');
    const auto found = own.find(at->substr(0, equals));
    if (*at == "--help" || *at == "-h") {
      options.help = true;
    } else if (found == own.end()) {
      options.others.push_back(*at);
    } else if (!found->second->empty()) {
      throw std::runtime_error(found->first + " is given twice");
    } else {
      if (equals == std::string::npos && std::next(at) != arguments.end()) {
        *found->second = *++at;
      } else if (equals != std::string::npos) {
        *found->second = at->substr(equals + 1);
      }
      if (found->second->empty()) throw std::runtime_error(found->first + " needs a value");
    }
  }
  return options;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) {
    throw std::runtime_error("cannot read " + log::Quote(path) + ": " +
                             std::generic_category().message(errno));
  }
  return text;
}

// What can be put between two others, separated by a comma.
bool IsAddress(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == ',' || c == '<' || c == '>') return false;
  }
  const std::size_t at = text.find('@');
  return at != std::string::npos && at != 0 && at + 1 != text.size() &&
         text.find('@', at + 1) == std::string::npos;
}

std::map<std::string, std::string> ReadMailMap(const std::string& path) {
  std::map<std::string, std::string> addresses;
  if (path.empty()) return addresses;
  const auto fail = [&](const YAML::Mark& mark, const std::string& why) {
    throw std::runtime_error("--mail-map: " + path + ":" + std::to_string(mark.line + 1) + ": " + why);
  };
  YAML::Node map;
  try {
    map = YAML::Load(Contents(path));
  } catch (const YAML::Exception& error) {
    fail(error.mark, "this is not valid YAML: " + error.msg);
  }
  if (map.IsNull()) return addresses;
  if (!map.IsMap()) fail(map.Mark(), "this is not a map of users to addresses");
  for (const auto& entry : map) {
    if (!entry.first.IsScalar() || !(entry.second.IsScalar() || entry.second.IsNull()))
      fail(entry.first.Mark(), "this is not a user and an address");
    const std::string user = entry.first.Scalar();
    const std::string address = entry.second.IsNull() ? "" : entry.second.Scalar();
    if (!address.empty() && !IsAddress(address))
      fail(entry.second.Mark(), log::Quote(address) + " is not an address");
    if (!addresses.emplace(user, address).second)
      fail(entry.first.Mark(), log::Quote(user) + " is there twice");
  }
  return addresses;
}

// The old file is whole until the new one is.
void Replace(const std::string& path, const std::string& text) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && Contents(path) == text) return;
  const std::string fresh = path + ".new";
  const auto fail = [&](int error) {
    throw std::runtime_error("cannot write " + log::Quote(fresh) + ": " +
                             std::generic_category().message(error));
  };
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail(errno);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      close(file);
      fail(error);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  const int synced = fsync(file) == 0 ? 0 : errno;
  if (close(file) != 0 || synced != 0) fail(synced != 0 ? synced : errno);
  std::filesystem::rename(fresh, path);
}

Config ConfigOf(const std::vector<std::string>& flags, std::vector<std::string>& warnings) {
  std::vector<const char*> argv = {"slurmdbd_exporter"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  const ParseResult result = ParseCommandLine(static_cast<int>(argv.size()), argv.data(), KnownCollectors());
  if (const auto* error = std::get_if<UsageError>(&result)) throw std::runtime_error(error->message);
  const auto* run = std::get_if<RunProgram>(&result);
  if (run == nullptr || run->config.once || run->config.as_of)
    throw std::runtime_error("a flag does not go together with alertmanager-routes");
  warnings = run->warnings;
  return run->config;
}

CoordinatorMail ReadCoordinators(const Config& config, const AddressOf& address_of,
                                 std::set<std::string>& without) {
  slurmdb::Accounting accounting(AccountingOptionsOf(config));
  accounting.StartPoll();
  const auto& failures = accounting.Require(slurmdb::Book::kCoordinators);
  if (!failures.empty())
    throw std::runtime_error("cluster " + failures.front().cluster + ": " + failures.front().message);
  constexpr std::int64_t kFresh = 0;
  return CoordinatorsOf(accounting.View(slurmdb::Book::kCoordinators, kFresh), address_of, without);
}

}  // namespace

int RunAlertmanagerRoutes(const std::vector<std::string>& arguments) {
  const Options options = OptionsOf(arguments);
  if (options.help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (options.base.empty()) throw std::runtime_error("alertmanager-routes needs --base=FILE");
  if (!options.mail_domain.empty() && !IsAddress("user@" + options.mail_domain))
    throw std::runtime_error("--mail-domain: " + log::Quote(options.mail_domain) + " is not a domain");
  std::vector<std::string> warnings;
  const Config config = ConfigOf(options.others, warnings);
  log::Configure(config.log.level, config.log.format);
  for (const std::string& warning : warnings) log::Warn(warning);
  const auto addresses = ReadMailMap(options.mail_map);
  const std::string base = Contents(options.base);

  std::set<std::string> without;
  const CoordinatorMail mail = ReadCoordinators(
      config,
      [&](const std::string& user) -> std::optional<std::string> {
        const auto found = addresses.find(user);
        if (found != addresses.end()) return found->second;
        const std::string address = user + "@" + options.mail_domain;
        return options.mail_domain.empty() || !IsAddress(address) ? std::nullopt : std::optional(address);
      },
      without);
  std::string text;
  try {
    text = FillRoutes(base, mail);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(options.base + ": " + error.what());
  }
  for (const std::string& user : without)
    log::Warn("a coordinator has no address and gets no mail", {{"user", user}});
  if (!options.output.empty()) {
    Replace(options.output, text);
    return 0;
  }
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace exporter
