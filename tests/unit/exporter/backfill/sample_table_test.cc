#include "exporter/backfill/sample_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../exposition/families.h"

namespace exporter {
namespace {

using prometheus::MetricType;

std::string Written(const SampleTable& table, ImportForm form) {
  std::string text;
  table.Write(form, [&](std::string_view bytes) { text += bytes; });
  return text;
}

TEST(SampleTable, SeriesAfterSeriesEachInTheOrderOfTime) {
  SampleTable table({1000, 2000, 3000});
  table.Add(0, FamilySamples(Family(MetricType::Counter, "b_total",
                                    {Sample({{"user", "x"}}, 1), Sample({{"user", "a b"}}, 2)})));
  table.Add(0, FamilySamples(Family(MetricType::Gauge, "a", {Sample({}, 0.5)})));
  table.Add(1, FamilySamples(Family(MetricType::Gauge, "a", {})));
  table.Add(1, FamilySamples(Family(MetricType::Counter, "b_total", {Sample({{"user", "x"}}, 3)})));
  table.Add(2, FamilySamples(Family(MetricType::Gauge, "a", {Sample({}, -1e300)})));
  EXPECT_EQ(table.samples(), 5U);
  EXPECT_EQ(Written(table, ImportForm::kOpenMetrics),
            "# TYPE a gauge\n"
            "# HELP a Help.\n"
            "a 0.5 1000\n"
            "a -1e+300 3000\n"
            "# TYPE b counter\n"
            "# HELP b Help.\n"
            "b_total{user=\"a b\"} 2 1000\n"
            "b_total{user=\"x\"} 1 1000\n"
            "b_total{user=\"x\"} 3 2000\n"
            "# EOF\n");
}

TEST(SampleTable, ForVictoriaMetricsTimesAreMilliseconds) {
  SampleTable table({1'700'000'000});
  table.Add(0, FamilySamples(Family(MetricType::Gauge, "a", {Sample({{"x", "\"\n"}}, 1)})));
  EXPECT_EQ(Written(table, ImportForm::kVictoriaMetrics), "a{x=\"\\\"\\n\"} 1 1700000000000\n");
}

TEST(SampleTable, AHistogramIsWrittenMomentByMoment) {
  SampleTable table({10, 20});
  for (const std::size_t moment : {std::size_t{0}, std::size_t{1}}) {
    table.Add(moment, FamilySamples(Family(MetricType::Histogram, "h",
                                           {HistogramSample({{"q", "b"}}, {{moment, 1}}, 2 + moment, 3.5),
                                            HistogramSample({{"q", "a"}}, {{0, 1}}, 0, 0)})));
  }
  EXPECT_EQ(Written(table, ImportForm::kVictoriaMetrics),
            "h_bucket{q=\"a\",le=\"1.0\"} 0 10000\nh_bucket{q=\"a\",le=\"+Inf\"} 0 10000\n"
            "h_sum{q=\"a\"} 0 10000\nh_count{q=\"a\"} 0 10000\n"
            "h_bucket{q=\"a\",le=\"1.0\"} 0 20000\nh_bucket{q=\"a\",le=\"+Inf\"} 0 20000\n"
            "h_sum{q=\"a\"} 0 20000\nh_count{q=\"a\"} 0 20000\n"
            "h_bucket{q=\"b\",le=\"1.0\"} 0 10000\nh_bucket{q=\"b\",le=\"+Inf\"} 2 10000\n"
            "h_sum{q=\"b\"} 3.5 10000\nh_count{q=\"b\"} 2 10000\n"
            "h_bucket{q=\"b\",le=\"1.0\"} 1 20000\nh_bucket{q=\"b\",le=\"+Inf\"} 3 20000\n"
            "h_sum{q=\"b\"} 3.5 20000\nh_count{q=\"b\"} 3 20000\n");
}

TEST(SampleTable, ValuesComeOutAsThePageHasThem) {
  const double kInfinity = std::numeric_limits<double>::infinity();
  for (const double value : {0.1, 1.0 / 3, 9007199254740993.0, 1e22, kInfinity, -kInfinity, std::nan("")}) {
    const auto family = Family(MetricType::Gauge, "a", {Sample({}, value)});
    SampleTable table({7});
    table.Add(0, FamilySamples(family));
    std::string line = Rendered(family)->body.plain;
    line.insert(line.size() - 1, " 7000");
    EXPECT_EQ(Written(table, ImportForm::kVictoriaMetrics), line);
  }
}

TEST(SampleTable, ASeriesMayStandAtZeroBetweenMoments) {
  SampleTable table({10, 20, 30});
  const FamilySamples late(Family(MetricType::Counter, "a_total", {Sample({{"x", "late"}}, 5)}));
  const FamilySamples next(Family(MetricType::Counter, "a_total", {Sample({{"x", "next"}}, 7)}));
  const FamilySamples histogram(Family(MetricType::Histogram, "h", {HistogramSample({}, {{1, 1}}, 2, 3.5)}));
  table.Add(2, late);
  table.AddZero(20, late, late.series()[0]);
  table.AddZero(30, next, next.series()[0]);  // its first moment lies in the next table
  table.Add(0, histogram);
  table.Add(1, histogram);
  table.AddZero(11, histogram, histogram.series()[0]);
  EXPECT_EQ(table.samples(), 1U + 2 + 3 * 4);
  EXPECT_EQ(
      Written(table, ImportForm::kVictoriaMetrics),
      "a_total{x=\"late\"} 0 20000\na_total{x=\"late\"} 5 30000\n"
      "a_total{x=\"next\"} 0 30000\n"
      "h_bucket{le=\"1.0\"} 1 10000\nh_bucket{le=\"+Inf\"} 2 10000\nh_sum 3.5 10000\nh_count 2 10000\n"
      "h_bucket{le=\"1.0\"} 0 11000\nh_bucket{le=\"+Inf\"} 0 11000\nh_sum 0 11000\nh_count 0 11000\n"
      "h_bucket{le=\"1.0\"} 1 20000\nh_bucket{le=\"+Inf\"} 2 20000\nh_sum 3.5 20000\nh_count 2 20000\n");
}

TEST(FamilySamples, WhatNoScraperWouldAcceptIsCounted) {
  const FamilySamples counters(
      Family(MetricType::Counter, "a_total", {Sample({}, -1), Sample({{"__x", "y"}}, 1)}));
  EXPECT_EQ(counters.left_out(), 2U);
  EXPECT_TRUE(counters.series().empty());
  const FamilySamples gauges(Family(MetricType::Gauge, "b", {Sample({}, 1), Sample({}, 2)}));
  EXPECT_EQ(gauges.left_out(), 1U);
  ASSERT_EQ(gauges.series().size(), 1U);
  EXPECT_EQ(FamilySamples::KeyOf(gauges.series()[0]), "b");
}

}  // namespace
}  // namespace exporter
