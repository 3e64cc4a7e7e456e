#include "exporter/settings/settings_table.h"

#include <date/tz.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "exporter/log.h"
#include "exporter/settings/slurm_conf.h"

namespace exporter {
namespace {

using Values = std::vector<std::string>;

[[noreturn]] void Refuse(const std::string& value, const std::string& why) {
  throw std::invalid_argument(log::Quote(value) + " " + why);
}

bool ParseBool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  Refuse(text, "is neither true nor false");
}

std::int64_t ParseInt(const std::string& text, std::int64_t lowest, std::int64_t highest) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end || error == std::errc::invalid_argument)
    Refuse(text, "is not a whole number");
  if (error != std::errc() || value < lowest || value > highest) {
    Refuse(text, "is not between " + std::to_string(lowest) + " and " + std::to_string(highest));
  }
  return value;
}

std::uint16_t ParsePort(const std::string& text) {
  return static_cast<std::uint16_t>(ParseInt(text, 1, 65535));
}

// Splits "host", "host:port", "[v6]:port" or a bare "v6"; the port is empty when there is none.
struct SplitAddress {
  std::string host;
  std::string port;
  bool has_port = false;
};

SplitAddress Split(const std::string& text) {
  const auto bad = [](char c) { return c == ',' || c == '/' || static_cast<unsigned char>(c) <= ' '; };
  if (std::any_of(text.begin(), text.end(), bad))
    Refuse(text, "is not one host; repeat the setting for more");
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    const std::string rest = end == std::string::npos ? "" : text.substr(end + 1);
    if (end == std::string::npos || end == 1 || (!rest.empty() && rest.front() != ':')) {
      Refuse(text, "is not an address such as [::1]:3306");
    }
    return {text.substr(1, end - 1), rest.empty() ? "" : rest.substr(1), !rest.empty()};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos) return {text, "", false};
  return {text.substr(0, colon), text.substr(colon + 1), true};
}

HostPort ParseDatabaseHost(const std::string& text) {
  const SplitAddress address = Split(text);
  if (address.host.empty()) Refuse(text, "has no host name");
  return {address.host, address.has_port ? ParsePort(address.port) : std::uint16_t{0}};
}

std::string ParseListenAddress(const std::string& text) {
  const SplitAddress address = Split(text);
  if (!address.has_port) Refuse(text, "is not an address such as :19341, 127.0.0.1:19341 or [::1]:19341");
  ParsePort(address.port);
  return text;
}

std::string ParseTelemetryPath(const std::string& text) {
  const auto bad = [](char c) { return c == '?' || c == '#' || c == '%' || c <= ' ' || c > '~'; };
  if (!text.starts_with('/') || std::any_of(text.begin(), text.end(), bad)) {
    Refuse(text, "is not a path such as /metrics");
  }
  if (text.starts_with("/-/")) Refuse(text, "is taken: /-/ belongs to the health and management pages");
  return text;
}

std::string ParseTimeZone(const std::string& text) {
  if (text.empty()) return text;
  try {
    date::locate_zone(text);
  } catch (const std::runtime_error&) {
    Refuse(text, "is not a time zone of this machine, such as Europe/Paris or UTC");
  }
  return text;
}

