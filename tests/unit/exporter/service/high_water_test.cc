#include "exporter/high_water.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <tuple>

namespace exporter {
namespace {

constexpr char kConsumed[] = "slurmdbd_account_tres_seconds_total";

class HighWaterTest : public testing::Test {
 protected:
  HighWaterTest() {
    std::string path = (std::filesystem::temp_directory_path() / "high_water_XXXXXX").string();
    folder_ = mkdtemp(path.data());
  }
  ~HighWaterTest() override { std::filesystem::remove_all(folder_); }

  // What Apply makes of one counter of account `account`; none when the series is not there.
  static std::optional<double> Show(HighWater& marks, const std::string& account, std::optional<double> value,
                                    std::int64_t epoch = 1) {
    std::vector<prometheus::MetricFamily> families(1);
    families[0].name = kConsumed;
    families[0].type = prometheus::MetricType::Counter;
    // Another series, so that the family is not empty.
    for (const std::string& name : {std::string("other"), account}) {
      if (name == account && !value) continue;
      prometheus::ClientMetric& metric = families[0].metric.emplace_back();
      metric.label = {{"cluster", "alpha"}, {"account", name}, {"tres", "cpu"}};
      metric.counter.value = name == account ? *value : 1;
    }
    marks.Apply(families, {{"alpha", epoch}});
    for (const prometheus::ClientMetric& metric : families[0].metric) {
      if (metric.label[1].value == account) return metric.counter.value;
    }
    return std::nullopt;
  }

