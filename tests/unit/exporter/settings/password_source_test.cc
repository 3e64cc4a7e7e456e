#include "exporter/settings/password_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "temp_folder.h"

namespace exporter {
namespace {

using std::string_literals::operator""s;

Environment Variables(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

const Environment kNone = Variables({});
constexpr char kVariable[] = "SLURMDBD_EXPORTER_DATABASE_PASSWORD";

TEST(PasswordSourceTest, FileIsVerbatimLessOneLineBreak) {
  std::string printable;
  for (char c = ' '; c <= '~'; ++c) printable += c;
  const struct {
    std::string file;
    std::string password;
  } kCases[] = {{"secret", "secret"},
                {"secret\n", "secret"},
                {"secret\r\n", "secret"},
                {"secret\n\n", "secret\n"},
                {"secret\r\n\r\n", "secret\r\n"},
                {"secret\r", "secret\r"},
                {"\nsecret\n", "\nsecret"},
                {" secret \n", " secret "},
                {"\tsecret\t", "\tsecret\t"},
                {"#secret: \"x\"\n", "#secret: \"x\""},
                {printable + "\n", printable},
                {"päßwörd 日本 🔑\n", "päßwörd 日本 🔑"},
                {"\xff\xfe\x80\n", "\xff\xfe\x80"},
                {std::string(5000, 'x') + "\n", std::string(5000, 'x')}};
  const TempFolder folder;
  for (const auto& c : kCases) {
    EXPECT_EQ(PasswordSource(folder.Write("password", c.file), kNone).Read(), c.password);
  }
  for (char c = ' '; c <= '~'; ++c) {
    EXPECT_EQ(PasswordSource(folder.Write("password", std::string(1, c) + "\n"), kNone).Read(),
              std::string(1, c));
  }
}

TEST(PasswordSourceTest, ReadsAnewEachTime) {
  const TempFolder folder;
  const PasswordSource source(folder.Write("password", "old"), kNone);
  EXPECT_EQ(source.Read(), "old");
  folder.Write("password", "new");
  EXPECT_EQ(source.Read(), "new");
}

TEST(PasswordSourceTest, OrderIsFileVariableCredentialNone) {
  const TempFolder folder;
  const auto file = folder.Write("file", "from file");
  const auto credential = folder.Write("database-password", "from credential\n");
  const Environment both =
      Variables({{kVariable, "from variable\n"}, {"CREDENTIALS_DIRECTORY", folder.path()}});
  const Environment empty = Variables({{kVariable, ""}, {"CREDENTIALS_DIRECTORY", folder.path()}});

  EXPECT_EQ(PasswordSource(file, both).Read(), "from file");
  EXPECT_EQ(PasswordSource(file, both).Describe(), "file " + file.string());
  EXPECT_EQ(PasswordSource("", both).Read(), "from variable\n");
  EXPECT_EQ(PasswordSource("", both).Describe(), "environment variable SLURMDBD_EXPORTER_DATABASE_PASSWORD");
  EXPECT_EQ(PasswordSource("", empty).Read(), "from credential");
  EXPECT_EQ(PasswordSource("", empty).Describe(), "systemd credential " + credential.string());
  std::filesystem::remove(credential);
  EXPECT_EQ(PasswordSource("", empty).Read(), "");
  EXPECT_EQ(PasswordSource("", kNone).Describe(), "none");
}

std::string ErrorOf(const PasswordSource& source) {
  try {
    source.Read();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

TEST(PasswordSourceTest, ErrorsNameTheFileAndNeverThePassword) {
  const TempFolder folder;
  const auto expect = [&](const std::filesystem::path& file, const std::string& why) {
    EXPECT_EQ(ErrorOf(PasswordSource(file, kNone)),
              "cannot use the password file \"" + file.string() + "\": " + why);
  };
  expect(folder.path() / "missing", "No such file or directory");
  expect(folder.path(), "it is not a regular file");
  expect(folder.Write("empty", ""), "it is empty");
  expect(folder.Write("blank", "\n"), "it is empty");
  expect(folder.Write("nul", "geheim\0x"s), "it holds a NUL byte");
  expect(folder.Write("huge", std::string(100'000, 'x')), "it is longer than 64 KiB");
  const auto fifo = folder.path() / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  expect(fifo, "it is not a regular file");
  if (geteuid() != 0) {  // root may read anything
    const auto closed = folder.Write("closed", "geheim");
    std::filesystem::permissions(closed, std::filesystem::perms::none);
    expect(closed, "Permission denied");
  }
}

TEST(PasswordSourceTest, WarnsOfFilesThatOthersCanRead) {
  const TempFolder folder;
  const auto file = folder.Write("password", "geheim");
  const PasswordSource source(file, kNone);
  const struct {
    mode_t mode;
    bool warns;
  } kCases[] = {{0400, false}, {0600, false}, {0640, false}, {0440, false},
                {0644, true},  {0604, true},  {0777, true}};
  for (const auto& c : kCases) {
    ASSERT_EQ(chmod(file.c_str(), c.mode), 0);
    EXPECT_EQ(source.Warning().has_value(), c.warns) << std::oct << c.mode;
  }
  EXPECT_EQ(*source.Warning(), "the password file \"" + file.string() +
                                   "\" can be read by every user of this machine; chmod it to 0640 or 0600");
  EXPECT_FALSE(PasswordSource("", Variables({{kVariable, "x"}})).Warning().has_value());
}

}  // namespace
}  // namespace exporter
