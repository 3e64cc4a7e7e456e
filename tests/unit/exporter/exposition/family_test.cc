#include "exporter/exposition/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/unit/exporter/exposition/families.h"

namespace exporter {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using testing::HasSubstr;
using testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string Body(const MetricFamily& family) { return Rendered(family)->body.plain; }
std::string TextHead(const MetricFamily& family) { return Rendered(family)->text_head.plain; }
std::string OpenMetricsHead(const MetricFamily& family) { return Rendered(family)->open_metrics_head.plain; }

TEST(FamilyTest, RendersAGauge) {
  const MetricFamily family = Family(
      MetricType::Gauge, "slurm_nodes",
      {Sample({{"cluster", "a"}, {"state", "idle"}}, 3), Sample({{"cluster", "a"}, {"state", "mixed"}}, 0.5)},
      "Nodes by state.");
  EXPECT_EQ(Body(family),
            "slurm_nodes{cluster=\"a\",state=\"idle\"} 3\n"
            "slurm_nodes{cluster=\"a\",state=\"mixed\"} 0.5\n");
  EXPECT_EQ(TextHead(family), "# HELP slurm_nodes Nodes by state.\n# TYPE slurm_nodes gauge\n");
  EXPECT_EQ(OpenMetricsHead(family), "# TYPE slurm_nodes gauge\n# HELP slurm_nodes Nodes by state.\n");
}

TEST(FamilyTest, RendersASampleWithoutLabelsWithoutBraces) {
  EXPECT_EQ(Body(Family(MetricType::Gauge, "up", {Sample({}, 1)})), "up 1\n");
}

TEST(FamilyTest, NamesACounterWithoutTotalInTheOpenMetricsHeadOnly) {
  const MetricFamily family = Family(MetricType::Counter, "cpu_seconds_total", {Sample({}, 1)});
  EXPECT_EQ(Body(family), "cpu_seconds_total 1\n");
  EXPECT_EQ(TextHead(family), "# HELP cpu_seconds_total Help.\n# TYPE cpu_seconds_total counter\n");
  EXPECT_EQ(OpenMetricsHead(family),
            "# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n# HELP cpu_seconds Help.\n");
  EXPECT_EQ(Rendered(family)->OpenMetricsName(), "cpu_seconds");
}

TEST(FamilyTest, CallsACounterWithoutTotalUnknownInOpenMetrics) {
  const MetricFamily family = Family(MetricType::Counter, "jobs", {Sample({}, 1)});
  EXPECT_EQ(Body(family), "jobs 1\n");
  EXPECT_THAT(TextHead(family), HasSubstr("# TYPE jobs counter\n"));
  EXPECT_THAT(OpenMetricsHead(family), HasSubstr("# TYPE jobs unknown\n"));
}

TEST(FamilyTest, CallsUntypedUnknownInOpenMetrics) {
  const MetricFamily family = Family(MetricType::Untyped, "x", {Sample({}, 1)});
  EXPECT_THAT(TextHead(family), HasSubstr("# TYPE x untyped\n"));
  EXPECT_THAT(OpenMetricsHead(family), HasSubstr("# TYPE x unknown\n"));
}

TEST(FamilyTest, GivesAUnitOnlyWhereTheNameEndsInOne) {
  struct Case {
    MetricType type;
    std::string name;
    std::string unit;
  };
  for (const Case& c : {
           Case{MetricType::Gauge, "wait_seconds", "seconds"},
           Case{MetricType::Gauge, "memory_bytes", "bytes"},
           Case{MetricType::Gauge, "share_ratio", "ratio"},
           Case{MetricType::Counter, "energy_joules_total", "joules"},
           Case{MetricType::Gauge, "energy_joules_total",
                ""},  // a gauge keeps its _total, so does not end in it
           Case{MetricType::Gauge, "seconds", ""},
           Case{MetricType::Gauge, "milliseconds", ""},
           Case{MetricType::Gauge, "seconds_left", ""},
           Case{MetricType::Gauge, "node_info", ""},
       }) {
    const std::string head = OpenMetricsHead(Family(c.type, c.name, {Sample({}, 1)}));
    if (c.unit.empty()) {
      EXPECT_THAT(head, Not(HasSubstr("# UNIT"))) << c.name;
    } else {
      EXPECT_THAT(head, HasSubstr(" " + c.unit + "\n# HELP")) << c.name;
    }
  }
}

TEST(FamilyTest, EscapesHelpByTheFormat) {
  const MetricFamily family = Family(MetricType::Gauge, "x", {Sample({}, 1)}, "a \"b\" \\ c\nd \xFF");
  EXPECT_THAT(TextHead(family), HasSubstr("# HELP x a \"b\" \\\\ c\\nd \xEF\xBF\xBD\n"));
  EXPECT_THAT(OpenMetricsHead(family), HasSubstr("# HELP x a \\\"b\\\" \\\\ c\\nd \xEF\xBF\xBD\n"));
}

TEST(FamilyTest, LeavesAnEmptyHelpOut) {
  const MetricFamily family = Family(MetricType::Gauge, "x", {Sample({}, 1)}, "");
  EXPECT_EQ(TextHead(family), "# TYPE x gauge\n");
  EXPECT_EQ(OpenMetricsHead(family), "# TYPE x gauge\n");
}

TEST(FamilyTest, EscapesLabelValues) {
  EXPECT_EQ(Body(Family(MetricType::Gauge, "x", {Sample({{"user", "a\"b\\c\nd\xFC"}}, 1)})),
            "x{user=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n");
}

TEST(FamilyTest, RendersAHistogramWithCanonicalBounds) {
  const MetricFamily family =
      Family(MetricType::Histogram, "wait_seconds",
             {HistogramSample({{"partition", "b"}},
                              {{1, 1.0}, {2, 10.0}, {2, 3600.0}, {4, 2592000.0}, {5, kInfinity}}, 5, 7.5),
              HistogramSample({{"partition", "a"}}, {{0, 1.0}, {0, kInfinity}}, 0, 0)});
  EXPECT_EQ(Body(family),
            "wait_seconds_bucket{partition=\"a\",le=\"1.0\"} 0\n"
            "wait_seconds_bucket{partition=\"a\",le=\"+Inf\"} 0\n"
            "wait_seconds_sum{partition=\"a\"} 0\n"
            "wait_seconds_count{partition=\"a\"} 0\n"
            "wait_seconds_bucket{partition=\"b\",le=\"1.0\"} 1\n"
            "wait_seconds_bucket{partition=\"b\",le=\"10.0\"} 2\n"
            "wait_seconds_bucket{partition=\"b\",le=\"3600.0\"} 2\n"
            "wait_seconds_bucket{partition=\"b\",le=\"2.592e+06\"} 4\n"
            "wait_seconds_bucket{partition=\"b\",le=\"+Inf\"} 5\n"
            "wait_seconds_sum{partition=\"b\"} 7.5\n"
            "wait_seconds_count{partition=\"b\"} 5\n");
  EXPECT_EQ(Renderer().Render(family).series, 11u);
}

TEST(FamilyTest, RendersAHistogramWithoutLabels) {
  EXPECT_EQ(Body(Family(MetricType::Histogram, "h", {HistogramSample({}, {{1, 0.5}}, 3, 9)})),
            "h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 9\nh_count 3\n");
}

TEST(FamilyTest, GivesTheInfiniteBucketToAHistogramWithoutBuckets) {
  EXPECT_EQ(Body(Family(MetricType::Histogram, "h", {HistogramSample({}, {}, 2, 9)})),
            "h_bucket{le=\"+Inf\"} 2\nh_sum 9\nh_count 2\n");
}

TEST(FamilyTest, LeavesOutHistogramsNoParserTakes) {
  for (const prometheus::ClientMetric& bad : {
           HistogramSample({}, {{1, 1.0}, {1, 1.0}}, 1, 1),              // bound twice
           HistogramSample({}, {{1, 2.0}, {1, 1.0}}, 1, 1),              // bounds descending
           HistogramSample({}, {{2, 1.0}, {1, 2.0}}, 2, 1),              // counts falling
           HistogramSample({}, {{3, 1.0}}, 2, 1),                        // more in a bucket than in all
           HistogramSample({}, {{1, 1.0}, {2, kInfinity}}, 3, 1),        // +Inf is not the count
           HistogramSample({}, {{1, kInfinity}, {1, kInfinity}}, 1, 1),  //
           HistogramSample({}, {{1, kNan}}, 1, 1),
           HistogramSample({}, {{1, -0.5}}, 1, 1),
           HistogramSample({}, {{1, 1.0}}, 1, kNan),
           HistogramSample({}, {{1, 1.0}}, 1, -1),
           HistogramSample({{"le", "1"}}, {{1, 1.0}}, 1, 1),
       }) {
    const RenderResult result = Renderer().Render(Family(MetricType::Histogram, "h", {bad}));
    EXPECT_EQ(result.family, nullptr);
    EXPECT_EQ(result.invalid, 1u);
    EXPECT_EQ(result.series, 0u);
  }
}

TEST(FamilyTest, LeavesOutCountersThatAreNotCounters) {
  const RenderResult result =
      Renderer().Render(Family(MetricType::Counter, "x_total",
                               {Sample({{"a", "1"}}, kNan), Sample({{"a", "2"}}, -1),
                                Sample({{"a", "3"}}, -0.0), Sample({{"a", "4"}}, 5)}));
  EXPECT_EQ(result.invalid, 2u);
  EXPECT_EQ(result.series, 2u);
  EXPECT_EQ(result.family->body.plain, "x_total{a=\"3\"} 0\nx_total{a=\"4\"} 5\n");
}

TEST(FamilyTest, KeepsGaugesThatAreNotNumbers) {
  EXPECT_EQ(
      Body(Family(MetricType::Gauge, "x", {Sample({{"a", "1"}}, kNan), Sample({{"a", "2"}}, -kInfinity)})),
      "x{a=\"1\"} NaN\nx{a=\"2\"} -Inf\n");
}

TEST(FamilyTest, LeavesOutSamplesWithBadLabelNames) {
  for (const Labels& bad : {
           Labels{{"", "v"}},
           Labels{{"1a", "v"}},
           Labels{{"a-b", "v"}},
           Labels{{"a:b", "v"}},
           Labels{{"\xC3\xBC", "v"}},
           Labels{{"__name__", "v"}},
           Labels{{"a", "v"}, {"b", "v"}, {"a", "w"}},
       }) {
    const RenderResult result = Renderer().Render(
        Family(MetricType::Gauge, "x", {Sample(bad, 1), Sample({{"_ok1", "v"}}, 2), Sample(bad, 3)}));
    EXPECT_EQ(result.invalid, 2u) << bad[0].name;
    EXPECT_EQ(result.family->body.plain, "x{_ok1=\"v\"} 2\n");
  }
}

TEST(FamilyTest, LeavesOutFamiliesWithBadNames) {
  for (const char* name : {"", "1a", "a-b", "a b", "a\n", "\xC3\xBC"}) {
    const RenderResult result =
        Renderer().Render(Family(MetricType::Gauge, name, {Sample({}, 1), Sample({}, 2)}));
    EXPECT_EQ(result.family, nullptr) << name;
    EXPECT_EQ(result.invalid, 2u);
  }
  EXPECT_NE(Rendered(Family(MetricType::Gauge, "_a:b1", {Sample({}, 1)})), nullptr);
}

TEST(FamilyTest, LeavesOutSummaries) {
  EXPECT_EQ(Renderer().Render(Family(MetricType::Summary, "x", {Sample({}, 1)})).invalid, 1u);
}

TEST(FamilyTest, IsNothingWithoutSamples) {
  const RenderResult result = Renderer().Render(Family(MetricType::Gauge, "x", {}));
  EXPECT_EQ(result.family, nullptr);
  EXPECT_EQ(result.invalid, 0u);
}

TEST(FamilyTest, IgnoresTimestamps) {
  prometheus::ClientMetric metric = Sample({}, 1);
  metric.timestamp_ms = 1700000000000;
  EXPECT_EQ(Body(Family(MetricType::Gauge, "x", {metric})), "x 1\n");
}

TEST(FamilyTest, KeepsTheFirstOfEqualSamples) {
  const RenderResult result =
      Renderer().Render(Family(MetricType::Gauge, "x",
                               {Sample({{"a", "2"}}, 1), Sample({{"a", "1"}}, 2), Sample({{"a", "2"}}, 3),
                                Sample({{"a", "1"}}, 4), Sample({{"a", "1"}}, 5)}));
  EXPECT_EQ(result.family->body.plain, "x{a=\"1\"} 2\nx{a=\"2\"} 1\n");
  EXPECT_EQ(result.duplicates, 3u);
  EXPECT_EQ(result.series, 2u);
}

TEST(FamilyTest, KnowsEqualSamplesWhenTheyStandNextToEachOther) {
  const RenderResult result =
      Renderer().Render(Family(MetricType::Gauge, "x", {Sample({{"a", "1"}}, 1), Sample({{"a", "1"}}, 2)}));
  EXPECT_EQ(result.family->body.plain, "x{a=\"1\"} 1\n");
  EXPECT_EQ(result.duplicates, 1u);
}

TEST(FamilyTest, KnowsEqualSamplesAfterRepair) {
  const RenderResult result = Renderer().Render(
      Family(MetricType::Gauge, "x", {Sample({{"a", "\xFE"}}, 1), Sample({{"a", "\xFF"}}, 2)}));
  EXPECT_EQ(result.duplicates, 1u);
}

TEST(FamilyTest, KnowsEqualSamplesInAnotherLabelOrder) {
  const RenderResult result =
      Renderer().Render(Family(MetricType::Gauge, "x",
                               {Sample({{"b", "1"}, {"a", "1"}}, 1), Sample({{"a", "1"}, {"b", "1"}}, 2),
                                Sample({{"c", "1"}, {"a", "1"}}, 3)}));
  EXPECT_EQ(result.family->body.plain, "x{a=\"1\",c=\"1\"} 3\nx{b=\"1\",a=\"1\"} 1\n");
  EXPECT_EQ(result.duplicates, 1u);
}

TEST(FamilyTest, GivesTheSameBytesForTheSameSamplesInAnyOrder) {
  std::vector<prometheus::ClientMetric> metrics;
  for (int i = 0; i < 5; ++i) {
    for (const char* user : {"alice", "bob", "", "a\"b", "z\xC3\xBC"}) {
      metrics.push_back(Sample({{"account", std::to_string(i)}, {"user", user}}, i));
    }
  }
  const auto by_label = [](const auto& a, const auto& b) { return a.label < b.label; };
  std::sort(metrics.begin(), metrics.end(), by_label);
  const std::string expected = Body(Family(MetricType::Gauge, "x", metrics));
  std::reverse(metrics.begin(), metrics.end());
  EXPECT_EQ(Body(Family(MetricType::Gauge, "x", metrics)), expected);
  for (int i = 0; i < 20; ++i) {
    std::next_permutation(metrics.begin(), metrics.end(), by_label);
    std::rotate(metrics.begin(), metrics.begin() + 7, metrics.end());
    EXPECT_EQ(Body(Family(MetricType::Gauge, "x", metrics)), expected);
  }
}

TEST(FamilyTest, KeepsNoMoreMemoryThanBytes) {
  std::vector<prometheus::ClientMetric> metrics = ManySamples(10000);
  metrics[0].label[0].value.assign(500, 'u');  // no good guess at the others
  const auto family = Rendered(Family(MetricType::Gauge, "x", metrics));
  EXPECT_LE(family->body.plain.capacity(), family->body.plain.size() * 11 / 10);
  EXPECT_LE(family->body.deflated.capacity(), family->body.deflated.size() * 11 / 10);
}

}  // namespace
}  // namespace exporter
