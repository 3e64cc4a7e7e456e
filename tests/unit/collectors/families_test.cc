#include "collectors/families.h"

#include <gtest/gtest.h>

namespace collectors {
namespace {

using prometheus::MetricType;

TEST(SumFamilyTest, SumsByLabelsInOrder) {
  SumFamily family("x", "Help.", MetricType::Gauge, {"a", "b"});
  family.Add({"2", "x"}, 1);
  family.Add({"1", "y"}, 2);
  family.Add({"2", "x"}, 3, 1.0);
  const prometheus::MetricFamily built = family.Build();
  ASSERT_EQ(built.metric.size(), 2U);
  EXPECT_EQ(built.metric[0].label[0].value, "1");
  EXPECT_EQ(built.metric[0].label[1].name, "b");
  EXPECT_EQ(built.metric[0].gauge.value, 2);
  EXPECT_EQ(built.metric[1].gauge.value, 4);
}

TEST(SumFamilyTest, SmallAmountsAreNotLostBesideLargeOnes) {
  SumFamily family("x_total", "Help.", MetricType::Counter, {"a"});
  const slurmdb::Uint128 large = slurmdb::Uint128{1} << 60;
  family.Add({"1"}, large);
  for (int i = 0; i < 1024; ++i) family.Add({"1"}, 1);
  EXPECT_EQ(family.Build().metric[0].counter.value, static_cast<double>(large + 1024));
}

TEST(SumFamilyTest, NothingAddedMakesTheSeriesAppear) {
  SumFamily family("x", "Help.", MetricType::Gauge, {"a"});
  family.Add({"1"}, 0);
  ASSERT_EQ(family.Build().metric.size(), 1U);
  EXPECT_EQ(family.Build().metric[0].gauge.value, 0);
}

}  // namespace
}  // namespace collectors
