#include "exporter/wiring.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "collectors/registry.h"
#include "exporter/settings/password_source.h"
#include "exporter/settings/slurm_conf.h"
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
  for (const double share : config.efficiency) {
    for (const auto what : {slurmdb::Observed::kCpuEfficiency, slurmdb::Observed::kMemoryEfficiency,
                            slurmdb::Observed::kGpuUtilization})
      of(what).push_back(std::llround(share * slurmdb::kRatioParts));
  }
  for (const std::int64_t gibibytes : {1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192})
    of(slurmdb::Observed::kGpuMemory).push_back(gibibytes << 30);
  return bounds;
}

slurmdb::Calendar CalendarOf(const Config& config) {
  try {
    return slurmdb::Calendar(config.timezone);
  } catch (const std::runtime_error& error) {
    Refuse(config, "timezone", error.what());
  }
}

// Null without a price book.
std::shared_ptr<const pricing::PriceBookTariff> TariffOf(const Config& config) {
  const std::shared_ptr<const pricing::PriceBook>& book = config.cost.price_book;
  if (book == nullptr) return nullptr;
  return std::make_shared<const pricing::PriceBookTariff>(
      book, pricing::FiscalCalendar(CalendarOf(config), book->first_month));
}

// The value for a cluster: its own, else the one for all.
template <typename T>
const T* Pick(const std::vector<Scoped<T>>& values, const std::string& cluster,
              const std::string& part = "") {
  const T* best = nullptr;
  int best_match = -1;
  for (const Scoped<T>& scoped : values) {
    if (!scoped.cluster.empty() && scoped.cluster != cluster) continue;
    if (!scoped.part.empty() && scoped.part != part) continue;
    const int match = (scoped.cluster.empty() ? 0 : 1) + (scoped.part.empty() ? 0 : 1);
    if (match > best_match) {
      best = &scoped.value;
      best_match = match;
    }
  }
  return best;
}

// What the files say, by path.
using SlurmConfs = std::map<std::string, SlurmConf>;

SlurmConfs ReadSlurmConfs(const Config& config) {
  SlurmConfs confs;
  for (const Scoped<std::string>& path : config.quota.slurm_conf) {
    try {
      confs.emplace(path.value, ReadSlurmConf(path.value));
    } catch (const std::runtime_error& error) {
      Refuse(config, "quota.slurm-conf", error.what());
    }
  }
  return confs;
}

slurmdb::QuotaPolicy QuotaPolicyOf(const Config& config, const SlurmConfs& confs,
                                   const std::string& cluster) {
  const QuotaConfig& quota = config.quota;
  slurmdb::QuotaPolicy policy;
  const std::string* zone = Pick(quota.timezone, cluster);
  policy.calendar = slurmdb::Calendar(zone != nullptr ? *zone : config.timezone);
  policy.history = Seconds(quota.history);
  bool knows_half_life = false;
  bool knows_reset = false;
  if (const std::string* path = Pick(quota.slurm_conf, cluster)) {
    const SlurmConf& conf = confs.at(*path);
    policy.half_life = conf.half_life;
    policy.reset = conf.reset;
    policy.partition_qos = conf.partition_qos;
    knows_half_life = conf.counts_usage;
    knows_reset = conf.counts_usage && conf.reset_is_known;
  }
  if (const Duration* half_life = Pick(quota.decay_half_life, cluster)) {
    policy.half_life = Seconds(*half_life);
    knows_half_life = true;
  }
  if (const slurmdb::ResetPeriod* reset = Pick(quota.reset_period, cluster)) {
    policy.reset = *reset;
    knows_reset = true;
  }
  policy.known = knows_half_life && knows_reset;
  for (const Scoped<std::string>& qos : quota.partition_qos) {
    if (qos.cluster == cluster) policy.partition_qos[qos.part] = qos.value;
  }
  for (const Scoped<slurmdb::UsageReset>& reset : quota.usage_reset) {
    if (reset.cluster == cluster) policy.resets.push_back(reset.value);
  }
  return policy;
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
    known.push_back({std::string(collector.name), collector.enabled_by_default, std::string(collector.help),
                     std::string(collector.needs)});
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
  options.tariff = TariffOf(config);
  options.memory_formula = config.efficiency_memory;
  options.quota_policy = [config, confs = ReadSlurmConfs(config)](const std::string& cluster) {
    return QuotaPolicyOf(config, confs, cluster);
  };
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
  options.collector_options.tariff = TariffOf(config);
  options.collector_options.quota_warning_ratio = [ratios = config.quota.warning_ratio](
                                                      const std::string& cluster,
                                                      const std::string& account) -> std::optional<double> {
    const double* ratio = Pick(ratios, cluster, account);
    return ratio == nullptr ? std::nullopt : std::optional(*ratio);
  };
  return options;
}

void Validate(const Config& config) {
  CalendarOf(config);
  ReadSlurmConfs(config);
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
  const auto of = [&](slurmdb::Observed what) {
    return fmt::join(bounds[static_cast<std::size_t>(what)], ",");
  };
  const int memory = config.efficiency_memory ? static_cast<int>(*config.efficiency_memory) : -1;
  return fmt::format("user-label={} user-include={} user-exclude={} histograms={};{};{};{} memory={}",
                     static_cast<int>(config.user_label), config.users.include(), config.users.exclude(),
                     of(slurmdb::Observed::kWait), of(slurmdb::Observed::kRun),
                     of(slurmdb::Observed::kTimelimitUsed), of(slurmdb::Observed::kCpuEfficiency), memory);
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
