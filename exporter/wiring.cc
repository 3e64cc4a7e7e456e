#include "exporter/wiring.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <stdexcept>

#include "collectors/registry.h"
#include "exporter/settings/password_source.h"
#include "exporter/version.h"
#include "exporter/web/listen_address.h"
#include "exporter/web/server.h"

namespace exporter {
namespace {

std::int64_t Seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

slurmdb::Epoch EpochOf(const Epoch& epoch, const slurmdb::Calendar& calendar) {
  if (const auto* period = std::get_if<EpochPeriod>(&epoch.start)) {
    switch (*period) {
      case EpochPeriod::kMonth:
        return slurmdb::Period::kMonth;
      case EpochPeriod::kQuarter:
        return slurmdb::Period::kQuarter;
      case EpochPeriod::kYear:
        return slurmdb::Period::kYear;
    }
  }
  if (const auto* day = std::get_if<std::chrono::year_month_day>(&epoch.start)) {
    return calendar.Midnight(static_cast<int>(day->year()), static_cast<unsigned>(day->month()),
                             static_cast<unsigned>(day->day()));
  }
  return std::int64_t{std::get<std::chrono::sys_seconds>(epoch.start).time_since_epoch().count()};
}

// Names the flag or the place in the file that an error is about.
[[noreturn]] void Refuse(const Config& config, const std::string& setting, const std::string& why) {
  const auto origin = config.origins.find(setting);
  const std::string flag = "--" + setting;
  if (origin == config.origins.end() || origin->second == flag) throw ConfigError(flag + ": " + why);
  throw ConfigError(origin->second + ": " + setting + ": " + why);
}

slurmdb::HistogramBounds BoundsOf(const HistogramConfig& config) {
  slurmdb::HistogramBounds bounds;
  const auto of = [&](slurmdb::Observed what) -> auto& { return bounds[static_cast<std::size_t>(what)]; };
  for (const Duration bound : config.wait) of(slurmdb::Observed::kWait).push_back(Seconds(bound));
  for (const Duration bound : config.run) of(slurmdb::Observed::kRun).push_back(Seconds(bound));
  for (const double share : config.timelimit)
    of(slurmdb::Observed::kTimelimitUsed).push_back(std::llround(share * slurmdb::kRatioParts));
  return bounds;
}

slurmdb::Calendar CalendarOf(const Config& config) {
  try {
    return slurmdb::Calendar(config.timezone);
  } catch (const std::runtime_error& error) {
    Refuse(config, "timezone", error.what());
  }
}

// Long enough for any use, and short enough to be added to the steady clock.
std::chrono::milliseconds Bounded(Duration duration) {
  return std::min<std::chrono::milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(duration),
                                             std::chrono::hours(24 * 365));
}

}  // namespace

std::vector<CollectorInfo> KnownCollectors() {
  std::vector<CollectorInfo> known;
  for (const collectors::CollectorInfo& collector : collectors::Registry()) {
    known.push_back({std::string(collector.name), collector.enabled_by_default, std::string(collector.help)});
  }
  return known;
}

slurmdb::AccountingOptions AccountingOptionsOf(const Config& config) {
  slurmdb::AccountingOptions options;
  const DatabaseConfig& database = config.database;
  slurmdb::ConnectionOptions& connection = options.connection;
  for (const HostPort& host : database.hosts) connection.endpoints.push_back({host.host, host.port});
  connection.socket = database.socket;
  connection.database = database.name;
  connection.user = database.user;
  const PasswordSource password(database.password_file);
  connection.password = [password] { return password.Read(); };
  connection.tls = {database.tls, !database.tls_skip_verify, database.tls_ca, database.tls_cert,
                    database.tls_key};
  connection.connect_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(database.connect_timeout);
  connection.query_timeout = std::chrono::duration_cast<std::chrono::milliseconds>(database.query_timeout);
  connection.lock_wait_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(database.lock_wait_timeout);
  connection.program_version = kVersion;

  const NameFilter clusters = config.clusters;
  options.accepts_cluster = [clusters](std::string_view name) { return clusters.Allows(name); };
  options.calendar = CalendarOf(config);
  options.epoch = EpochOf(config.counter.epoch, options.calendar);
  options.settle = Seconds(config.counter.settle);
  if (config.as_of) options.as_of = config.as_of->time_since_epoch().count();
  options.ledger.overlap = Seconds(config.counter.overlap);
  options.ledger.wide_window = Seconds(config.counter.wide_window);
  options.ledger.wide_interval = Seconds(config.counter.wide_interval);
  options.ledger.recount_interval = Seconds(config.counter.recount_interval);
  options.ledger.histograms = BoundsOf(config.histogram);
  return options;
}

PollerOptions PollerOptionsOf(const Config& config) {
  PollerOptions options;
  options.interval = Bounded(config.poll_interval);
  const auto registry = collectors::Registry();
  for (const CollectorConfig& collector : config.collectors) {
    if (!collector.enabled) continue;
    const auto info = std::find_if(registry.begin(), registry.end(),
                                   [&](const auto& known) { return known.name == collector.name; });
    options.collectors.push_back({&*info, Bounded(collector.interval), Bounded(collector.staleness),
                                  static_cast<std::size_t>(collector.max_series)});
  }
  const NameFilter users = config.users;
  options.collector_options.accepts_user = [users](std::string_view name) { return users.Allows(name); };
  options.collector_options.user_label = config.user_label;
  return options;
}

void Validate(const Config& config) {
  CalendarOf(config);
  if (EnabledCollectors(config).empty())
    Refuse(config, "collector.disable-defaults", "no collector is enabled");
  if (config.once) return;
  for (const std::string& address : config.web.listen_addresses) {
    try {
      ParseListenAddress(address);
    } catch (const WebError& error) {
      Refuse(config, "web.listen-address", error.what());
    }
  }
  if (!config.state_directory.empty() && !std::filesystem::is_directory(config.state_directory)) {
    Refuse(config, "state.directory", fmt::format("\"{}\" is not a directory", config.state_directory));
  }
}

std::string FingerprintOf(const Config& config) {
  const slurmdb::HistogramBounds bounds = BoundsOf(config.histogram);
  return fmt::format("user-label={} user-include={} user-exclude={} histograms={};{};{}",
                     static_cast<int>(config.user_label), config.users.include(), config.users.exclude(),
                     fmt::join(bounds[0], ","), fmt::join(bounds[1], ","), fmt::join(bounds[2], ","));
}

std::vector<std::string> EnabledCollectors(const Config& config) {
  std::vector<std::string> names;
  for (const CollectorConfig& collector : config.collectors) {
    if (collector.enabled) names.push_back(collector.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace exporter
