#include "collectors/pricing/departments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace pricing {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kOptics = {"Optics", "physics", "science", "root"};
const std::map<std::string, std::string> kNone;

TEST(DepartmentsTest, WithoutAnyAllBelongToTheEmptyOne) {
  EXPECT_THAT(Departments().Of(kOptics, kNone), ElementsAre(DepartmentSince{0, ""}));
}

TEST(DepartmentsTest, AnOrganizationIsTheAccountsOwnOrTheNearestAbove) {
  const Departments departments = Departments::ByOrganization();
  EXPECT_THAT(departments.Of(kOptics, {{"optics", "Lab"}, {"science", "Faculty"}}),
              ElementsAre(DepartmentSince{0, "Lab"}));
  EXPECT_THAT(departments.Of(kOptics, {{"optics", ""}, {"science", "Faculty"}}),
              ElementsAre(DepartmentSince{0, "Faculty"}));
  EXPECT_THAT(departments.Of(kOptics, {{"optics", "Root"}, {"science", "root"}}),
              ElementsAre(DepartmentSince{0, ""}));
  EXPECT_THAT(departments.Of(kOptics, {{"chemistry", "Lab"}}), ElementsAre(DepartmentSince{0, ""}));
}

TEST(DepartmentsTest, InTheTreeItIsTheNearestAccountOfTheList) {
  const Departments departments = Departments::ByTree({"Science", "Physics", "law"});
  EXPECT_THAT(departments.Of(kOptics, kNone), ElementsAre(DepartmentSince{0, "Physics"}));
  EXPECT_THAT(departments.Of({"maths", "science", "root"}, kNone),
              ElementsAre(DepartmentSince{0, "Science"}));
  EXPECT_THAT(departments.Of({"art", "root"}, kNone), ElementsAre(DepartmentSince{0, ""}));
  EXPECT_THAT(departments.Borders(), ElementsAre());
}

TEST(DepartmentsTest, AListMayChangeWithTime) {
  const Departments departments = Departments::ByList(
      {{"physics", "Old", {100, 200}}, {"PHYSICS", "New", {300}}, {"science", "Faculty", {}}});
  EXPECT_THAT(departments.Of(kOptics, kNone),
              ElementsAre(DepartmentSince{0, "Faculty"}, DepartmentSince{100, "Old"},
                          DepartmentSince{200, "Faculty"}, DepartmentSince{300, "New"}));
  EXPECT_THAT(departments.Of({"maths", "science"}, kNone), ElementsAre(DepartmentSince{0, "Faculty"}));
  EXPECT_THAT(departments.Borders(), ElementsAre(100, 200, 300));
  const auto found = departments.Of(kOptics, kNone);
  EXPECT_EQ(DepartmentAt(found, 99), "Faculty");
  EXPECT_EQ(DepartmentAt(found, 100), "Old");
  EXPECT_EQ(DepartmentAt(found, 1000), "New");
}

TEST(DepartmentsTest, TwoAtATimeAreRefused) {
  EXPECT_THROW(Departments::ByList({{"physics", "A", {0, 200}}, {"Physics", "B", {199}}}),
               std::invalid_argument);
  EXPECT_NO_THROW(Departments::ByList({{"physics", "A", {0, 200}}, {"physics", "B", {200}}}));
}

}  // namespace
}  // namespace pricing
