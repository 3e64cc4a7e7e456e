#include "exporter/settings/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "temp_folder.h"

namespace exporter {
namespace {

using testing::ElementsAre;

const std::vector<Setting>& Table() {
  static const std::vector<Setting>& table =
      *new std::vector<Setting>(SettingsTable({{"jobs", true, "Jobs."}, {"wait_times", false, "Waits."}}));
  return table;
}

// "name=value,value@origin" for each.
std::vector<std::string> Read(const std::string& text) {
  std::vector<std::string> out;
  for (const Assignment& a : ParseConfigText(text, "f.yml", Table())) {
    std::string line = a.setting->name + "=";
    for (std::size_t i = 0; i < a.values.size(); ++i) line += (i == 0 ? "" : ",") + a.values[i];
    out.push_back(line + "@" + a.origin);
  }
  return out;
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ConfigFileTest, EmptyFilesAreValid) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "{}", "~", "null\n",
                           "\xef\xbb\xbf", "%YAML 1.2\n---\n# nothing\n"}) {
    EXPECT_THAT(Read(text), testing::IsEmpty()) << text;
  }
}

TEST(ConfigFileTest, NestedAndDottedKeysMeanTheSame) {
  EXPECT_THAT(Read("poll:\n  interval: 5m\n"), ElementsAre("poll.interval=5m@f.yml:2:13"));
  EXPECT_THAT(Read("poll: {interval: 5m}"), ElementsAre("poll.interval=5m@f.yml:1:18"));
  EXPECT_THAT(Read("poll.interval: 5m"), ElementsAre("poll.interval=5m@f.yml:1:16"));
  EXPECT_THAT(Read("\"poll.interval\": \"5m\""), ElementsAre("poll.interval=5m@f.yml:1:18"));
  EXPECT_THAT(Read("collector.jobs:\n  interval: 5m\n"),
              ElementsAre("collector.jobs.interval=5m@f.yml:2:13"));
  EXPECT_THAT(Read("collector: {jobs.interval: 5m}"), ElementsAre("collector.jobs.interval=5m@f.yml:1:28"));
  EXPECT_THAT(Read("cluster-include: 'a{1,2}|b'"), ElementsAre("cluster-include=a{1,2}|b@f.yml:1:18"));
}

TEST(ConfigFileTest, ListsAreListsOrOneValue) {
  EXPECT_THAT(Read("database: {host: [a, 'b:3307'], port: 3306}"),
              ElementsAre("database.host=a,b:3307@f.yml:1:18", "database.port=3306@f.yml:1:39"));
  EXPECT_THAT(Read("database.host:\n- a\n- b\n"), ElementsAre("database.host=a,b@f.yml:2:1"));
  EXPECT_THAT(Read("database.host: a"), ElementsAre("database.host=a@f.yml:1:16"));
}

TEST(ConfigFileTest, CollectorsAreSwitchesOrMaps) {
  EXPECT_THAT(Read("collector: {jobs: false}"), ElementsAre("collector.jobs=false@f.yml:1:19"));
  EXPECT_THAT(Read("collector:\n  jobs:\n    enabled: true\n    interval: 5m\n    max-series: 7\n  "
                   "wait_times: true\n"),
              ElementsAre("collector.jobs=true@f.yml:3:14", "collector.jobs.interval=5m@f.yml:4:15",
                          "collector.jobs.max-series=7@f.yml:5:17", "collector.wait_times=true@f.yml:6:15"));
}

TEST(ConfigFileTest, SectionsMayBeEmpty) {
  EXPECT_THAT(Read("poll:\n  # interval: 5m\nlog:\n  level: warn\n"),
              ElementsAre("log.level=warn@f.yml:4:10"));
  EXPECT_THAT(Read("poll: {}"), testing::IsEmpty());
  EXPECT_THAT(Read("state.directory: ''"), ElementsAre("state.directory=@f.yml:1:18"));
}

