#include "exporter/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "exporter/settings/settings_table.h"
#include "temp_folder.h"

namespace exporter {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<CollectorInfo>& Collectors() {
  static const std::vector<CollectorInfo>& collectors = *new std::vector<CollectorInfo>{
      {"associations", true, "The tree."}, {"jobs", true, "Jobs."}, {"wait_times", false, "Waits | sums."}};
  return collectors;
}

std::vector<const char*> Argv(const std::vector<std::string>& flags) {
  std::vector<const char*> argv{"slurmdbd_exporter"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return argv;
}

ParseResult Parse(const std::vector<std::string>& flags, std::map<std::string, std::string> variables = {}) {
  const auto argv = Argv(flags);
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data(), Collectors(),
                          [variables](const std::string& name) -> std::optional<std::string> {
                            const auto found = variables.find(name);
                            return found == variables.end() ? std::nullopt : std::optional(found->second);
                          });
}

Config Configured(const std::vector<std::string>& flags) {
  ParseResult result = Parse(flags);
  if (const auto* error = std::get_if<UsageError>(&result)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  if (auto* run = std::get_if<RunProgram>(&result)) return std::move(run->config);
  ADD_FAILURE() << "printed instead";
  return {};
}

std::string ErrorOf(const std::vector<std::string>& flags) {
  const ParseResult result = Parse(flags);
  const auto* error = std::get_if<UsageError>(&result);
  return error == nullptr ? "no error" : error->message;
}

std::string Printed(const std::vector<std::string>& flags) {
  const ParseResult result = Parse(flags);
  const auto* print = std::get_if<PrintAndExit>(&result);
  return print == nullptr ? "not printed" : print->text;
}

TEST(SettingsTest, QuotaSettingsAreOfAllClustersOrOfOne) {
  const Config c = Configured(
      {"--quota.decay-half-life=7d", "--quota.decay-half-life=alpha=0", "--quota.reset-period=a-b=weekly",
       "--quota.partition-qos=alpha/gpu=gpu-qos", "--quota.warning-ratio=alpha/phys/x=0.25",
       "--quota.usage-reset=alpha/physics/ada=1700000000",
       "--quota.usage-reset=alpha/qos:high=2025-01-02T03:04:05Z", "--quota.timezone=b=Asia/Kolkata"});
  ASSERT_EQ(c.quota.decay_half_life.size(), 2U);
  EXPECT_EQ(c.quota.decay_half_life[0].cluster, "");
  EXPECT_EQ(c.quota.decay_half_life[0].value, 168h);
  EXPECT_EQ(c.quota.decay_half_life[1].cluster, "alpha");
  EXPECT_EQ(c.quota.decay_half_life[1].value, 0s);
  EXPECT_EQ(c.quota.reset_period.at(0).value, slurmdb::ResetPeriod::kWeekly);
  EXPECT_EQ(c.quota.partition_qos.at(0).part, "gpu");
  EXPECT_EQ(c.quota.warning_ratio.at(0).part, "phys/x");
  EXPECT_EQ(c.quota.warning_ratio.at(0).value, 0.25);
  EXPECT_EQ(c.quota.usage_reset.at(0).value, (slurmdb::UsageReset{"physics", "ada", "", "", 1'700'000'000}));
  EXPECT_EQ(c.quota.usage_reset.at(1).value, (slurmdb::UsageReset{"", "", "", "high", 1'735'787'045}));
  EXPECT_EQ(c.quota.timezone.at(0).value, "Asia/Kolkata");
  EXPECT_EQ(c.quota.history, 400 * 24h);
}

TEST(SettingsTest, WrongQuotaSettingsAreRefused) {
  for (const char* wrong : {"--quota.decay-half-life=soon",
                            "--quota.decay-half-life==1d",
                            "--quota.decay-half-life=1ms",
                            "--quota.reset-period=now",
                            "--quota.reset-period=alpha/x=daily",
                            "--quota.timezone=Mars",
                            "--quota.partition-qos=gpu",
                            "--quota.partition-qos=alpha=gpu",
                            "--quota.partition-qos=alpha/=x",
                            "--quota.warning-ratio=0",
                            "--quota.warning-ratio=1.5",
                            "--quota.warning-ratio=80%",
                            "--quota.warning-ratio=nan",
                            "--quota.usage-reset=physics=1700000000",
                            "--quota.usage-reset=alpha/a/b/c/d=1700000000",
                            "--quota.usage-reset=alpha/a//c=1700000000",
                            "--quota.usage-reset=alpha/qos:=1700000000",
                            "--quota.usage-reset=alpha/physics=yesterday",
                            "--quota.history=5m",
                            "--quota.slurm-conf="}) {
    const std::string setting = std::string(wrong).substr(0, std::string(wrong).find('='));
    EXPECT_THAT(ErrorOf({wrong}), HasSubstr(setting)) << wrong;
  }
  EXPECT_THAT(ErrorOf({"--quota.reset-period=daily", "--quota.reset-period=weekly"}), HasSubstr("twice"));
}

TEST(SettingsTest, DefaultsAreAsDocumented) {
  const Config c = Configured({});
  EXPECT_EQ(c.log.level, log::Level::kInfo);
  EXPECT_EQ(c.log.format, log::Format::kLogfmt);
  EXPECT_THAT(c.web.listen_addresses, ElementsAre(":19341"));
  EXPECT_EQ(c.web.telemetry_path, "/metrics");
  EXPECT_EQ(c.web.max_requests, 40);
  EXPECT_FALSE(c.web.enable_lifecycle);
  EXPECT_FALSE(c.web.disable_exporter_metrics);
  EXPECT_THAT(c.database.hosts, ElementsAre(HostPort{"localhost", 3306}));
  EXPECT_EQ(c.database.socket, "");
  EXPECT_EQ(c.database.name, "slurm_acct_db");
  EXPECT_EQ(c.database.user, "slurmdbd_exporter");
  EXPECT_EQ(c.database.password_file, "");
  EXPECT_FALSE(c.database.tls);
  EXPECT_FALSE(c.database.tls_skip_verify);
  EXPECT_EQ(c.database.connect_timeout, 5s);
  EXPECT_EQ(c.database.query_timeout, 30s);
  EXPECT_EQ(c.database.lock_wait_timeout, 2s);
  EXPECT_TRUE(c.clusters.AllowsAll());
  EXPECT_TRUE(c.users.AllowsAll());
  EXPECT_EQ(c.user_label, UserLabel::kName);
  EXPECT_EQ(c.timezone, "");
  EXPECT_EQ(std::get<EpochPeriod>(c.counter.epoch.start), EpochPeriod::kMonth);
  EXPECT_EQ(c.counter.settle, 60s);
  EXPECT_EQ(c.counter.overlap, 15min);
  EXPECT_EQ(c.counter.wide_window, 26h);
  EXPECT_EQ(c.counter.wide_interval, 1h);
  EXPECT_EQ(c.counter.recount_interval, 24h);
  EXPECT_EQ(c.poll_interval, 60s);
  EXPECT_EQ(c.state_directory, "");
  EXPECT_FALSE(c.once);
  EXPECT_FALSE(c.as_of.has_value());
  ASSERT_EQ(c.collectors.size(), 3U);
  EXPECT_EQ(c.collectors[1].name, "jobs");
  EXPECT_TRUE(c.collectors[1].enabled);
  EXPECT_FALSE(c.collectors[2].enabled);
  EXPECT_EQ(c.collectors[1].interval, 60s);
  EXPECT_EQ(c.collectors[1].staleness, 180s);
  EXPECT_EQ(c.collectors[1].max_series, 50000);
  EXPECT_TRUE(c.origins.empty());
}

TEST(SettingsTest, FlagsWinOverTheFileAndTheFileOverDefaults) {
  const TempFolder folder;
  const std::string file =
      folder.Write("c.yml",
                   "log: {level: debug, format: json}\n"
                   "database: {host: [a, 'b:3307'], port: 3310, tls: true}\n"
                   "poll: {interval: 2m}\n"
                   "collector: {jobs: {enabled: false, interval: 5m}, wait_times: true}\n");
  const Config from_file = Configured({"--config.file", file});
  EXPECT_EQ(from_file.log.level, log::Level::kDebug);
  EXPECT_THAT(from_file.database.hosts, ElementsAre(HostPort{"a", 3310}, HostPort{"b", 3307}));
  EXPECT_TRUE(from_file.database.tls);
  EXPECT_EQ(from_file.collectors[0].interval, 2min);
  EXPECT_FALSE(from_file.collectors[1].enabled);
  EXPECT_EQ(from_file.collectors[1].interval, 5min);
  EXPECT_EQ(from_file.collectors[1].staleness, 15min);
  EXPECT_TRUE(from_file.collectors[2].enabled);
  EXPECT_EQ(from_file.origins.at("log.level"), file + ":1:14");

  const Config both =
      Configured({"--config.file=" + file, "--log.level", "warn", "--database.host=x", "--database.host", "y",
                  "--no-database.tls", "--collector.jobs", "--no-collector.wait_times"});
  EXPECT_EQ(both.log.level, log::Level::kWarn);
  EXPECT_EQ(both.log.format, log::Format::kJson);
  EXPECT_THAT(both.database.hosts, ElementsAre(HostPort{"x", 3310}, HostPort{"y", 3310}));
  EXPECT_FALSE(both.database.tls);
  EXPECT_TRUE(both.collectors[1].enabled);
  EXPECT_FALSE(both.collectors[2].enabled);
  EXPECT_EQ(both.origins.at("log.level"), "--log.level");
  EXPECT_EQ(both.origins.at("database.tls"), "--no-database.tls");
}

TEST(SettingsTest, DisableDefaultsLeavesWhatIsNamed) {
  const auto enabled = [](const Config& c) {
    std::vector<std::string> names;
    for (const auto& collector : c.collectors) {
      if (collector.enabled) names.push_back(collector.name);
    }
    return names;
  };
  EXPECT_THAT(enabled(Configured({})), ElementsAre("associations", "jobs"));
  EXPECT_THAT(enabled(Configured({"--collector.disable-defaults"})), ElementsAre());
  EXPECT_THAT(enabled(Configured({"--collector.disable-defaults", "--collector.jobs"})), ElementsAre("jobs"));
  EXPECT_THAT(enabled(Configured(
                  {"--collector.disable-defaults", "--collector.wait_times=true", "--collector.jobs=false"})),
              ElementsAre("wait_times"));
  const TempFolder folder;
  const std::string file =
      folder.Write("c.yml", "collector: {disable-defaults: true, jobs: {enabled: true}}\n");
  EXPECT_THAT(enabled(Configured({"--config.file", file})), ElementsAre("jobs"));
  EXPECT_THAT(enabled(Configured({"--config.file", file, "--no-collector.disable-defaults"})),
              ElementsAre("associations", "jobs"));
}

TEST(SettingsTest, TakesEveryForm) {
  EXPECT_THAT(Configured({"--database.host=db1", "--database.host=db2:3307", "--database.host=[::1]:3308",
                          "--database.host=fe80::1", "--database.host=[fe80::2]"})
                  .database.hosts,
              ElementsAre(HostPort{"db1", 3306}, HostPort{"db2", 3307}, HostPort{"::1", 3308},
                          HostPort{"fe80::1", 3306}, HostPort{"fe80::2", 3306}));
  EXPECT_THAT(Configured({"--web.listen-address=:1", "--web.listen-address", "127.0.0.1:65535",
                          "--web.listen-address=[::1]:9"})
                  .web.listen_addresses,
              ElementsAre(":1", "127.0.0.1:65535", "[::1]:9"));
  EXPECT_EQ(Configured({"--web.telemetry-path=/"}).web.telemetry_path, "/");
  EXPECT_EQ(Configured({"--timezone=UTC"}).timezone, "UTC");
  EXPECT_EQ(Configured({"--user-label=hash"}).user_label, UserLabel::kHash);
  EXPECT_EQ(Configured({"--counter.settle=0"}).counter.settle, 0s);
  EXPECT_EQ(Configured({"--cluster-include=a{1,2},b"}).clusters.include(), "a{1,2},b");
  EXPECT_TRUE(Configured({"--user-exclude", "root|test.*"}).users.Allows("alice"));
  EXPECT_EQ(Configured({"--once", "--as-of=2025-01-02T03:04:05Z"}).as_of->time_since_epoch(), 1'735'787'045s);
  EXPECT_EQ(Configured({"--as-of", "1735787045", "--once"}).as_of->time_since_epoch(), 1'735'787'045s);
  EXPECT_FALSE(Configured({"--once=false"}).once);
  EXPECT_EQ(Configured({"--collector.jobs.max-series=0"}).collectors[1].max_series, 0);
  EXPECT_EQ(Configured({"--collector.jobs.staleness=1h"}).collectors[1].staleness, 1h);
  EXPECT_EQ(Configured({"--state.directory=--odd"}).state_directory, "--odd");
}

TEST(SettingsTest, WrongFlagsAreNamed) {
  const std::string long_name = "--" + std::string(200, 'x');
  const struct {
    std::vector<std::string> flags;
    std::string message;
  } kCases[] = {
      // Not understood
      {{"--poll.intervall=1m"}, "unknown flag \"--poll.intervall\", did you mean --poll.interval?"},
      {{"--interval", "1m"}, "unknown flag \"--interval\", did you mean --poll.interval?"},
      {{"--collector.job"}, "unknown flag \"--collector.job\", did you mean --collector.jobs?"},
      {{"--no-collector.job"}, "unknown flag \"--no-collector.job\", did you mean --no-collector.jobs?"},
      {{"--zzzzzzzzzz"}, "unknown flag \"--zzzzzzzzzz\""},
      {{"--no-poll.interval"}, "unknown flag --no-poll.interval: poll.interval cannot be negated"},
      {{"--no-once"}, "unknown flag --no-once: once cannot be negated"},
      {{"-x"}, "unknown flag \"-x\""},
      {{long_name}, "unknown flag " + long_name.substr(0, 100) + "..."},
      {{"--database.password=geheim"},
       "unknown flag --database.password: everyone on the machine could read it; use "
       "--database.password-file"},
      {{"--database.password", "geheim"},
       "unknown flag --database.password: everyone on the machine could read it; use "
       "--database.password-file"},
      {{"--database.pasword=geheim"},
       "unknown flag \"--database.pasword\", did you mean --database.password-file?"},
      {{"serve"}, "unexpected argument \"serve\""},
      {{""}, "unexpected argument \"\""},
      {{"--", "--once"}, "unexpected argument \"--once\""},
      {{"--once", "false"},
       "unexpected argument \"false\"; a switch takes its value after '=': --once=false"},
      {{"--once=yes"}, "--once: \"yes\" is neither true nor false"},
      {{"--once="}, "--once: \"\" is neither true nor false"},
      {{"--no-collector.jobs=true"}, "--no-collector.jobs takes no value"},
      {{"--poll.interval"}, "--poll.interval needs a value"},
      {{"--state.directory", "--once"},
       "--state.directory needs a value, and --once looks like the next flag; write --state.directory=VALUE "
       "if it is "
       "not"},
      {{"--user-include=a\nb"}, "--user-include: the value must be one line of text"},
      {{std::string("--user-include=") + std::string(5000, 'a')}, "argument 1 is longer than 4096 bytes"},
      // Twice
      {{"--poll.interval=1m", "--poll.interval=1m"}, "--poll.interval is given twice"},
      {{"--once", "--once"}, "--once is given twice"},
      {{"--collector.jobs", "--no-collector.jobs"},
       "--collector.jobs and --no-collector.jobs cannot be given together"},
      {{"--no-collector.jobs", "--collector.jobs=false"},
       "--no-collector.jobs and --collector.jobs cannot be given together"},
      // Wrong values
      {{"--log.level=trace"}, "--log.level: \"trace\" is not one of debug, info, warn, error"},
      {{"--log.format=xml"}, "--log.format: \"xml\" is not one of logfmt, json"},
      {{"--user-label=email"}, "--user-label: \"email\" is not one of name, id, hash, none"},
      {{"--web.listen-address=19341"},
       "--web.listen-address: \"19341\" is not an address such as :19341, 127.0.0.1:19341 or [::1]:19341"},
      {{"--web.listen-address=:0"}, "--web.listen-address: \"0\" is not between 1 and 65535"},
      {{"--web.listen-address=:65536"}, "--web.listen-address: \"65536\" is not between 1 and 65535"},
      {{"--web.listen-address=:http"}, "--web.listen-address: \"http\" is not a whole number"},
      {{"--web.listen-address=:1,:2"},
       "--web.listen-address: \":1,:2\" is not one host; repeat the setting for more"},
      {{"--web.listen-address=:1", "--web.listen-address=:1"},
       "--web.listen-address: \":1\" is listed twice"},
      {{"--web.telemetry-path=metrics"}, "--web.telemetry-path: \"metrics\" is not a path such as /metrics"},
      {{"--web.telemetry-path=/a b"}, "--web.telemetry-path: \"/a b\" is not a path such as /metrics"},
      {{"--web.telemetry-path=/-/healthy"},
       "--web.telemetry-path: \"/-/healthy\" is taken: /-/ belongs to the health and management pages"},
      {{"--web.max-requests=-1"}, "--web.max-requests: \"-1\" is not between 0 and 1000000"},
      {{"--web.max-requests=4x"}, "--web.max-requests: \"4x\" is not a whole number"},
      {{"--web.max-requests=99999999999999999999"},
       "--web.max-requests: \"99999999999999999999\" is not between 0 and 1000000"},
      {{"--database.port=0"}, "--database.port: \"0\" is not between 1 and 65535"},
      {{"--database.port="}, "--database.port: \"\" is not a whole number"},
      {{"--database.host="}, "--database.host: \"\" has no host name"},
      {{"--database.host=:3306"}, "--database.host: \":3306\" has no host name"},
      {{"--database.host=a:"}, "--database.host: \"\" is not a whole number"},
      {{"--database.host=[::1"}, "--database.host: \"[::1\" is not an address such as [::1]:3306"},
      {{"--database.host=a", "--database.host=a"}, "--database.host: \"a\" is listed twice"},
      {{"--database.name="}, "--database.name: must not be empty"},
      {{"--config.file="}, "--config.file: must not be empty"},
      {{"--cluster-include=(a"}, "--cluster-include: \"(a\" is not a regular expression: missing ): (a"},
      {{"--user-exclude=a(?=b)"},
       "--user-exclude: \"a(?=b)\" is not a regular expression: invalid perl operator: (?="},
      {{"--timezone=Mars/Base"},
       "--timezone: \"Mars/Base\" is not a time zone of this machine, such as Europe/Paris or UTC"},
      {{"--counter.epoch=week"},
       "--counter.epoch: \"week\" is not month, quarter, year, a day such as 2025-01-31, or a time such as "
       "2025-01-31T00:00:00Z"},
      {{"--poll.interval=60"},
       "--poll.interval: \"60\" is not a duration such as 90s, 5m or 1h30m: the number 60 has no unit"},
      {{"--once", "--as-of=now"},
       "--as-of: \"now\" is not a time such as 2025-01-02T03:04:05Z or 1735787045 (from 1970 on)"},
      // Right one by one, wrong together
      {{"--poll.interval=999ms"}, "--poll.interval: 999ms is too short, the least is 1s"},
      {{"--poll.interval=0"}, "--poll.interval: 0s is too short, the least is 1s"},
      {{"--database.query-timeout=0"}, "--database.query-timeout: 0s is too short, the least is 1s"},
      {{"--counter.wide-interval=0"}, "--counter.wide-interval: 0s is too short, the least is 1s"},
      {{"--counter.overlap=27h"},
       "--counter.overlap: counter.overlap (1d3h) is longer than counter.wide-window (1d2h)"},
      {{"--counter.wide-window=5m"},
       "--counter.wide-window: counter.overlap (15m) is longer than counter.wide-window (5m)"},
      {{"--collector.jobs.interval=10ms"},
       "--collector.jobs.interval: 10ms is shorter than poll.interval (1m)"},
      {{"--collector.jobs.staleness=59s"},
       "--collector.jobs.staleness: 59s is shorter than the collector's interval (1m)"},
      {{"--database.tls-ca=x"}, "--database.tls-ca: has no effect without database.tls"},
      {{"--database.tls-skip-verify"}, "--database.tls-skip-verify: has no effect without database.tls"},
      {{"--database.tls", "--database.tls-cert=x"}, "--database.tls-cert: needs database.tls-key"},
      {{"--database.tls", "--database.tls-key=x"}, "--database.tls-key: needs database.tls-cert"},
      {{"--as-of=0"}, "--as-of: only with --once"},
      {{"--once", "--config.check"}, "--once and --config.check cannot be given together"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ErrorOf(c.flags), c.message) << testing::PrintToString(c.flags);
  }
}

TEST(SettingsTest, WrongValuesInTheFileNameItsLine) {
  const TempFolder folder;
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"poll:\n  interval: 60\n",
       ":2:13: poll.interval: \"60\" is not a duration such as 90s, 5m or 1h30m: the number 60 has no unit"},
      {"poll.interval: 1ms", ":1:16: poll.interval: 1ms is too short, the least is 1s"},
      {"database:\n  host:\n  - a\n  - 'b:0'\n", ":3:3: database.host: \"0\" is not between 1 and 65535"},
      {"database.tls: yes", ":1:15: database.tls: \"yes\" is neither true nor false"},
      {"database.tls-ca: x", ":1:18: database.tls-ca: has no effect without database.tls"},
      {"collector: {jobs: {enabled: on}}", ":1:29: collector.jobs: \"on\" is neither true nor false"},
      {"user-include: '['", ":1:15: user-include: \"[\" is not a regular expression: missing ]: ["},
      {"unknown: 1", ":1:1: unknown key unknown"},
  };
  for (const auto& c : kCases) {
    const std::string file = folder.Write("c.yml", c.text);
    EXPECT_EQ(ErrorOf({"--config.file", file}), file + c.message);
  }
  // Hidden by a flag, yet wrong.
  const std::string file = folder.Write("c.yml", "poll.interval: soon\n");
  EXPECT_THAT(ErrorOf({"--config.file", file, "--poll.interval=1m"}),
              HasSubstr(":1:16: poll.interval: \"soon\""));
}

TEST(SettingsTest, LoadConfigReadsTheFileAgain) {
  const TempFolder folder;
  const std::string file = folder.Write("c.yml", "poll.interval: 2m\n");
  const std::vector<std::string> flags{"--config.file", file};
  const auto argv = Argv(flags);
  const auto load = [&] { return LoadConfig(static_cast<int>(argv.size()), argv.data(), Collectors()); };
  Config config = load();
  EXPECT_EQ(config.poll_interval, 2min);
  folder.Write("c.yml", "poll.interval: 3m\n");
  config = load();
  EXPECT_EQ(config.poll_interval, 3min);
  folder.Write("c.yml", "poll.interval: 3\n");
  EXPECT_THROW(config = load(), ConfigError);
  EXPECT_EQ(config.poll_interval, 3min);
}

TEST(SettingsTest, PasswordFileIsCheckedAtStart) {
  const TempFolder folder;
  const std::string missing = folder.path() / "missing";
  EXPECT_EQ(ErrorOf({"--database.password-file", missing}),
            "--database.password-file: cannot use the password file \"" + missing +
                "\": No such file or directory");
  const auto open = folder.Write("open", "geheim");
  std::filesystem::permissions(open, std::filesystem::perms(0644));
  const ParseResult result = Parse({"--database.password-file", open});
  ASSERT_TRUE(std::holds_alternative<RunProgram>(result));
  EXPECT_THAT(std::get<RunProgram>(result).warnings, ElementsAre(HasSubstr("can be read by every user")));
  EXPECT_THAT(Printed({"--database.password-file", open, "--config.check"}),
              testing::MatchesRegex("warning: the password file .*\nthe configuration is valid\n"));
  const ParseResult credential = Parse({}, {{"CREDENTIALS_DIRECTORY", folder.Write("not-a-folder", "x")}});
  EXPECT_TRUE(std::holds_alternative<RunProgram>(credential));
}

TEST(SettingsTest, PrintsAndExits) {
  EXPECT_EQ(Printed({"--config.check"}), "the configuration is valid\n");
  EXPECT_THAT(ErrorOf({"--config.check", "--poll.interval=0"}), HasSubstr("too short"));
  EXPECT_THAT(
      Printed({"--version"}),
      testing::MatchesRegex("slurmdbd_exporter, version [0-9.]+ \\(branch: [^ ]+, revision: [^ ]+\\)\n"
                            "  compiler:  .+\n  platform:  .+\n"));
  for (const char* flag : {"-h", "--help", "--help=true"}) {
    EXPECT_EQ(Printed({flag}), HelpText(Collectors()));
    EXPECT_EQ(Printed({"--poll.interval=wrong", flag}), HelpText(Collectors()));
  }
  EXPECT_THAT(ErrorOf({"--help", "--wrong"}), HasSubstr("unknown flag"));
}

TEST(SettingsTest, HelpAndDocumentationNameEverySetting) {
  const std::string help = HelpText(Collectors());
  const std::string markdown = SettingsMarkdown(Collectors());
  std::set<std::string> names;
  for (const Setting& setting : SettingsTable(Collectors())) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name << " twice";
    EXPECT_TRUE(setting.help.ends_with('.')) << setting.name;
    const std::string flag = (setting.has_negation() ? "--[no-]" : "--") + setting.shown_as;
    EXPECT_THAT(help, testing::AnyOf(HasSubstr(flag + "\n"), HasSubstr(flag + "="))) << flag;
    EXPECT_THAT(markdown, HasSubstr("| `" + flag + "` |"));
  }
  EXPECT_THAT(help, HasSubstr("  --[no-]collector.wait_times\n      Waits | sums. (default: disabled)\n"));
  EXPECT_THAT(markdown,
              HasSubstr("\n| `--[no-]collector.wait_times` | switch | `disabled` | Waits \\| sums. |\n"));
  EXPECT_THAT(markdown, HasSubstr("\n| `--web.listen-address` | text, repeatable | `:19341` | "));
  EXPECT_THAT(help, testing::Not(testing::ContainsRegex("[^\n]{120}")));
}

// Every default must pass its own parser, and mean the same when written out as a flag.
TEST(SettingsTest, DefaultsCanBeGivenAsFlags) {
  const TempFolder folder;
  for (const Setting& setting : SettingsTable(Collectors())) {
    if (setting.default_text.empty() || setting.name == "help" || setting.name == "version") continue;
    EXPECT_EQ(ErrorOf({"--" + setting.name + "=" + setting.default_text}), "no error") << setting.name;
    if (setting.flag_only) continue;
    const std::string file = folder.Write("c.yml", setting.name + ": '" + setting.default_text + "'\n");
    EXPECT_EQ(ErrorOf({"--config.file", file}), "no error") << setting.name;
  }
}

TEST(SettingsTest, LongestArgumentIsSafe) {
  const std::string value(4096 - std::string("--user-include=").size(), 'a');
  EXPECT_EQ(Configured({"--user-include=" + value}).users.include(), value);
}

}  // namespace
}  // namespace exporter