// The number that is the whole text; none if it is not one.
std::optional<double> NumberIn(const std::string& text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

// What stands between separators: one part more than there are of these.
Values Parts(const std::string& text, char separator) {
  Values parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Upper bounds of a histogram, by comma.
template <typename T, typename Parse>
std::vector<T> ParseBounds(const std::string& text, Parse parse) {
  std::vector<T> bounds;
  for (const std::string& part : Parts(text, ',')) {
    const T bound = parse(part);
    if (!bounds.empty() && bound <= bounds.back()) Refuse(text, "is not in ascending order");
    bounds.push_back(bound);
  }
  return bounds;
}

std::vector<Duration> ParseTimeBounds(const std::string& text) {
  return ParseBounds<Duration>(text, [&](const std::string& one) {
    const Duration bound = ParseDuration(one);
    if (bound % std::chrono::seconds(1) != Duration::zero()) Refuse(text, "has a part of a second");
    return bound;
  });
}

std::vector<double> ParseRatioBounds(const std::string& text) {
  return ParseBounds<double>(text, [&](const std::string& one) {
    const std::optional<double> bound = NumberIn(one);
    if (!bound || !(*bound > 0) || *bound > 100) Refuse(text, "is not a list of shares such as 0.25,0.5,1");
    return *bound;
  });
}

// "VALUE", "CLUSTER=VALUE", or "CLUSTER/PART=VALUE" when `has_part`.
Scoped<std::string> SplitScope(const std::string& text, bool has_part) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {"", "", text};
  const std::string scope = text.substr(0, equals);
  const std::size_t slash = has_part ? scope.find('/') : std::string::npos;
  Scoped<std::string> split = {scope.substr(0, slash), "", text.substr(equals + 1)};
  if (slash != std::string::npos) split.part = scope.substr(slash + 1);
  if (split.cluster.empty() || split.cluster.find('/') != std::string::npos ||
      (slash != std::string::npos && split.part.empty()))
    Refuse(text,
           has_part ? "is not VALUE, CLUSTER=VALUE or CLUSTER/NAME=VALUE" : "is not VALUE or CLUSTER=VALUE");
  return split;
}

// A parser of such text; `parse` reads the value.
template <typename Parse>
auto ScopedParser(Parse parse, bool has_part = false) {
  return [parse, has_part](const std::string& text) {
    Scoped<std::string> split = SplitScope(text, has_part);
    using Value = decltype(parse(split.value));
    return Scoped<Value>{split.cluster, split.part, parse(split.value)};
  };
}

slurmdb::ResetPeriod ParseResetPeriod(const std::string& text) {
  if (const auto period = ResetPeriodOf(text)) return *period;
  Refuse(text, "is not one of none, daily, weekly, monthly, quarterly, yearly");
}

double ParseRatio(const std::string& text) {
  const std::optional<double> value = NumberIn(text);
  if (!value || !(*value > 0) || *value > 1) Refuse(text, "is not a number above 0 and up to 1, such as 0.8");
  return *value;
}

// "CLUSTER/ACCOUNT=TIME", "CLUSTER/ACCOUNT/USER=TIME", "CLUSTER/ACCOUNT/USER/PARTITION=TIME",
// "CLUSTER/qos:NAME=TIME".
Scoped<slurmdb::UsageReset> ParseUsageReset(const std::string& text) {
  const Scoped<std::string> split = SplitScope(text, true);
  const auto refuse = [&] {
    Refuse(text,
           "is not CLUSTER/ACCOUNT=TIME, CLUSTER/ACCOUNT/USER=TIME, CLUSTER/ACCOUNT/USER/PARTITION=TIME or "
           "CLUSTER/qos:NAME=TIME");
  };
  if (split.part.empty()) refuse();
  slurmdb::UsageReset reset;
  constexpr std::string_view kQos = "qos:";
  if (split.part.starts_with(kQos)) {
    reset.qos = split.part.substr(kQos.size());
    if (reset.qos.empty()) refuse();
  } else {
    Values names = Parts(split.part, '/');
    if (names.size() > 3 || std::find(names.begin(), names.end(), "") != names.end()) refuse();
    names.resize(3);
    reset.account = names[0];
    reset.user = names[1];
    reset.partition = names[2];
  }
  reset.time = ParseTime(split.value).time_since_epoch().count();
  return {split.cluster, split.part, reset};
}

// `get` maps a Config to the member that the parsed value goes to.
template <typename Parse, typename Get>
Setting One(const std::string& name, Kind kind, const std::string& default_text, const std::string& help,
            Parse parse, Get get) {
  return {.name = name,
          .shown_as = name,
          .kind = kind,
          .default_text = default_text,
          .help = help,
          .set = [parse = std::move(parse), get](Config& config, const Values& values) {
            get(config) = parse(values.back());
          }};
}

template <typename Get>
Setting Bool(const std::string& name, const std::string& default_text, const std::string& help, Get get) {
  return One(name, Kind::kBool, default_text, help, ParseBool, get);
}

template <typename Get>
Setting Time(const std::string& name, const std::string& default_text, const std::string& help, Get get) {
  return One(name, Kind::kDuration, default_text, help, ParseDuration, get);
}

template <typename Get>
Setting Text(const std::string& name, const std::string& default_text, const std::string& help, Get get) {
  const auto parse = [](const std::string& text) { return text; };
  return One(name, Kind::kString, default_text, help, parse, get);
}

template <typename Get>
Setting Name(const std::string& name, const std::string& default_text, const std::string& help, Get get) {
  const auto parse = [](const std::string& text) {
    if (text.empty()) throw std::invalid_argument("must not be empty");
    return text;
  };
  return One(name, Kind::kString, default_text, help, parse, get);
}

template <typename T, typename Get>
Setting Choice(const std::string& name, const std::string& default_text, const std::string& help,
               std::vector<std::pair<std::string, T>> choices, Get get) {
  const auto parse = [choices = std::move(choices)](const std::string& text) {
    std::string words;
    for (const auto& [word, value] : choices) {
      if (word == text) return value;
      words += (words.empty() ? "" : ", ") + word;
    }
    Refuse(text, "is not one of " + words);
  };
  return One(name, Kind::kString, default_text, help, parse, get);
}

template <typename Parse, typename Get>
Setting List(const std::string& name, const std::string& default_text, const std::string& help, Parse parse,
             Get get) {
  return {.name = name,
          .shown_as = name,
          .kind = Kind::kList,
          .default_text = default_text,
          .help = help,
          .set = [parse, get](Config& config, const Values& values) {
            auto& list = get(config);
            list.clear();
            for (const std::string& value : values) {
              auto item = parse(value);
              if (std::find(list.begin(), list.end(), item) != list.end()) Refuse(value, "is listed twice");
              list.push_back(std::move(item));
            }
          }};
}

Setting Regex(const std::string& name, const std::string& help,
              std::function<void(Config&, const std::string&)> set) {
  return {
      .name = name,
      .shown_as = name,
      .kind = Kind::kRegex,
      .default_text = "",
      .help = help,
      .set = [set = std::move(set)](Config& config, const Values& values) { set(config, values.back()); }};
}

// For settings that choose what the program does; nothing in Config holds them.
Setting Action(const std::string& name, const std::string& help) {
  return {.name = name,
          .shown_as = name,
          .kind = Kind::kBool,
          .default_text = "false",
          .help = help,
          .set = [](Config&, const Values& values) { ParseBool(values.back()); },
          .flag_only = true};
}

Setting FlagOnly(Setting setting) {
  setting.flag_only = true;
  return setting;
}

Setting ShownAs(std::string name, Setting setting) {
  setting.shown_as = std::move(name);
  return setting;
}

void AddProgram(std::vector<Setting>& table) {
  table.push_back(Action("help", "Print this help and exit."));
  table.push_back(Action("version", "Print the version and exit."));
  table.push_back(FlagOnly(Name(
      "config.file", "", "YAML file with settings; flags win over it.",
      [](Config & c) -> auto& { return c.config_file; })));
  table.push_back(FlagOnly(Bool(
      "config.check", "false", "Check flags, file and password file, then exit.",
      [](Config & c) -> auto& { return c.config_check; })));
  table.push_back(FlagOnly(Bool(
      "once", "false", "Read the database once, print the metrics to stdout and exit.",
      [](Config & c) -> auto& { return c.once; })));
  table.push_back(FlagOnly(One(
      "as-of", Kind::kTime, "", "With --once: count as if it were this time, RFC 3339 or seconds since 1970.",
      ParseTime, [](Config & c) -> auto& { return c.as_of; })));

  table.push_back(Choice<log::Level>(
      "log.level", "info", "Least severe messages to log: debug, info, warn or error.",
      {{"debug", log::Level::kDebug},
       {"info", log::Level::kInfo},
       {"warn", log::Level::kWarn},
       {"error", log::Level::kError}},
      [](Config & c) -> auto& { return c.log.level; }));
  table.push_back(Choice<log::Format>(
      "log.format", "logfmt", "Form of log lines: logfmt or json.",
      {{"logfmt", log::Format::kLogfmt}, {"json", log::Format::kJson}},
      [](Config & c) -> auto& { return c.log.format; }));
}

void AddWeb(std::vector<Setting>& table) {
  table.push_back(List(
      "web.listen-address", ":19341", "Address to serve on, IPv4: :port or host:port.", ParseListenAddress,
      [](Config & c) -> auto& { return c.web.listen_addresses; }));
  table.push_back(One(
      "web.telemetry-path", Kind::kString, "/metrics", "Path of the metrics page.", ParseTelemetryPath,
      [](Config & c) -> auto& { return c.web.telemetry_path; }));
  table.push_back(One(
      "web.max-requests", Kind::kInt, "40",
      "Most scrapes at the same time, others get 503; 0 means no limit.",
      [](const std::string& text) { return static_cast<int>(ParseInt(text, 0, 1'000'000)); },
      [](Config & c) -> auto& { return c.web.max_requests; }));
  table.push_back(Bool(
      "web.enable-lifecycle", "false", "Allow POST and PUT on /-/reload and /-/quit.",
      [](Config & c) -> auto& { return c.web.enable_lifecycle; }));
  table.push_back(Bool(
      "web.disable-exporter-metrics", "false",
      "Leave out metrics about the exporter's process and web server.",
      [](Config & c) -> auto& { return c.web.disable_exporter_metrics; }));
}

void AddDatabase(std::vector<Setting>& table) {
  table.push_back(List(
      "database.host", "localhost",
      "Host, or host:port, of the accounting database; several are tried in order.", ParseDatabaseHost,
      [](Config & c) -> auto& { return c.database.hosts; }));
  table.push_back(One(
      "database.port", Kind::kInt, "3306", "Port for hosts given without one.", ParsePort,
      [](Config & c) -> auto& { return c.database.port; }));
  table.push_back(Text(
      "database.socket", "", "Unix socket of the database server; when set, hosts are not used.",
      [](Config & c) -> auto& { return c.database.socket; }));
  table.push_back(Name(
      "database.name", "slurm_acct_db", "Name of the database, StorageLoc in slurmdbd.conf.",
      [](Config & c) -> auto& { return c.database.name; }));
  table.push_back(Name(
      "database.user", "slurmdbd_exporter", "User to connect as.",
      [](Config & c) -> auto& { return c.database.user; }));
  table.push_back(Text(
      "database.password-file", "",
      "File with the password, read at each connect; without it the environment variable "
      "SLURMDBD_EXPORTER_DATABASE_PASSWORD or the systemd credential database-password is used.",
      [](Config & c) -> auto& { return c.database.password_file; }));
  table.push_back(Bool(
      "database.tls", "false", "Require TLS and verify the server's certificate.",
      [](Config & c) -> auto& { return c.database.tls; }));
  table.push_back(Text(
      "database.tls-ca", "", "PEM file of the authorities to trust; empty means the system's.",
      [](Config & c) -> auto& { return c.database.tls_ca; }));
  table.push_back(Text(
      "database.tls-cert", "", "PEM file of the client certificate.",
      [](Config & c) -> auto& { return c.database.tls_cert; }));
  table.push_back(Text(
      "database.tls-key", "", "PEM file of the client certificate's key.",
      [](Config & c) -> auto& { return c.database.tls_key; }));
  table.push_back(Bool(
      "database.tls-skip-verify", "false", "Require TLS but accept any server certificate.",
      [](Config & c) -> auto& { return c.database.tls_skip_verify; }));
  table.push_back(Time(
      "database.connect-timeout", "5s", "Longest wait for a connection.",
      [](Config & c) -> auto& { return c.database.connect_timeout; }));
  table.push_back(Time(
      "database.query-timeout", "30s", "Longest run of one statement, enforced by the server.",
      [](Config & c) -> auto& { return c.database.query_timeout; }));
  table.push_back(Time(
      "database.lock-wait-timeout", "2s", "Longest wait for a lock in the database.",
      [](Config & c) -> auto& { return c.database.lock_wait_timeout; }));
}

void AddCounting(std::vector<Setting>& table) {
  table.push_back(Regex("cluster-include", "Measure only clusters whose whole name matches; empty means all.",
                        [](Config& c, const std::string& text) { c.clusters.SetInclude(text); }));
  table.push_back(Regex("cluster-exclude", "Do not measure clusters whose whole name matches.",
                        [](Config& c, const std::string& text) { c.clusters.SetExclude(text); }));
  table.push_back(Regex("user-include", "Measure only users whose whole name matches; empty means all.",
                        [](Config& c, const std::string& text) { c.users.SetInclude(text); }));
  table.push_back(Regex("user-exclude", "Do not measure users whose whole name matches.",
                        [](Config& c, const std::string& text) { c.users.SetExclude(text); }));
  table.push_back(Choice<UserLabel>(
      "user-label", "name", "How users appear in labels: name, id, hash or none.",
      {{"name", UserLabel::kName},
       {"id", UserLabel::kId},
       {"hash", UserLabel::kHash},
       {"none", UserLabel::kNone}},
      [](Config & c) -> auto& { return c.user_label; }));
  table.push_back(One(
      "timezone", Kind::kString, "",
      "Time zone slurmdbd runs in, such as Europe/Paris; empty means this machine's.", ParseTimeZone,
      [](Config & c) -> auto& { return c.timezone; }));
  table.push_back(One(
      "counter.epoch", Kind::kString, "month",
      "Where counters start: month, quarter, year, a day such as 2025-01-31 or an RFC 3339 time.", ParseEpoch,
      [](Config & c) -> auto& { return c.counter.epoch; }));
  table.push_back(Time(
      "counter.settle", "60s", "How long to wait for late end records before counting.",
      [](Config & c) -> auto& { return c.counter.settle; }));
  table.push_back(Time(
      "counter.overlap", "15m", "How far back ended jobs are read again at each poll.",
      [](Config & c) -> auto& { return c.counter.overlap; }));
  table.push_back(Time(
      "counter.wide-window", "26h", "How far back ended jobs are read now and then.",
      [](Config & c) -> auto& { return c.counter.wide_window; }));
  table.push_back(Time(
      "counter.wide-interval", "1h", "How often the wide window is read.",
      [](Config & c) -> auto& { return c.counter.wide_interval; }));
  table.push_back(Time(
      "counter.recount-interval", "24h", "How often everything since the epoch is read again.",
      [](Config & c) -> auto& { return c.counter.recount_interval; }));
  table.push_back(One(
      "histogram.wait-buckets", Kind::kString, "10s,1m,5m,15m,30m,1h,2h,4h,8h,12h,1d,2d,3d,7d,14d",
      "Upper bounds of slurmdbd_job_wait_seconds.", ParseTimeBounds,
      [](Config & c) -> auto& { return c.histogram.wait; }));
  table.push_back(One(
      "histogram.run-buckets", Kind::kString, "10s,1m,5m,15m,30m,1h,2h,4h,8h,12h,1d,2d,3d,7d,14d,30d",
      "Upper bounds of slurmdbd_job_run_seconds.", ParseTimeBounds,
      [](Config & c) -> auto& { return c.histogram.run; }));
  table.push_back(One(
      "histogram.timelimit-buckets", Kind::kString, "0.01,0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.99,1",
      "Upper bounds of slurmdbd_job_timelimit_used_ratio.", ParseRatioBounds,
      [](Config & c) -> auto& { return c.histogram.timelimit; }));
  table.push_back(One(
      "histogram.efficiency-buckets", Kind::kString, "0.01,0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
      "Upper bounds of the efficiencies of CPU and memory and of slurmdbd_job_gpu_utilization_ratio.",
      ParseRatioBounds, [](Config & c) -> auto& { return c.histogram.efficiency; }));
  using slurmdb::MemoryFormula;
  table.push_back(Choice<std::optional<MemoryFormula>>(
      "efficiency.memory", "auto",
      "What memory efficiency is: requested, allocated or total, as seff of Slurm to 22.05, to 24.05 and "
      "from "
      "24.11 on; auto goes by the database.",
      {{"auto", std::nullopt},
       {"requested", MemoryFormula::kRequested},
       {"allocated", MemoryFormula::kAllocated},
       {"total", MemoryFormula::kTotal}},
      [](Config & c) -> auto& { return c.efficiency_memory; }));
  table.push_back(Time(
      "poll.interval", "60s", "How often the database is read.",
      [](Config & c) -> auto& { return c.poll_interval; }));
  table.push_back(Text(
      "state.directory", "", "Folder for what must survive a restart; empty means that nothing is kept.",
      [](Config & c) -> auto& { return c.state_directory; }));
}

void AddQuota(std::vector<Setting>& table) {
  const auto text = [](const std::string& value) {
    if (value.empty()) throw std::invalid_argument("must not be empty");
    return value;
  };
  table.push_back(List(
      "quota.slurm-conf", "",
      "Path of slurm.conf, or CLUSTER=PATH, to read what decides how usage counts against quotas; the "
      "settings "
      "below win over it.",
      ScopedParser(text), [](Config & c) -> auto& { return c.quota.slurm_conf; }));
  table.push_back(List(
      "quota.decay-half-life", "",
      "PriorityDecayHalfLife of slurm.conf, or CLUSTER=DURATION; 0 means that usage does not decay; without "
      "it "
      "7d, Slurm's default.",
      ScopedParser(ParseDuration), [](Config & c) -> auto& { return c.quota.decay_half_life; }));
  table.push_back(List(
      "quota.reset-period", "",
      "PriorityUsageResetPeriod of slurm.conf, or CLUSTER=PERIOD: none, daily, weekly, monthly, quarterly or "
      "yearly; without it none.",
      ScopedParser(ParseResetPeriod), [](Config & c) -> auto& { return c.quota.reset_period; }));
  table.push_back(List(
      "quota.timezone", "",
      "Time zone slurmctld runs in, or CLUSTER=ZONE, in which usage is reset; without it the setting "
      "timezone.",
      ScopedParser(ParseTimeZone), [](Config & c) -> auto& { return c.quota.timezone; }));
  table.push_back(List(
      "quota.partition-qos", "", "CLUSTER/PARTITION=QOS, for partitions with a QOS in slurm.conf.",
      ScopedParser(text, true), [](Config & c) -> auto& { return c.quota.partition_qos; }));
  table.push_back(List(
      "quota.usage-reset", "",
      "When usage was reset by hand with RawUsage=0: CLUSTER/ACCOUNT=TIME, CLUSTER/ACCOUNT/USER=TIME, "
      "CLUSTER/ACCOUNT/USER/PARTITION=TIME or CLUSTER/qos:NAME=TIME, RFC 3339 or seconds since 1970.",
      ParseUsageReset, [](Config & c) -> auto& { return c.quota.usage_reset; }));
  table.push_back(List(
      "quota.warning-ratio", "",
      "Share of a quota from which on its account is to be warned, or CLUSTER=RATIO, CLUSTER/ACCOUNT=RATIO; "
      "accounts "
      "with one are meant to have a quota. Alert rules take 0.8 without it.",
      ScopedParser(ParseRatio, true), [](Config & c) -> auto& { return c.quota.warning_ratio; }));
  table.push_back(Time(
      "quota.history", "400d", "How far back jobs are read to count what quotas are held against.",
      [](Config & c) -> auto& { return c.quota.history; }));
}

void AddCost(std::vector<Setting>& table) {
  table.push_back(Name(
      "cost.price-book", "",
      "YAML file that says what usage costs, and who pays; without it there are no costs.",
      [](Config & c) -> auto& { return c.cost.price_book_file; }));
}

void AddCollectors(std::vector<Setting>& table, const std::vector<CollectorInfo>& collectors) {
  table.push_back(Bool(
      "collector.disable-defaults", "false", "Disable all collectors that are not enabled one by one.",
      [](Config & c) -> auto& { return c.collector_disable_defaults; }));
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    table.push_back(Bool(
        "collector." + collectors[i].name, collectors[i].enabled_by_default ? "true" : "false",
        collectors[i].help, [i](Config & c) -> auto& { return c.collectors[i].enabled; }));
  }
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    table.push_back(ShownAs(
        "collector.NAME.interval",
        Time(
            "collector." + collectors[i].name + ".interval", "0s",
            "How often this collector reads the database; 0 means poll.interval.", [i](Config & c) -> auto& {
              return c.collectors[i].interval;
            })));
  }
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    table.push_back(ShownAs(
        "collector.NAME.max-series",
        One(
            "collector." + collectors[i].name + ".max-series", Kind::kInt, "50000",
            "Most series this collector may publish, the rest is dropped and counted; 0 means no limit.",
            [](const std::string& text) {
              return ParseInt(text, 0, std::numeric_limits<std::int32_t>::max());
            },
            [i](Config & c) -> auto& { return c.collectors[i].max_series; })));
  }
  for (std::size_t i = 0; i < collectors.size(); ++i) {
    table.push_back(ShownAs("collector.NAME.staleness",
                            Time(
                                "collector." + collectors[i].name + ".staleness", "0s",
                                "How long metrics outlive the last successful read; 0 means three times the "
                                "collector's interval.",
                                [i](Config & c) -> auto& { return c.collectors[i].staleness; })));
  }
}

