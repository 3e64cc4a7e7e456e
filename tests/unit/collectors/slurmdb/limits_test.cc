#include "collectors/slurmdb/limits.h"

#include <gtest/gtest.h>

#include <limits>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/value.h"

namespace slurmdb {
namespace {

constexpr std::size_t kMaxJobs = LimitIndex(kAssociationLimits, "MaxJobs");
constexpr std::size_t kGrpJobs = LimitIndex(kAssociationLimits, "GrpJobs");
constexpr std::size_t kPerJob = LimitIndex(kAssociationTresLimits, "MaxTRESPerJob");
constexpr std::size_t kGrpTres = LimitIndex(kAssociationTresLimits, "GrpTRES");

// root - science - physics - alice (also in a partition of her own), bob
AssociationTree Tree() {
  return AssociationTree({{1, "root", "", "", "", 0, false},
                          {2, "science", "", "", "root", 0, false},
                          {3, "physics", "", "", "science", 0, false},
                          {4, "physics", "alice", "", "", 0, false},
                          {5, "physics", "alice", "gpu", "", 0, false},
                          {6, "physics", "bob", "", "", 0, false}});
}

TEST(LimitsTest, MaxLimitsComeFromTheNearestAccountAbove) {
  AssociationLimitMap set;
  for (std::uint32_t id = 1; id <= 6; ++id) set[id];
  set[1].set.numbers[kMaxJobs] = 100;
  set[2].set.numbers[kMaxJobs] = 0;  // a limit, and the strictest
  set[4].set.numbers[kMaxJobs] = 7;
  const AssociationLimitMap all = EffectiveLimits(set, Tree());
  EXPECT_EQ(all.at(1).set.numbers[kMaxJobs], 100U);
  EXPECT_EQ(all.at(3).set.numbers[kMaxJobs], 0U);
  EXPECT_EQ(all.at(4).set.numbers[kMaxJobs], 7U);
  EXPECT_EQ(all.at(5).set.numbers[kMaxJobs], 0U);  // its parent is the account, not the user elsewhere
  EXPECT_EQ(all.at(6).set.numbers[kMaxJobs], 0U);
}

TEST(LimitsTest, TresAreInheritedOneByOne) {
  AssociationLimitMap set;
  for (std::uint32_t id = 1; id <= 6; ++id) set[id];
  set[1].set.tres[kPerJob] = {{4, 9}};
  set[2].set.tres[kPerJob] = {{1, 10}, {2, 100}};
  set[6].set.tres[kPerJob] = {{1, 50}};
  const AssociationLimitMap all = EffectiveLimits(set, Tree());
  EXPECT_EQ(all.at(6).set.tres[kPerJob], (TresCounts{{1, 50}, {2, 100}, {4, 9}}));
  EXPECT_EQ(all.at(4).set.tres[kPerJob], (TresCounts{{1, 10}, {2, 100}, {4, 9}}));
}

TEST(LimitsTest, GrpLimitsStayWhereTheyAre) {
  AssociationLimitMap set;
  for (std::uint32_t id = 1; id <= 6; ++id) set[id];
  set[2].set.numbers[kGrpJobs] = 3;
  set[2].set.tres[kGrpTres] = {{1, 10}};
  set[2].shares = 3;
  const AssociationLimitMap all = EffectiveLimits(set, Tree());
  EXPECT_EQ(all.at(3).set, AssociationLimitSet{});
  EXPECT_EQ(all.at(2).set.numbers[kGrpJobs], 3U);
  EXPECT_FALSE(all.at(3).shares.has_value());
}

TEST(LimitsTest, ATreeThatGoesInCirclesEnds) {
  AssociationLimitMap set;
  set[1];
  set[2].set.numbers[kMaxJobs] = 5;
  const AssociationTree circle({{1, "a", "", "", "b", 0, false}, {2, "b", "", "", "a", 0, false}});
  EXPECT_EQ(EffectiveLimits(set, circle).at(1).set.numbers[kMaxJobs], 5U);
}

TEST(LimitsTest, WhatHasABudget) {
  AssociationLimitMap associations;
  QosMap qos;
  EXPECT_FALSE(HasBudgets(associations, qos));
  associations[1].set.numbers[kGrpJobs] = 5;
  associations[1].set.tres[kGrpTres] = {{1, 10}};
  qos[1].set.numbers[kQosGrpWall] = 60;
  qos[1].deleted = true;
  EXPECT_FALSE(HasBudgets(associations, qos));
  qos[1].deleted = false;
  EXPECT_TRUE(HasBudgets(associations, qos));
  qos.clear();
  associations[1].set.tres[kAssociationGrpTresMins] = {{1, 0}};
  EXPECT_TRUE(HasBudgets(associations, qos));
}

TEST(LimitsTest, MinutesBecomeSeconds) {
  EXPECT_EQ(ParseLimit("1=10,2=0", 60), (TresCounts{{1, 600}, {2, 0}}));
  EXPECT_EQ(ParseLimit("1=10", 1), (TresCounts{{1, 10}}));
  EXPECT_EQ(ParseLimit("", 60), TresCounts{});
  // "No limit", and what would not fit.
  EXPECT_EQ(ParseLimit("1=18446744073709551615,2=18446744073709551614", 1), TresCounts{});
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max() / 60;
  EXPECT_EQ(ParseLimit("1=" + std::to_string(kMost) + ",2=" + std::to_string(kMost + 1), 60),
            (TresCounts{{1, kMost * 60}}));
}

}  // namespace
}  // namespace slurmdb
