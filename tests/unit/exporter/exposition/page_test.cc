#include "exporter/exposition/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/exporter/exposition/families.h"
#include "tests/unit/exporter/exposition/gunzip.h"

namespace exporter {
namespace {

using prometheus::MetricType;

FamilyList SomeFamilies() {
  FamilyList families = {
      Rendered(Family(MetricType::Gauge, "b", {Sample({{"x", "1"}}, 1), Sample({{"x", "2"}}, 2)})),
      Rendered(Family(MetricType::Counter, "a_seconds_total", {Sample({}, 7)})),
      Rendered(Family(MetricType::Histogram, "h", {HistogramSample({}, {{1, 1.0}}, 2, 3)})),
  };
  families.push_back(Rendered(Family(MetricType::Gauge, "large", ManySamples(20000))));
  return families;
}

TEST(PageTest, PutsFamiliesInNameOrder) {
  FamilyList families = SomeFamilies();
  families.pop_back();
  EXPECT_EQ(Page(families, Format::kText).ToString(),
            "# HELP a_seconds_total Help.\n# TYPE a_seconds_total counter\na_seconds_total 7\n"
            "# HELP b Help.\n# TYPE b gauge\nb{x=\"1\"} 1\nb{x=\"2\"} 2\n"
            "# HELP h Help.\n# TYPE h histogram\n"
            "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n");
  EXPECT_EQ(Page(families, Format::kOpenMetrics).ToString(),
            "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Help.\na_seconds_total 7\n"
            "# TYPE b gauge\n# HELP b Help.\nb{x=\"1\"} 1\nb{x=\"2\"} 2\n"
            "# TYPE h histogram\n# HELP h Help.\n"
            "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
            "# EOF\n");
}

TEST(PageTest, EndsAnEmptyPageAsTheFormatWants) {
  EXPECT_EQ(Page({}, Format::kText).ToString(), "");
  EXPECT_EQ(Page({}, Format::kOpenMetrics).ToString(), "# EOF\n");
}

TEST(PageTest, SkipsNulls) { EXPECT_EQ(Page({nullptr}, Format::kText).ToString(), ""); }

TEST(PageTest, GzipInflatesToThePlainPageForAnySubset) {
  const FamilyList all = SomeFamilies();
  for (unsigned subset = 0; subset < (1u << all.size()); ++subset) {
    FamilyList families;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if ((subset >> i) & 1u) families.push_back(all[i]);
    }
    for (const Format format : {Format::kText, Format::kOpenMetrics}) {
      const Page page(families, format);
      EXPECT_EQ(Gunzip(page.ToString(Coding::kGzip)), page.ToString()) << "subset " << subset;
    }
  }
}

TEST(PageTest, GzipInflatesToThePlainPageAtAnyLevel) {
  for (int level = 1; level <= 9; ++level) {
    Renderer renderer(level);
    FamilyList families;
    for (const char* name : {"a", "b"}) {
      families.push_back(renderer.Render(Family(MetricType::Gauge, name, {Sample({{"x", "1"}}, 1)})).family);
    }
    const Page page(families, Format::kOpenMetrics);
    EXPECT_EQ(Gunzip(page.ToString(Coding::kGzip)), page.ToString());
  }
}

TEST(PageTest, KnowsItsSizeBeforehand) {
  for (const FamilyList& families : {FamilyList{}, SomeFamilies()}) {
    for (const Format format : {Format::kText, Format::kOpenMetrics}) {
      for (const Coding coding : {Coding::kIdentity, Coding::kGzip}) {
        const Page page(families, format);
        EXPECT_EQ(page.Size(coding), page.ToString(coding).size());
      }
    }
  }
}

TEST(PageTest, KeepsTheFirstOfTwoFamiliesOfOneName) {
  const Page page({Rendered(Family(MetricType::Gauge, "x", {Sample({}, 1)})),
                   Rendered(Family(MetricType::Gauge, "x", {Sample({}, 2)}))},
                  Format::kText);
  EXPECT_EQ(page.ToString(), "# HELP x Help.\n# TYPE x gauge\nx 1\n");
}

TEST(PageTest, KeepsTheFirstOfTwoFamiliesOfOneOpenMetricsName) {
  const auto counter = Rendered(Family(MetricType::Counter, "x_total", {Sample({}, 1)}));
  const auto gauge = Rendered(Family(MetricType::Gauge, "x", {Sample({}, 2)}));
  EXPECT_THAT(Page({counter, gauge}, Format::kOpenMetrics).ToString(),
              testing::EndsWith("x_total 1\n# EOF\n"));
  EXPECT_THAT(Page({gauge, counter}, Format::kOpenMetrics).ToString(), testing::EndsWith("x 2\n# EOF\n"));
}

TEST(PageTest, StopsWhenTheSinkSaysSo) {
  const Page page(SomeFamilies(), Format::kText);
  for (const Coding coding : {Coding::kIdentity, Coding::kGzip}) {
    int calls = 0;
    EXPECT_FALSE(page.Write(coding, [&calls](std::string_view) { return ++calls < 3; }));
    EXPECT_EQ(calls, 3);
  }
}

}  // namespace
}  // namespace exporter
