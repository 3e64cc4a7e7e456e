#include "exporter/process_metrics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace exporter {
namespace {

std::chrono::system_clock::time_point SomeTime() {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(1'735'787'045'500));
}

std::map<std::string, double> Values(const std::vector<prometheus::MetricFamily>& families) {
  std::map<std::string, double> out;
  for (const auto& family : families) {
    EXPECT_EQ(family.metric.size(), 1U) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    EXPECT_EQ(is_counter, family.name.ends_with("_total")) << family.name;
    const double value = is_counter ? family.metric[0].counter.value : family.metric[0].gauge.value;
    EXPECT_TRUE(std::isfinite(value)) << family.name;
    EXPECT_TRUE(out.emplace(family.name, value).second) << family.name << " twice";
  }
  return out;
}

TEST(ProcessMetricsTest, HasTheStandardFamiliesSorted) {
  std::vector<std::string> names;
  for (const auto& family : ProcessMetrics(SomeTime()).Collect()) names.push_back(family.name);
  EXPECT_THAT(names, testing::ElementsAre("process_cpu_seconds_total", "process_max_fds", "process_open_fds",
                                          "process_resident_memory_bytes", "process_start_time_seconds",
                                          "process_threads", "process_virtual_memory_bytes",
                                          "process_virtual_memory_max_bytes"));
}

TEST(ProcessMetricsTest, ValuesAreSane) {
  const auto values = Values(ProcessMetrics(SomeTime()).Collect());
  EXPECT_EQ(values.at("process_start_time_seconds"), 1'735'787'045.5);
  EXPECT_GE(values.at("process_threads"), 1);
  EXPECT_GT(values.at("process_resident_memory_bytes"), 500e3);
  EXPECT_GT(values.at("process_virtual_memory_bytes"), values.at("process_resident_memory_bytes"));
  EXPECT_GE(values.at("process_max_fds"), values.at("process_open_fds"));
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &limit), 0);
  EXPECT_EQ(values.at("process_virtual_memory_max_bytes"), static_cast<double>(limit.rlim_cur));
}

TEST(ProcessMetricsTest, FollowsTheProcess) {
  const ProcessMetrics metrics(SomeTime());
  const auto before = Values(metrics.Collect());
  const int fd = open("/dev/null", O_RDONLY);
  std::atomic<bool> done = false;
  std::thread thread([&] {
    while (!done) std::this_thread::yield();
  });
  while (Values(metrics.Collect()).at("process_cpu_seconds_total") <=
         before.at("process_cpu_seconds_total")) {
  }
  const auto after = Values(metrics.Collect());
  EXPECT_EQ(after.at("process_open_fds"), before.at("process_open_fds") + 1);
  EXPECT_EQ(after.at("process_threads"), before.at("process_threads") + 1);
  done = true;
  thread.join();
  close(fd);
}

class FakeProcTest : public testing::Test {
 protected:
  FakeProcTest() {
    std::string name = testing::TempDir() + "proc-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) folder_ = name;
  }
  ~FakeProcTest() override { std::filesystem::remove_all(folder_); }

  std::map<std::string, double> Read() const { return Values(ProcessMetrics(SomeTime(), folder_).Collect()); }

  std::filesystem::path folder_;
};

TEST_F(FakeProcTest, WhatCannotBeReadIsLeftOut) {
  const auto values = Read();
  EXPECT_FALSE(values.contains("process_open_fds"));
  EXPECT_FALSE(values.contains("process_threads"));
  EXPECT_FALSE(values.contains("process_resident_memory_bytes"));
  EXPECT_FALSE(values.contains("process_virtual_memory_bytes"));
  EXPECT_TRUE(values.contains("process_start_time_seconds"));

  for (const char* broken :
       {"", "1 (x", "1 (x) S 1 2 3", "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 zwei 0 5 6 7"}) {
    std::ofstream(folder_ / "stat") << broken;
    EXPECT_FALSE(Read().contains("process_threads")) << broken;
  }
}

TEST_F(FakeProcTest, TheDescriptorThatCountsIsNotCounted) {
  std::filesystem::create_directory(folder_ / "fd");
  for (const char* name : {"0", "1", "2", "3"}) std::ofstream(folder_ / "fd" / name) << "";
  EXPECT_EQ(Read().at("process_open_fds"), 3);
}

TEST_F(FakeProcTest, NamesWithSpacesAndParenthesesAreSkipped) {
  std::ofstream(folder_ / "stat")
      << "12 (a) b) 3 (c) S 1 1 1 0 -1 4194560 1 2 3 4 50 60 0 0 20 0 7 0 999 123456 10 0\n";
  const auto values = Read();
  EXPECT_EQ(values.at("process_threads"), 7);
  EXPECT_EQ(values.at("process_virtual_memory_bytes"), 123456);
  EXPECT_EQ(values.at("process_resident_memory_bytes"), 10.0 * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace exporter
