#include "exporter/web/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(QueryTest, DecodesPercents) {
  struct Case {
    std::string_view text;
    std::string_view decoded;
  };
  for (const Case& c :
       {Case{"", ""}, Case{"abc", "abc"}, Case{"%5B%5d", "[]"}, Case{"a+b", "a b"}, Case{"%2B", "+"},
        Case{"%", "%"}, Case{"%4", "%4"}, Case{"%4g", "%4g"}, Case{"%%41", "%A"}, Case{"a%41", "aA"}}) {
    EXPECT_EQ(PercentDecode(c.text), c.decoded) << c.text;
  }
}

TEST(QueryTest, DoesNotLookBehindTheEnd) {
  EXPECT_EQ(PercentDecode(std::string_view("%41").substr(0, 2)), "%4");
}

TEST(QueryTest, ReadsCollectorFilters) {
  const CollectorFilter filter =
      ParseCollectorFilter("collect[]=a&collect%5B%5D=b%20c&x=1&exclude[]=d&&collect[]=&=&collect[]");
  EXPECT_THAT(filter.collect, ElementsAre("a", "b c", "", ""));
  EXPECT_THAT(filter.exclude, ElementsAre("d"));
}

TEST(QueryTest, IgnoresOtherKeys) {
  for (const char* query :
       {"", "collect=a", "collect[=a", "Collect[]=a", "exclude=a", "a", "&", "==", "collect[]x=a"}) {
    const CollectorFilter filter = ParseCollectorFilter(query);
    EXPECT_THAT(filter.collect, IsEmpty()) << query;
    EXPECT_THAT(filter.exclude, IsEmpty()) << query;
  }
}

TEST(QueryTest, FiltersByName) {
  EXPECT_TRUE(CollectorFilter().Wants("a"));
  EXPECT_TRUE((CollectorFilter{{"a"}, {}}).Wants("a"));
  EXPECT_FALSE((CollectorFilter{{"a"}, {}}).Wants("b"));
  EXPECT_FALSE((CollectorFilter{{}, {"a"}}).Wants("a"));
  EXPECT_TRUE((CollectorFilter{{}, {"a"}}).Wants("b"));
}

}  // namespace
}  // namespace exporter
