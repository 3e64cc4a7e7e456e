#pragma once

// Every setting of the exporter, typed and checked. Made by LoadConfig (settings.h), then never changed: a
// reload makes a new one.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectors/collector.h"
#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/job_efficiency.h"
#include "collectors/slurmdb/quota_book.h"
#include "exporter/duration.h"
#include "exporter/log.h"
#include "exporter/settings/name_filter.h"
#include "exporter/settings/time_text.h"

namespace exporter {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

using collectors::UserLabel;

struct LogConfig {
  log::Level level = log::Level::kInfo;
  log::Format format = log::Format::kLogfmt;
};

struct WebConfig {
  std::vector<std::string> listen_addresses;  // ":port", "host:port" or "[v6]:port"; checked, at least one
  std::string telemetry_path;                 // begins with '/'
  int max_requests = 0;                       // scrapes at the same time; 0 = no limit
  bool enable_lifecycle = false;
  bool disable_exporter_metrics = false;
};

struct DatabaseConfig {
  std::vector<HostPort> hosts;  // tried in this order; ports filled in; at least one
  std::uint16_t port = 0;       // for hosts given without one, already applied to `hosts`
  std::string socket;           // when not empty, `hosts` is not used
  std::string name;
  std::string user;
  std::string password_file;  // see PasswordSource
  bool tls = false;           // required; verified unless tls_skip_verify
  std::string tls_ca;
  std::string tls_cert;  // given together with tls_key or not at all
  std::string tls_key;
  bool tls_skip_verify = false;
  Duration connect_timeout{};
  Duration query_timeout{};
  Duration lock_wait_timeout{};
};

struct CounterConfig {
  Epoch epoch;
  Duration settle{};
  Duration overlap{};  // <= wide_window
  Duration wide_window{};
  Duration wide_interval{};
  Duration recount_interval{};
};

struct HistogramConfig {  // upper bounds, ascending, at least one
  std::vector<Duration> wait;
  std::vector<Duration> run;
  std::vector<double> timelimit;
  std::vector<double> efficiency;
};

// A value for one cluster, or one thing of it (an account, a partition); with an empty cluster for all that
// have none of their own.
template <typename T>
struct Scoped {
  std::string cluster;
  std::string part;
  T value{};

  // A list has one value for each scope.
  bool operator==(const Scoped& other) const { return cluster == other.cluster && part == other.part; }
};

// What slurm.conf says about usage, for those who cannot let it be read.
struct QuotaConfig {
  std::vector<Scoped<std::string>> slurm_conf;  // paths
  std::vector<Scoped<Duration>> decay_half_life;
  std::vector<Scoped<slurmdb::ResetPeriod>> reset_period;
  std::vector<Scoped<std::string>> timezone;       // names that exist
  std::vector<Scoped<std::string>> partition_qos;  // part: the partition
  std::vector<Scoped<double>> warning_ratio;       // part: the account
  std::vector<Scoped<slurmdb::UsageReset>> usage_reset;
  Duration history{};
};

struct CostConfig {
  std::string price_book_file;                           // "" = none
  std::shared_ptr<const pricing::PriceBook> price_book;  // what is in it
};

struct CollectorConfig {
  std::string name;
  bool enabled = false;
  Duration interval{};          // filled in: never 0
  std::int64_t max_series = 0;  // 0 = no limit
  Duration staleness{};         // filled in: never 0, never less than the interval
};

struct Config {
  std::string config_file;  // "" = none
  bool config_check = false;
  bool once = false;
  std::optional<std::chrono::sys_seconds> as_of;  // only together with `once`

  LogConfig log;
  WebConfig web;
  DatabaseConfig database;
  NameFilter clusters;
  NameFilter users;
  UserLabel user_label = UserLabel::kName;
  std::string timezone;  // a name that exists, or "" for this machine's
  CounterConfig counter;
  HistogramConfig histogram;
  std::optional<slurmdb::MemoryFormula> efficiency_memory;  // none: as the release has it
  QuotaConfig quota;
  CostConfig cost;
  Duration poll_interval{};
  std::string state_directory;  // "" = none
  bool collector_disable_defaults = false;
  std::vector<CollectorConfig> collectors;  // all that exist, in the order they were passed in

  // Setting name -> "--flag" or "file:line:column", for those not left at their default: what an error found
  // later should name.
  std::map<std::string, std::string> origins;
};

}  // namespace exporter
