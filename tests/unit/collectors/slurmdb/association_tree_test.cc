#include "collectors/slurmdb/association_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slurmdb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Names(const AssociationTree& tree, std::uint32_t id) {
  std::vector<std::string> names;
  for (const std::string* name : tree.Accounts(id)) names.push_back(*name);
  return names;
}

TEST(AssociationTreeTest, ParentsByName) {
  const AssociationTree tree({{1, "root", "", "", "", 0, false},
                              {2, "science", "", "", "root", 0, false},
                              {3, "physics", "", "", "Science", 0, true},
                              {4, "Physics", "ann", "", "", 0, false},
                              {5, "physics", "ann", "gpu", "", 0, true}});
  EXPECT_THAT(Names(tree, 4), ElementsAre("physics", "science", "root"));
  EXPECT_THAT(Names(tree, 5), ElementsAre("physics", "science", "root"));
  EXPECT_THAT(Names(tree, 2), ElementsAre("science", "root"));
  EXPECT_THAT(Names(tree, 1), ElementsAre("root"));
  EXPECT_THAT(Names(tree, 99), IsEmpty());
  EXPECT_EQ(tree.PathOf(*tree.Find(3)), "/science/physics");
  EXPECT_EQ(tree.PathOf(*tree.Find(1)), "/");
  EXPECT_EQ(tree.FindAccount("PHYSICS")->id, 3U);
  EXPECT_EQ(tree.FindAccount("geology"), nullptr);
}

TEST(AssociationTreeTest, TheParentsIdGoesBeforeItsName) {
  const AssociationTree tree({{1, "root", "", "", "", 0, false},
                              {2, "old", "", "", "root", 1, false},
                              {3, "new", "", "", "root", 1, false},
                              {4, "group", "", "", "old", 3, false}});
  EXPECT_THAT(Names(tree, 4), ElementsAre("group", "new", "root"));
}

TEST(AssociationTreeTest, BrokenTreesEnd) {
  const AssociationTree circle({{2, "a", "", "", "b", 0, false}, {3, "b", "", "", "a", 0, false}});
  EXPECT_THAT(Names(circle, 2), ElementsAre("a", "b"));
  const AssociationTree orphan(
      {{7, "gone", "ann", "", "", 6, false}, {8, "lost", "", "", "nowhere", 5, false}});
  EXPECT_THAT(Names(orphan, 7), ElementsAre("gone"));
  EXPECT_THAT(Names(orphan, 8), ElementsAre("lost"));
  const AssociationTree itself({{9, "loop", "", "", "loop", 9, false}});
  EXPECT_THAT(Names(itself, 9), ElementsAre("loop"));
}

}  // namespace
}  // namespace slurmdb
