#include "collectors/slurmdb/connection.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

// A collector may be the first to ask after another one has lost the connection.
TEST(ConnectionTest, WithoutAConnectionEverythingSaysSo) {
  Connection connection({});
  for (const auto& ask :
       {+[](Connection& one) { one.Query("any", "SELECT 1"); }, +[](Connection& one) { one.Literal("text"); },
        +[](Connection& one) { const Connection::Snapshot snapshot(one); }}) {
    try {
      ask(connection);
      FAIL();
    } catch (const DatabaseError& error) {
      EXPECT_EQ(error.reason(), Reason::kLost);
    }
  }
}

}  // namespace
}  // namespace slurmdb
