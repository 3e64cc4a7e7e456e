#include "exporter/exposition/escape.h"

#include <gtest/gtest.h>

namespace exporter {
namespace {

using namespace std::string_view_literals;

std::string Escaped(std::string_view raw, Quotes quotes = Quotes::kEscape) {
  std::string out = "<";
  AppendEscaped(raw, quotes, &out);
  return out.substr(1);
}

TEST(EscapeTest, EscapesWhatWouldEndTheString) {
  EXPECT_EQ(Escaped(""), "");
  EXPECT_EQ(Escaped("plain text 0-9 {}=,#"), "plain text 0-9 {}=,#");
  EXPECT_EQ(Escaped("a\\b"), "a\\\\b");
  EXPECT_EQ(Escaped("a\nb"), "a\\nb");
  EXPECT_EQ(Escaped("\"a\""), "\\\"a\\\"");
  EXPECT_EQ(Escaped("\\\n\""), "\\\\\\n\\\"");
  EXPECT_EQ(Escaped("\\n"), "\\\\n");
}

TEST(EscapeTest, KeepsQuotesWhereTheyMustNotBeEscaped) {
  EXPECT_EQ(Escaped("a \"b\" \\ c\n", Quotes::kKeep), "a \"b\" \\\\ c\\n");
}

TEST(EscapeTest, KeepsValidUtf8) {
  for (const std::string_view text : {
           "\x7F"sv,              // U+007F
           "\xC2\x80"sv,          // U+0080
           "\xDF\xBF"sv,          // U+07FF
           "\xE0\xA0\x80"sv,      // U+0800
           "\xED\x9F\xBF"sv,      // U+D7FF
           "\xEE\x80\x80"sv,      // U+E000
           "\xEF\xBF\xBD"sv,      // U+FFFD itself
           "\xEF\xBF\xBF"sv,      // U+FFFF
           "\xF0\x90\x80\x80"sv,  // U+10000
           "\xF4\x8F\xBF\xBF"sv,  // U+10FFFF
           "Z\xC3\xBCrich \xF0\x9F\x90\xA7"sv,
       }) {
    EXPECT_EQ(Escaped(text), text);
  }
}

TEST(EscapeTest, RepairsWhatIsNotUtf8) {
  struct Case {
    std::string_view raw;
    std::string_view repaired;  // ? stands for U+FFFD
  };
  for (const Case& c : {
           Case{"\x80"sv, "?"},         // stray continuation
           Case{"a\xBF\x62"sv, "a?b"},  // the same within text
           Case{"\xFF"sv, "?"},
           Case{"\xFE"sv, "?"},                 // never in UTF-8
           Case{"Z\xFCrich"sv, "Z?rich"},       // Latin-1
           Case{"\xC0\x80"sv, "??"},            // overlong NUL
           Case{"\xC1\xBF"sv, "??"},            // overlong U+007F
           Case{"\xE0\x80\x80"sv, "???"},       // overlong U+0000
           Case{"\xE0\x9F\xBF"sv, "???"},       // overlong U+07FF
           Case{"\xF0\x80\x80\x80"sv, "????"},  // overlong U+0000
           Case{"\xF0\x8F\xBF\xBF"sv, "????"},  // overlong U+FFFF
           Case{"\xED\xA0\x80"sv, "???"},       // surrogate U+D800
           Case{"\xED\xBF\xBF"sv, "???"},       // surrogate U+DFFF
           Case{"\xF4\x90\x80\x80"sv, "????"},  // U+110000
           Case{"\xF5\x80\x80\x80"sv, "????"},  // U+140000
           Case{"\xC3"sv, "?"},                 // truncated by the end
           Case{"\xE2\x82"sv, "?"},             // one maximal subpart, one mark
           Case{"\xF0\x9F\x90"sv, "?"},         //
           Case{"\xC3("sv, "?("},               // truncated by text
           Case{"\xE2\x82"
                "A"sv,
                "?A"},                                       //
           Case{"\xE2\x82\xE2\x82\xAC"sv, "?\xE2\x82\xAC"},  // truncated by the next, which is fine
           Case{"\xE2\"\\"sv, "?\\\"\\\\"},                  // what follows is still escaped
           Case{"a\0b"sv, "a?b"},                            // NUL
       }) {
    std::string expected;
    for (const char character : c.repaired) {
      if (character == '?') {
        expected += "\xEF\xBF\xBD";
      } else {
        expected += character;
      }
    }
    EXPECT_EQ(Escaped(c.raw), expected) << testing::PrintToString(c.raw);
    EXPECT_EQ(Escaped(c.raw).find('\0'), std::string::npos);
  }
}

TEST(EscapeTest, DoesNotLookBehindTheEnd) {
  EXPECT_EQ(Escaped("\xE2\x82\xAC"sv.substr(0, 2)), "\xEF\xBF\xBD");
  EXPECT_EQ(Escaped("a\xF0\x9F\x90\xA7"sv.substr(0, 2)), "a\xEF\xBF\xBD");
}

}  // namespace
}  // namespace exporter
