#include "collectors/slurmdb/schema.h"

#include <gtest/gtest.h>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/readers.h"

namespace slurmdb {
namespace {

TEST(SchemaTest, NamesAreComparedWithoutRegardToCase) {
  Schema schema;
  schema.Add("alpha_job_table", "TRES_ALLOC");
  EXPECT_TRUE(schema.HasTable("Alpha_job_table"));
  EXPECT_TRUE(schema.Has("ALPHA_job_table", "tres_alloc"));
  EXPECT_FALSE(schema.Has("alpha_job_table", "tres_req"));
  EXPECT_FALSE(schema.HasTable("beta_job_table"));
}

TEST(QuoteNameTest, AnyCharacterIsAllowedInAClusterName) {
  EXPECT_EQ(QuoteName("alpha"), "`alpha`");
  EXPECT_EQ(QuoteName("my-cluster.2"), "`my-cluster.2`");
  EXPECT_EQ(QuoteName("a`b"), "`a``b`");
  EXPECT_EQ(ClusterTable("my cluster", "job_table"), "`my cluster_job_table`");
}

}  // namespace
}  // namespace slurmdb