// Levenshtein's distance.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<Setting> SettingsTable(const std::vector<CollectorInfo>& collectors) {
  std::vector<Setting> table;
  AddProgram(table);
  AddWeb(table);
  AddDatabase(table);
  AddCounting(table);
  AddQuota(table);
  AddCost(table);
  AddCollectors(table, collectors);
  return table;
}

const Setting* FindSetting(const std::vector<Setting>& table, std::string_view name) {
  constexpr std::string_view kAlias = ".enabled";
  if (name.starts_with("collector.") && name.ends_with(kAlias)) name.remove_suffix(kAlias.size());
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Setting& s) { return s.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& names,
                       std::string_view prefix) {
  // Too short to tell, or not a slip of the finger and slow to search for.
  if (given.size() < 3 || given.size() > 100) return "";
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(1, given.size() / 3) + 1;
  for (const std::string& name : names) {
    const bool is_last_part = name.size() > given.size() && name.ends_with(given) &&
                              name[name.size() - given.size() - 1] == '.' && !given.empty();
    // A name cut short is nearer than the count of missing letters says.
    const std::size_t distance =
        is_last_part
            ? 1
            : std::min(EditDistance(given, name), 1 + EditDistance(given, name.substr(0, given.size())));
    if (distance < best_distance) {
      best = &name;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : ", did you mean " + std::string(prefix) + *best + "?";
}

}  // namespace exporter
