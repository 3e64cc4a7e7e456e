#include "exporter/commands/alertmanager_routes.h"

#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "exporter/alertmanager_routes.h"
#include "exporter/commands/own_flags.h"
#include "exporter/files.h"
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
    map = YAML::Load(ReadFile(path));
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
  std::string base_file;
  std::string output;
  std::string mail_domain;
  std::string mail_map;
  OwnFlags flags(
      std::string(kAlertmanagerRoutes),
      {{"base", &base_file}, {"output", &output}, {"mail-domain", &mail_domain}, {"mail-map", &mail_map}});
  flags.Take(arguments);
  if (flags.help()) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (base_file.empty()) throw std::runtime_error("alertmanager-routes needs --base=FILE");
  if (!mail_domain.empty() && !IsAddress("user@" + mail_domain))
    throw std::runtime_error("--mail-domain: " + log::Quote(mail_domain) + " is not a domain");
  std::vector<std::string> warnings;
  const Config config = flags.Rest(warnings);
  log::Configure(config.log.level, config.log.format);
  for (const std::string& warning : warnings) log::Warn(warning);
  const auto addresses = ReadMailMap(mail_map);
  const std::string base = ReadFile(base_file);

  std::set<std::string> without;
  const CoordinatorMail mail = ReadCoordinators(
      config,
      [&](const std::string& user) -> std::optional<std::string> {
        const auto found = addresses.find(user);
        if (found != addresses.end()) return found->second;
        const std::string address = user + "@" + mail_domain;
        return mail_domain.empty() || !IsAddress(address) ? std::nullopt : std::optional(address);
      },
      without);
  std::string text;
  try {
    text = FillRoutes(base, mail);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(base_file + ": " + error.what());
  }
  for (const std::string& user : without)
    log::Warn("a coordinator has no address and gets no mail", {{"user", user}});
  if (!output.empty()) {
    ReplaceFile(output, text);
    return 0;
  }
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace exporter
