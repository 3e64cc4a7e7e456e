#include "collectors/slurmdb/value.h"

#include <gtest/gtest.h>

#include <cstring>

#include "collectors/slurmdb/error.h"

namespace slurmdb {
namespace {

Field Of(const char* text) { return {text, text == nullptr ? 0 : std::strlen(text)}; }

TEST(FieldTest, NumbersOverTheWholeRange) {
  EXPECT_EQ(Of("0").AsU64(), 0U);
  EXPECT_EQ(Of("4294967295").AsU32(), 4294967295U);
  EXPECT_EQ(Of("9223372036854775808").AsU64(), std::uint64_t{1} << 63);
  EXPECT_EQ(Of("18446744073709551614").AsU64(), kNoVal64);
  EXPECT_EQ(Of("18446744073709551615").AsU64(), kInfinite64);
  EXPECT_EQ(Of("-5").AsI64(), -5);
}

TEST(FieldTest, AnythingElseIsAParseError) {
  for (const char* text : {"", " 1", "1 ", "1.5", "abc", "-1", "+1", "18446744073709551616", "0x10"}) {
    try {
      Of(text).AsU64();
      ADD_FAILURE() << text;
    } catch (const DatabaseError& error) {
      EXPECT_EQ(error.reason(), Reason::kParse) << text;
    }
  }
  EXPECT_THROW(Of("4294967296").AsU32(), DatabaseError);
}

TEST(FieldTest, NullIsAnErrorUnlessAskedFor) {
  EXPECT_TRUE(Of(nullptr).is_null());
  EXPECT_THROW(Of(nullptr).AsU64(), DatabaseError);
  EXPECT_EQ(Of(nullptr).AsU64Or(7), 7U);
  EXPECT_EQ(Of(nullptr).Text(), "");
  EXPECT_EQ(Of(nullptr).raw(), "");
  EXPECT_THROW(Of("x").AsU64Or(7), DatabaseError);  // garbage is not NULL
}

TEST(FieldTest, TextIsRepaired) { EXPECT_EQ(Of("m\xFCller").Text(), "m\xEF\xBF\xBDller"); }

TEST(SpecialValuesTest, InBothWidths) {
  for (const std::uint64_t value : {kNoVal, kInfinite, kNoVal64, kInfinite64, kNoConsumeVal64}) {
    EXPECT_TRUE(IsUnset32(value)) << value;
    EXPECT_FALSE(IsInstant(value)) << value;
  }
  EXPECT_FALSE(IsUnset64(kNoVal));
  EXPECT_FALSE(IsUnset64(kInfinite));
  EXPECT_TRUE(IsUnset64(kNoVal64));
  EXPECT_FALSE(IsInstant(0));
  EXPECT_TRUE(IsInstant(1));
  EXPECT_TRUE(IsInstant(4294967293));
  EXPECT_FALSE(IsUnset32(0));
}

}  // namespace
}  // namespace slurmdb
