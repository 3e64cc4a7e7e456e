#include "exporter/wiring.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "collectors/registry.h"
#include "exporter/settings/password_source.h"
#include "exporter/version.h"

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

slurmdb::Calendar CalendarOf(const Config& config) {
  try {
    return slurmdb::Calendar(config.timezone);
  } catch (const std::runtime_error& error) {
    const auto origin = config.origins.find("timezone");
    throw ConfigError((origin == config.origins.end() ? "--timezone" : origin->second) + ": " + error.what());
  }
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
  return options;
}

PollerOptions PollerOptionsOf(const Config& config) {
  PollerOptions options;
  options.interval = std::chrono::duration_cast<std::chrono::milliseconds>(config.poll_interval);
  const auto registry = collectors::Registry();
  for (const CollectorConfig& collector : config.collectors) {
    if (!collector.enabled) continue;
    const auto info = std::find_if(registry.begin(), registry.end(),
                                   [&](const auto& known) { return known.name == collector.name; });
    options.collectors.push_back({&*info,
                                  std::chrono::duration_cast<std::chrono::milliseconds>(collector.interval),
                                  std::chrono::duration_cast<std::chrono::milliseconds>(collector.staleness),
                                  static_cast<std::size_t>(collector.max_series)});
  }
  const NameFilter users = config.users;
  options.collector_options.accepts_user = [users](std::string_view name) { return users.Allows(name); };
  options.collector_options.user_label = config.user_label;
  return options;
}

std::string FingerprintOf(const Config& config) {
  return fmt::format("user-label={} user-include={} user-exclude={}", static_cast<int>(config.user_label),
                     config.users.include(), config.users.exclude());
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
