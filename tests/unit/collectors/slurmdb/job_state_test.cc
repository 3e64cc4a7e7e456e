#include "collectors/slurmdb/job_state.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

TEST(JobStateTest, StoredNumbers) {
  const struct {
    std::uint64_t stored;
    const char* name;
  } cases[] = {
      {0, "pending"},
      {1, "running"},
      {2, "suspended"},
      {3, "completed"},
      {4, "cancelled"},
      {5, "failed"},
      {6, "timeout"},
      {7, "node_fail"},
      {8, "preempted"},
      {9, "boot_fail"},
      {10, "deadline"},
      {11, "out_of_memory"},
      {1024, "requeued"},
      {8192, "resizing"},
      {524288, "revoked"},
      {1024 | 4, "requeued"},
      {12, "unknown"},
      {255, "unknown"},
      {1U << 20, "unknown"},  // a flag of a release to come
      {(1U << 20) | 3, "completed"},
      {18446744073709551615ULL, "revoked"},
  };
  for (const auto& c : cases) EXPECT_EQ(JobStateName(JobStateOf(c.stored)), c.name) << c.stored;
}

}  // namespace
}  // namespace slurmdb
