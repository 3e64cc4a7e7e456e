#include "collectors/slurmdb/error.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

TEST(ErrorTest, NumbersOfBothServersAndTheClientAreSorted) {
  const struct {
    unsigned number;
    Reason reason;
  } cases[] = {
      {2002, Reason::kConnect},   {2003, Reason::kConnect},   {2005, Reason::kConnect},
      {2026, Reason::kConnect},   {3159, Reason::kConnect},   {1205, Reason::kTimeout},
      {1969, Reason::kTimeout},   {3024, Reason::kTimeout},   {2006, Reason::kLost},
      {2013, Reason::kLost},      {1927, Reason::kLost},      {4031, Reason::kLost},
      {1053, Reason::kLost},      {1044, Reason::kPrivilege}, {1045, Reason::kPrivilege},
      {1142, Reason::kPrivilege}, {1143, Reason::kPrivilege}, {1698, Reason::kPrivilege},
      {1049, Reason::kSchema},    {1054, Reason::kSchema},    {1146, Reason::kSchema},
      {1176, Reason::kSchema},    {1412, Reason::kSchema},    {1040, Reason::kLimit},
      {1203, Reason::kLimit},     {1114, Reason::kLimit},     {1690, Reason::kInternal},
      {0, Reason::kInternal},
  };
  for (const auto& c : cases) EXPECT_EQ(ReasonOfErrno(c.number), c.reason) << c.number;
}

TEST(ErrorTest, ReasonNamesAreDistinct) {
  for (const Reason a : kAllReasons) {
    EXPECT_FALSE(ReasonName(a).empty());
    for (const Reason b : kAllReasons) EXPECT_EQ(a == b, ReasonName(a) == ReasonName(b));
  }
}

TEST(ErrorTest, AServersRefusalLeavesTheConnectionUsable) {
  EXPECT_TRUE(DatabaseError(Reason::kSchema, 1146, "").connection_usable());
  EXPECT_TRUE(DatabaseError(Reason::kTimeout, 1205, "").connection_usable());
  EXPECT_TRUE(DatabaseError(Reason::kParse, "").connection_usable());
  EXPECT_FALSE(DatabaseError(Reason::kLost, 2013, "").connection_usable());
  EXPECT_FALSE(DatabaseError(Reason::kConnect, 2002, "").connection_usable());
  EXPECT_FALSE(DatabaseError(Reason::kInternal, 2000, "").connection_usable());
}

}  // namespace
}  // namespace slurmdb
