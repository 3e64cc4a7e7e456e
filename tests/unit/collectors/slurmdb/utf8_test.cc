#include "collectors/slurmdb/utf8.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

#define FFFD "\xEF\xBF\xBD"

TEST(Utf8Test, MaximalIllFormedPartsAreReplaced) {
  const struct {
    std::string text;
    std::string repaired;
  } cases[] = {
      {"", ""},
      {"alice", "alice"},
      {"m\xC3\xBCller", "m\xC3\xBCller"},
      {"\xE2\x82\xAC", "\xE2\x82\xAC"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},  // U+10FFFF
      {"m\xFCller", "m" FFFD "ller"},            // Latin-1
      {"\xFF", FFFD},
      {"\x80", FFFD},
      {"\xC0\xAF", FFFD FFFD},  // overlong
      {"\xE0\x80\xAF", FFFD FFFD FFFD},
      {"\xED\xA0\x80", FFFD FFFD FFFD},  // a surrogate
      {"\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD},
      {"\xE2\x82", FFFD},  // cut off
      {"\xE2\x82x", FFFD "x"},
      {"\xF0\x9F\x98", FFFD},
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b",
       "a" FFFD FFFD FFFD "b"},  // the standard's own example
  };
  for (const auto& c : cases) {
    EXPECT_EQ(RepairUtf8(c.text), c.repaired);
    EXPECT_EQ(IsUtf8(c.text), c.text == c.repaired);
    EXPECT_TRUE(IsUtf8(RepairUtf8(c.text)));
  }
}

}  // namespace
}  // namespace slurmdb