TEST(ConfigFileTest, SaysWhatIsWrongAndWhere) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      // Unknown keys
      {"poll:\n  intervall: 5m", "f.yml:2:3: unknown key poll.intervall, did you mean poll.interval?"},
      {"interval: 5m", "f.yml:1:1: unknown key interval, did you mean poll.interval?"},
      {"databse: {host: a}", "f.yml:1:1: unknown key databse, did you mean database?"},
      {"databse.host: a", "f.yml:1:1: unknown key databse.host, did you mean database.host?"},
      {"collector: {jbos: true}", "f.yml:1:13: unknown key collector.jbos, did you mean collector.jobs?"},
      {"collector: {jobs: {enabld: true}}",
       "f.yml:1:20: unknown key collector.jobs.enabld, did you mean collector.jobs.enabled?"},
      {"zzzzzzzzzzzz: 1", "f.yml:1:1: unknown key zzzzzzzzzzzz"},
      {"\"a\\nb\": 1", "f.yml:1:1: unknown key \"a\\nb\""},
      {"poll.: 1", "f.yml:1:1: unknown key poll., did you mean poll.interval?"},
      {"database: {password: geheim}",
       "f.yml:1:12: database.password is not a setting: keep the password out of this file and use "
       "database.password-file"},
      {"once: true", "f.yml:1:1: once can be given only as a flag, --once"},
      {"config: {file: x}", "f.yml:1:1: unknown key config"},
      {"config.file: x", "f.yml:1:1: config.file can be given only as a flag, --config.file"},
      // Twice
      {"poll:\n  interval: 1m\n  interval: 2m", "f.yml:3:3: poll.interval is given twice, first at line 2"},
      {"poll: {interval: 1m}\npoll: {interval: 1m}", "f.yml:2:1: poll is given twice, first at line 1"},
      {"poll: {interval: 1m}\npoll.interval: 2m", "f.yml:2:1: poll.interval is given twice, first at line 1"},
      {"collector.jobs: true\ncollector: {jobs: {enabled: true}}",
       "f.yml:2:20: collector.jobs.enabled is given twice, first at line 1"},
      // Wrong kind
      {"poll.interval: [1m]", "f.yml:1:16: poll.interval must be one value, not a list"},
      {"poll.interval: {a: 1m}", "f.yml:1:16: poll.interval must be one value, not a map"},
      {"poll: 5m", "f.yml:1:7: poll must be a map of settings, not \"5m\""},
      {"poll: [5m]", "f.yml:1:7: poll must be a map of settings, not a list"},
      {"database: {tls: {ca: x}}", "f.yml:1:17: database.tls must be one value, not a map"},
      {"database.host: {a: b}", "f.yml:1:16: database.host must be a value or a list, not a map"},
      {"database.host: []", "f.yml:1:16: database.host must have at least one value"},
      {"database.host: [a, [b]]",
       "f.yml:1:20: database.host must be a list of plain values; one of them is a list"},
      {"database.host: [a, b: c]",
       "f.yml:1:20: database.host must be a list of plain values; one of them is a map"},
      {"database.host: [a, ~]",
       "f.yml:1:20: database.host must be a list of plain values; one of them is empty"},
      {"poll.interval:", "f.yml:1:1: poll.interval has no value"},
      {"state.directory: ~", "f.yml:1:1: state.directory has no value; write \"\" for none"},
      {"[a, b]", "f.yml:1:1: the file must be a map of settings"},
      {"text", "f.yml:1:1: the file must be a map of settings"},
      // YAML's odd corners
      {"poll: &a {interval: 1m}", "f.yml:1:7: anchors (&) and aliases (*) are not allowed"},
      {"database.host: [&a x, *a]", "f.yml:1:17: anchors (&) and aliases (*) are not allowed"},
      {"poll.interval: &a 1m", "f.yml:1:16: anchors (&) and aliases (*) are not allowed"},
      {"<<: {poll.interval: 1m}", "f.yml:1:1: merge keys (<<) are not allowed"},
      {"poll.interval: !!str 1m", "f.yml:1:16: tags such as \"tag:yaml.org,2002:str\" are not allowed"},
      {"poll: !x {interval: 1m}", "f.yml:1:7: tags such as \"!x\" are not allowed"},
      {"? [a]\n: b", "f.yml:1:3: a key must be the name of a setting"},
      {"? {a: b}\n: c", "f.yml:1:3: a key must be the name of a setting"},
      {"~: b", "f.yml:1:1: a key must be the name of a setting"},
      {"\"\": b", "f.yml:1:1: a key must be the name of a setting"},
      {"poll.interval: 1m\n---\npoll.interval: 2m", "f.yml:3:1: there must be only one document in the file"},
      {"poll.interval: *nowhere", "f.yml:1:16: this is not valid YAML: the referenced anchor is not defined"},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrorOf(c.text), c.message) << c.text;
}

TEST(ConfigFileTest, BrokenYamlNamesThePlace) {
  for (const char* text :
       {"poll: {interval: 1m", "poll:\n\tinterval: 1m", "a: b: c", "\"open", "database.host: [a",
        "poll:\n  interval: 1m\n bad: x", "%BAD\n---\n[", "\x01", "@x: 1"}) {
    EXPECT_THAT(ErrorOf(text), testing::MatchesRegex("f\\.yml:[0-9]+:[0-9]+: .+")) << text;
  }
}

// Depth and junk must end in an error, not in a crash.
TEST(ConfigFileTest, SurvivesHostileText) {
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), testing::HasSubstr("not valid YAML"));
  std::string maps;
  for (int i = 0; i < 2'000; ++i) maps += "{a: ";
  EXPECT_NE(ErrorOf(maps), "no error");
  const std::string good = "database: {host: [a, 'b'], port: 3306}\npoll:\n  interval: \"5m\"\n";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'\0', '\n', '\t', ':', '&', '*', '!', '\'', '"', '{', ']', '-', '?', '#', '\xff'}) {
      std::string text = good;
      text[at] = c;
      EXPECT_THAT(ErrorOf(text), testing::AnyOf("no error", testing::StartsWith("f.yml:")));
      ErrorOf(good.substr(0, at) + c);
    }
  }
}

TEST(ConfigFileTest, FilesThatCannotBeReadAreNamed) {
  const TempFolder folder;
  const auto error_of = [](const std::string& path) {
    try {
      ReadConfigFile(path, Table());
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string missing = folder.path() / "missing.yml";
  EXPECT_EQ(error_of(missing), "--config.file: cannot read \"" + missing + "\": No such file or directory");
  EXPECT_EQ(error_of(folder.path()),
            "--config.file: cannot read \"" + folder.path().string() + "\": Is a directory");
  const std::string huge = folder.Write("huge.yml", std::string(2'000'000, '#'));
  EXPECT_EQ(error_of(huge), "--config.file: cannot read \"" + huge + "\": it is larger than 1 MiB");
  EXPECT_EQ(error_of(folder.Write("good.yml", "poll.interval: 5m\n")), "no error");
}

}  // namespace
}  // namespace exporter