  std::filesystem::path folder_;
};

TEST_F(HighWaterTest, ACounterIsHeldUntilItsSumHasCaughtUp) {
  HighWater marks("", "");
  EXPECT_EQ(Show(marks, "a", 100), 100);
  EXPECT_EQ(Show(marks, "a", 60), 100);
  EXPECT_EQ(Show(marks, "a", 90), 100);
  EXPECT_EQ(Show(marks, "a", 101), 101);
  EXPECT_EQ(Show(marks, "a", 150), 150);
}

TEST_F(HighWaterTest, AHistogramIsHeldLineByLine) {
  constexpr double kNoBound = std::numeric_limits<double>::infinity();
  std::vector<prometheus::MetricFamily> page;
  const auto show = [&](HighWater& marks, std::uint64_t small, std::uint64_t all, double sum) {
    page.assign(1, {"wait", "", prometheus::MetricType::Histogram, {}});
    if (all != 0) {
      prometheus::ClientMetric& metric = page[0].metric.emplace_back();
      metric.label = {{"cluster", "alpha"}, {"partition", "main"}};
      metric.histogram.bucket = {{small, 0.5}, {all, kNoBound}};
      metric.histogram.sample_count = all;
      metric.histogram.sample_sum = sum;
    }
    marks.Apply(page, {{"alpha", 1}});
    const auto& shown = page.at(0).metric.at(0).histogram;
    EXPECT_EQ(shown.bucket.at(0).upper_bound, 0.5);
    EXPECT_EQ(shown.bucket.at(1).upper_bound, kNoBound);
    EXPECT_EQ(shown.sample_count, shown.bucket.at(1).cumulative_count);
    return std::tuple(shown.bucket.at(0).cumulative_count, shown.sample_count, shown.sample_sum);
  };
  {
    HighWater marks(folder_, "");
    EXPECT_EQ(show(marks, 3, 5, 7.25), std::tuple(3U, 5U, 7.25));
    EXPECT_EQ(show(marks, 2, 6, 7), std::tuple(3U, 6U, 7.25));
    marks.Save();
  }
  HighWater marks(folder_, "");
  EXPECT_EQ(show(marks, 0, 0, 0), std::tuple(3U, 6U, 7.25)) << "gone";
  EXPECT_EQ(show(marks, 4, 7, 8), std::tuple(4U, 7U, 8.0));
}

TEST_F(HighWaterTest, WhatIsHeldBackIsCountedOnce) {
  HighWater marks("", "");
  Show(marks, "a", 100);
  Show(marks, "a", 60);
  Show(marks, "a", 60);
  Show(marks, "a", 70);
  Show(marks, "a", 65);  // down again by five
  Show(marks, "a", 200);
  Show(marks, "a", 190);
  std::vector<prometheus::MetricFamily> families(1);
  families[0].name = kConsumed;
  families[0].type = prometheus::MetricType::Counter;
  families[0].metric.resize(1);
  families[0].metric[0].label = {{"cluster", "alpha"}, {"account", "a"}, {"tres", "cpu"}};
  families[0].metric[0].counter.value = 190;
  marks.Apply(families, {{"alpha", 1}});
  // "other" went missing in this last poll, with the 1 it had.
  EXPECT_EQ(families[1].metric[0].counter.value, 40 + 5 + 10 + 1);
}

TEST_F(HighWaterTest, AMissingSeriesComesBack) {
  HighWater marks("", "");
  Show(marks, "a", 100);
  EXPECT_EQ(Show(marks, "a", std::nullopt), 100);
  EXPECT_EQ(Show(marks, "a", 30), 100);
}

TEST_F(HighWaterTest, ANewEpochStartsAgain) {
  HighWater marks("", "");
  Show(marks, "a", 100, 1);
  EXPECT_EQ(Show(marks, "a", 5, 2), 5);
  EXPECT_EQ(Show(marks, "a", 4, 2), 5);
  EXPECT_EQ(Show(marks, "a", std::nullopt, 3), std::nullopt);
}

TEST_F(HighWaterTest, AClusterThatIsNotOnThePageKeepsItsMarks) {
  HighWater marks("", "");
  Show(marks, "a", 100);
  std::vector<prometheus::MetricFamily> families(1);
  families[0].name = kConsumed;
  families[0].type = prometheus::MetricType::Counter;
  marks.Apply(families, {{"beta", 1}});
  EXPECT_TRUE(families[0].metric.empty());
  EXPECT_EQ(Show(marks, "a", 60), 100);
}

TEST_F(HighWaterTest, MarksOutliveTheProcess) {
  {
    HighWater marks(folder_, "x");
    Show(marks, "a", 0.1);
    Show(marks, "m\xC3\xBCller \"\\\n", 1e21);
    marks.Save();
    Show(marks, "a", 500);  // never shown, since it was not saved
  }
  HighWater marks(folder_, "x");
  EXPECT_EQ(Show(marks, "a", 0.05), 0.1);
  EXPECT_EQ(Show(marks, "m\xC3\xBCller \"\\\n", 5), 1e21);
}

TEST_F(HighWaterTest, ASeriesComesBackAlsoWhenTheWholeFamilyIsGone) {
  {
    HighWater marks(folder_, "x");
    Show(marks, "a", 100);
    marks.Save();
  }
  HighWater marks(folder_, "x");
  std::vector<prometheus::MetricFamily> families(1);
  families[0].name = kConsumed;
  families[0].type = prometheus::MetricType::Counter;
  marks.Apply(families, {{"alpha", 1}});
  ASSERT_EQ(families[0].metric.size(), 2U);
  for (const prometheus::ClientMetric& metric : families[0].metric) {
    EXPECT_EQ(metric.label[1].name, "account");
    EXPECT_EQ(metric.counter.value, metric.label[1].value == "a" ? 100 : 1);
  }
}

TEST_F(HighWaterTest, AnotherFingerprintDropsTheMarks) {
  {
    HighWater marks(folder_, "x");
    Show(marks, "a", 100);
    marks.Save();
  }
  HighWater marks(folder_, "y");
  EXPECT_EQ(Show(marks, "a", 60), 60);
  marks.SetFingerprint("z");
  EXPECT_EQ(Show(marks, "a", 50), 50);
}

TEST_F(HighWaterTest, AnUnreadableFileIsPutAside) {
  for (const char* text : {"garbage\n", "{\"format\":2}\n",
                           "{\"format\":1,\"fingerprint\":\"x\",\"corrections\":{},\"labels\":{}}\n[1,2"}) {
    std::ofstream(folder_ / "high-water.jsonl") << text;
    HighWater marks(folder_, "x");
    EXPECT_EQ(Show(marks, "a", 60), 60);
    EXPECT_TRUE(std::filesystem::exists(folder_ / "high-water.jsonl.unreadable"));
    marks.Save();
    std::filesystem::remove(folder_ / "high-water.jsonl.unreadable");
  }
}

TEST_F(HighWaterTest, TwoProcessesDoNotShareADirectory) {
  HighWater marks(folder_, "x");
  try {
    HighWater second(folder_, "x");
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("in use by another process"), std::string::npos) << error.what();
  }
  EXPECT_THROW(HighWater(folder_ / "missing", "x"), std::runtime_error);
}

TEST_F(HighWaterTest, GaugesAndCountersOfNoClusterAreLeftAlone) {
  HighWater marks("", "");
  for (const double value : {10.0, 5.0}) {
    std::vector<prometheus::MetricFamily> families(2);
    families[0].name = "g";
    families[0].type = prometheus::MetricType::Gauge;
    families[0].metric.resize(1);
    families[0].metric[0].label = {{"cluster", "alpha"}};
    families[0].metric[0].gauge.value = value;
    families[1].name = "c_total";
    families[1].type = prometheus::MetricType::Counter;
    families[1].metric.resize(1);
    families[1].metric[0].counter.value = value;
    marks.Apply(families, {{"alpha", 1}});
    EXPECT_EQ(families[0].metric[0].gauge.value, value);
    EXPECT_EQ(families[1].metric[0].counter.value, value);
    ASSERT_EQ(families.size(), 2U);
  }
}

}  // namespace
}  // namespace exporter
