#include "exporter/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace exporter::log {
namespace {

using std::string_literals::operator""s;

std::chrono::system_clock::time_point SomeTime() {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(1'735'787'045'678));
}

std::string Logfmt(const std::string& message, const std::vector<Field>& fields = {}) {
  return FormatRecord(Format::kLogfmt, SomeTime(), Level::kInfo, message, fields);
}

std::string Json(const std::string& message, const std::vector<Field>& fields = {}) {
  return FormatRecord(Format::kJson, SomeTime(), Level::kInfo, message, fields);
}

const std::string kLead = "time=2025-01-02T03:04:05.678Z level=INFO msg=";

TEST(LogTest, LogfmtQuotesOnlyWhatNeedsIt) {
  const struct {
    std::string text;
    std::string written;
  } kCases[] = {{"plain", "plain"},
                {":19341", ":19341"},
                {"a/b-c_d.e,f{}", "a/b-c_d.e,f{}"},
                {"Zürich", "Zürich"},
                {"日本", "日本"},
                {"", R"("")"},
                {"two words", R"("two words")"},
                {"a=b", R"("a=b")"},
                {"say \"hi\"", R"("say \"hi\"")"},
                {"back\\slash", R"("back\\slash")"},
                {"line\nbreak", R"("line\nbreak")"},
                {"\r\n\t", R"("\r\n\t")"},
                {"nul\0byte"s, R"("nul\x00byte")"},
                {"\x1b[31m", R"("\x1b[31m")"},
                {"\x7f", R"("\x7f")"},
                {"\u0085", R"("\u0085")"},
                {"\u2028\u2029", R"("\u2028\u2029")"},
                {"\u202egnp", R"("\u202egnp")"},
                {"\ufeffx", R"("\ufeffx")"},
                {"\xff", R"("\xff")"},
                {"caf\xe9!", R"("caf\xe9!")"},
                {"\xe2\x82", R"("\xe2\x82")"},                   // cut short
                {"\xc0\xaf", R"("\xc0\xaf")"},                   // overlong
                {"\xed\xa0\x80", R"("\xed\xa0\x80")"},           // surrogate
                {"\xf4\x90\x80\x80", R"("\xf4\x90\x80\x80")"}};  // above U+10FFFF
  for (const auto& c : kCases) {
    EXPECT_EQ(Logfmt(c.text), kLead + c.written);
    EXPECT_EQ(Logfmt("m", {{"key", c.text}}), kLead + "m key=" + c.written);
  }
}

TEST(LogTest, JsonIsReadBackAsTheSame) {
  for (const std::string& text :
       {""s, "plain"s, "a \"b\" \\ c"s, "line\nbreak\r"s, "nul\0byte"s, "Zürich 日本"s}) {
    const auto parsed = nlohmann::json::parse(Json(text, {{"key", text}}));
    EXPECT_EQ(parsed.at("msg"), text);
    EXPECT_EQ(parsed.at("key"), text);
    EXPECT_EQ(parsed.at("time"), "2025-01-02T03:04:05.678Z");
    EXPECT_EQ(parsed.at("level"), "INFO");
  }
  EXPECT_EQ(nlohmann::json::parse(Json("caf\xe9")).at("msg"), "caf\uFFFD");
}

// Every byte, and every pair with a lead byte before it: one line, and valid for its readers.
TEST(LogTest, ARecordIsAlwaysOneLine) {
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x00, 0x0A, 0x0D, 0x20, 0x41, 0x80, 0x85, 0xA8, 0xBF, 0xC2, 0xE2, 0xFF}) {
      const std::string text{static_cast<char>(first), static_cast<char>(second), '\x80'};
      for (const std::string& line : {Logfmt(text, {{text, text}}), Json(text, {{text, text}})}) {
        EXPECT_THAT(line, testing::Not(testing::ContainsRegex("[\n\r]")));
        EXPECT_EQ(line.find('\0'), std::string::npos);
        EXPECT_NO_THROW(nlohmann::json(line).dump()) << "not UTF-8: " << first << " " << second;
      }
      EXPECT_TRUE(nlohmann::json::accept(Json(text, {{text, text}})));
    }
  }
}

TEST(LogTest, ValuesKeepTheirType) {
  const std::vector<Field> fields{{"yes", true},
                                  {"no", false},
                                  {"int", -5},
                                  {"big", std::numeric_limits<std::uint64_t>::max()},
                                  {"low", std::numeric_limits<std::int64_t>::min()},
                                  {"half", 0.5},
                                  {"text", std::string_view("a b")}};
  EXPECT_EQ(Logfmt("m", fields), kLead +
                                     "m yes=true no=false int=-5 big=18446744073709551615 "
                                     "low=-9223372036854775808 half=0.5 text=\"a b\"");
  EXPECT_EQ(Json("m", fields),
            R"({"time":"2025-01-02T03:04:05.678Z","level":"INFO","msg":"m","yes":true,"no":false,"int":-5,)"
            R"("big":18446744073709551615,"low":-9223372036854775808,"half":0.5,"text":"a b"})");
}

TEST(LogTest, JsonHasNoBareNan) {
  const auto parsed = nlohmann::json::parse(Json("m", {{"a", std::nan("")}, {"b", HUGE_VAL}}));
  EXPECT_EQ(parsed.at("a"), "nan");
  EXPECT_EQ(parsed.at("b"), "inf");
}

TEST(LogTest, KeysCannotHideTheStandardOnes) {
  EXPECT_EQ(Logfmt("m", {{"msg", 1}, {"a b=\"", 2}, {"", 3}}), kLead + "m msg_=1 a_b__=2 _=3");
  EXPECT_EQ(nlohmann::json::parse(Json("m", {{"msg", 1}})).at("msg"), "m");
}

TEST(LogTest, LevelChangesAtRunTime) {
  testing::internal::CaptureStderr();
  Configure(Level::kWarn, Format::kLogfmt);
  Info("hidden");
  EXPECT_FALSE(Enabled(Level::kInfo));
  SetLevel(Level::kDebug);
  Debug("shown {}", {{"braces", "{}"}});
  Configure(Level::kError, Format::kJson);
  Warn("hidden");
  Error("also shown");
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(out, testing::HasSubstr("level=DEBUG msg=\"shown {}\" braces={}\n"));
  EXPECT_THAT(out, testing::HasSubstr(R"("level":"ERROR","msg":"also shown"})"
                                      "\n"));
  EXPECT_THAT(out, testing::Not(testing::HasSubstr("hidden")));
}

TEST(LogTest, LinesOfManyThreadsDoNotMix) {
  testing::internal::CaptureStderr();
  Configure(Level::kInfo, Format::kJson);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) Info(std::string(100, 'x'), {{"thread", t}, {"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream out(testing::internal::GetCapturedStderr());
  int lines = 0;
  for (std::string line; std::getline(out, line); ++lines) {
    EXPECT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(lines, 800);
}

}  // namespace
}  // namespace exporter::log
