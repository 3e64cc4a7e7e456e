#include "exporter/report/usage_report.h"

#include <gtest/gtest.h>

#include <numeric>

namespace exporter::report {
namespace {

slurmdb::JobRecord Job(std::uint64_t start, std::uint64_t end, std::uint64_t suspended = 0) {
  slurmdb::JobRecord job;
  job.state = end == 0 ? 1 : 3;
  job.time_start = start;
  job.time_end = end;
  job.time_suspended = suspended;
  return job;
}

using Seconds = std::vector<std::int64_t>;

TEST(HeldSecondsTest, AreCutAtTheBorders) {
  EXPECT_EQ(HeldSeconds(Job(100, 200), {0, 1000}), Seconds{100});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {150, 1000}), Seconds{50});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {0, 150}), Seconds{50});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {120, 150}), Seconds{30});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {200, 300}), Seconds{0});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {0, 100}), Seconds{0});
  EXPECT_EQ(HeldSeconds(Job(100, 200), {0, 150, 160, 1000}), (Seconds{50, 10, 40}));
}

TEST(HeldSecondsTest, OpenJobsRunOn) {
  EXPECT_EQ(HeldSeconds(Job(100, 0), {0, 150, 1000}), (Seconds{50, 850}));
}

TEST(HeldSecondsTest, SuspensionsAreLeftOutWhereTheyLie) {
  slurmdb::JobRecord job = Job(100, 200, 30);
  job.suspensions = {{0, 120, 140}, {0, 150, 160}};
  EXPECT_EQ(HeldSeconds(job, {0, 130, 1000}), (Seconds{20, 50}));
  EXPECT_EQ(HeldSeconds(job, {0, 1000}), Seconds{70});
  EXPECT_EQ(HeldSeconds(job, {125, 155}), Seconds{10});
}

TEST(HeldSecondsTest, AnOpenSuspensionLasts) {
  slurmdb::JobRecord job = Job(100, 0, 150);
  job.state = 2;
  EXPECT_EQ(HeldSeconds(job, {0, 1000}), Seconds{50}) << "without its row";
  job.suspensions = {{0, 150, 0}};
  EXPECT_EQ(HeldSeconds(job, {0, 120, 1000}), (Seconds{20, 30}));
}

TEST(HeldSecondsTest, LostSuspensionsComeOffTheEndSoThatPartsAddUp) {
  const slurmdb::JobRecord job = Job(100, 200, 30);
  const Seconds parts = HeldSeconds(job, {0, 120, 180, 1000});
  EXPECT_EQ(parts, (Seconds{20, 50, 0}));
  EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}), HeldSeconds(job, {0, 1000})[0]);
}

TEST(HeldSecondsTest, NeverBelowZero) {
  EXPECT_EQ(HeldSeconds(Job(200, 100), {0, 1000}), Seconds{0});
  EXPECT_EQ(HeldSeconds(Job(100, 200, 500), {0, 1000}), Seconds{0});
}

}  // namespace
}  // namespace exporter::report
