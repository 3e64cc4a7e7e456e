#include "exporter/settings/name_filter.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace exporter {
namespace {

TEST(NameFilterTest, MatchesWholeNamesAndExcludeWins) {
  const struct {
    const char* include;
    const char* exclude;
    const char* name;
    bool allowed;
  } kCases[] = {{"", "", "any", true},
                {"", "", "", true},
                {"alpha", "", "alpha", true},
                {"alpha", "", "alpha2", false},
                {"alpha", "", "1alpha", false},
                {"alpha|beta", "", "beta", true},
                {"alpha|beta", "", "alphabeta", false},
                {"Alpha", "", "alpha", false},
                {"(?i)Alpha", "", "alpha", true},
                {"a{1,2}", "", "aa", true},
                {"", "test.*", "test1", false},
                {"", "test.*", "mytest1", true},
                {".*", "test.*", "test1", false},
                {"m.ller", "", "müller", true},
                {"alpha", "", "alpha\n", false}};
  for (const auto& c : kCases) {
    NameFilter filter;
    filter.SetInclude(c.include);
    filter.SetExclude(c.exclude);
    EXPECT_EQ(filter.Allows(c.name), c.allowed) << c.include << " " << c.exclude << " " << c.name;
  }
}

TEST(NameFilterTest, ABadExpressionChangesNothing) {
  NameFilter filter;
  filter.SetInclude("good");
  try {
    filter.SetInclude("(bad");
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(error.what(), std::string("\"(bad\" is not a regular expression: missing ): (bad"));
  }
  EXPECT_THROW(filter.SetExclude("a(?=b)"), std::invalid_argument);
  EXPECT_EQ(filter.include(), "good");
  EXPECT_EQ(filter.exclude(), "");
  EXPECT_FALSE(filter.AllowsAll());
  filter.SetInclude("");
  EXPECT_TRUE(filter.AllowsAll());
}

}  // namespace
}  // namespace exporter
