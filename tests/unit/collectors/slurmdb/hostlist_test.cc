#include "collectors/slurmdb/hostlist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slurmdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

TEST(HostlistTest, Expands) {
  EXPECT_THAT(ExpandHosts(""), Optional(IsEmpty()));
  EXPECT_THAT(ExpandHosts("n1"), Optional(ElementsAre("n1")));
  EXPECT_THAT(ExpandHosts("n[1-3,08],gpu1"), Optional(ElementsAre("n1", "n2", "n3", "n08", "gpu1")));
  EXPECT_THAT(ExpandHosts("n[098-101]"), Optional(ElementsAre("n098", "n099", "n100", "n101")));
  EXPECT_THAT(ExpandHosts("r[1-2]n[3-4]x,,login"),
              Optional(ElementsAre("r1n3x", "r1n4x", "r2n3x", "r2n4x", "login")));
}

TEST(HostlistTest, RefusesWhatIsNone) {
  for (const char* text : {"n[", "n[1", "n[]", "n[a-b]", "n[3-1]", "n[1-]", "n[-1]",
                           "n[1-99999999999999999999]", "n[0-999999999999]"}) {
    EXPECT_EQ(ExpandHosts(text), std::nullopt) << text;
  }
  EXPECT_EQ(ExpandHosts("n[1-100]", 99), std::nullopt);
  EXPECT_EQ(ExpandHosts("a[1-10]b[1-10]", 99), std::nullopt);
  EXPECT_EQ(ExpandHosts("n[1-60],m[1-60]", 100), std::nullopt);
  EXPECT_EQ(ExpandHosts("n[1-100]", 100)->size(), 100U);
}

TEST(HostlistTest, Folds) {
  EXPECT_EQ(FoldHosts({}), "");
  EXPECT_EQ(FoldHosts({"login"}), "login");
  EXPECT_EQ(FoldHosts({"n3", "n1", "n2", "n2", "gpu1"}), "gpu1,n[1-3]");
  EXPECT_EQ(FoldHosts({"n1", "n3", "n4"}), "n[1,3-4]");
  EXPECT_EQ(FoldHosts({"n8", "n9", "n10"}), "n[8-10]");
  EXPECT_EQ(FoldHosts({"n08", "n09", "n10", "n100"}),
            "n100,n[08-10]");  // padded ones have a width of their own
  EXPECT_EQ(FoldHosts({"n0", "n1", "n10"}), "n[0-1,10]");
  EXPECT_EQ(FoldHosts({"r1n1x", "r1n2x", "r2n1x"}), "r1n[1-2]x,r2n1x");
  EXPECT_EQ(FoldHosts({"n99999999999999999999"}), "n99999999999999999999");
}

TEST(HostlistTest, WhatIsFoldedExpands) {
  const std::vector<std::string> names = {"a1b", "a2b", "a3b", "n001", "n002", "n7", "n8", "x"};
  EXPECT_THAT(ExpandHosts(FoldHosts(names)), Optional(testing::UnorderedElementsAreArray(names)));
}

}  // namespace
}  // namespace slurmdb
