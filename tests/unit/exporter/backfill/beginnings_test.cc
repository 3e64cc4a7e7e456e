#include "exporter/backfill/beginnings.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "../exposition/families.h"

namespace exporter {
namespace {

using prometheus::MetricType;
using Zeros = std::vector<std::pair<std::int64_t, std::string>>;

constexpr std::int64_t kJanuary = 1'000'000;
constexpr std::int64_t kFebruary = 2'000'000;

// What begins at a moment at which these series are there, each with its value.
Zeros At(Beginnings& beginnings, std::int64_t time, std::int64_t epoch,
         const std::vector<std::pair<std::string, double>>& values, bool follows = true,
         MetricType type = MetricType::Counter) {
  prometheus::MetricFamily family{"a_total", "Help.", type, {}};
  for (const auto& [name, value] : values) {
    prometheus::ClientMetric metric = Sample({{"x", name}}, value);
    metric.gauge.value = value;
    family.metric.push_back(metric);
  }
  beginnings.MoveTo(time, epoch, follows);
  Zeros zeros;
  beginnings.Note(FamilySamples(family), [&](std::int64_t zero, const FamilySamples::Series& series) {
    zeros.emplace_back(zero, FamilySamples::KeyOf(series));
  });
  return zeros;
}

TEST(Beginnings, OfTheRangeNothingIsKnownUnlessThePeriodBegins) {
  Beginnings in_mid_month(kJanuary + 500);
  EXPECT_EQ(At(in_mid_month, kJanuary + 500, kJanuary, {{"x", 5}}, false), Zeros{});
  Beginnings at_its_start(kJanuary);
  EXPECT_EQ(At(at_its_start, kJanuary + 500, kJanuary, {{"x", 5}, {"y", 0}}, false),
            (Zeros{{kJanuary + 1, "a_total{x=\"x\"}"}}));
}

TEST(Beginnings, WhatIsNewStoodAtZeroTheMomentBefore) {
  Beginnings beginnings(kJanuary + 500);
  At(beginnings, kJanuary + 500, kJanuary, {{"x", 5}}, false);
  EXPECT_EQ(At(beginnings, kJanuary + 600, kJanuary, {{"x", 6}, {"y", 1}}),
            (Zeros{{kJanuary + 500, "a_total{x=\"y\"}"}}));
  EXPECT_EQ(At(beginnings, kJanuary + 700, kJanuary, {{"x", 7}, {"y", 1}}), Zeros{});
}

TEST(Beginnings, APeriodBeginsWithZeros) {
  Beginnings beginnings(kJanuary);
  At(beginnings, kFebruary, kJanuary, {{"x", 5}, {"y", 1}}, false);
  EXPECT_EQ(At(beginnings, kFebruary + 100, kFebruary, {{"x", 6}}),
            (Zeros{{kFebruary + 1, "a_total{x=\"x\"}"}}));
  EXPECT_EQ(At(beginnings, kFebruary + 200, kFebruary, {{"x", 6}, {"y", 1}}),
            (Zeros{{kFebruary + 100, "a_total{x=\"y\"}"}}));
}

TEST(Beginnings, WhatWasPassedOverIsNotKnown) {
  Beginnings beginnings(kJanuary);
  At(beginnings, kJanuary + 500, kJanuary, {{"x", 5}}, false);
  EXPECT_EQ(At(beginnings, kJanuary + 900, kJanuary, {{"x", 5}, {"y", 1}}, false), Zeros{});
  EXPECT_EQ(At(beginnings, kJanuary + 950, kJanuary, {{"y", 2}, {"z", 1}}),
            (Zeros{{kJanuary + 900, "a_total{x=\"z\"}"}}));
}

TEST(Beginnings, GaugesHaveNone) {
  Beginnings beginnings(kJanuary);
  At(beginnings, kJanuary + 500, kJanuary, {}, false, MetricType::Gauge);
  EXPECT_EQ(At(beginnings, kJanuary + 600, kJanuary, {{"x", 5}}, true, MetricType::Gauge), Zeros{});
}

}  // namespace
}  // namespace exporter
