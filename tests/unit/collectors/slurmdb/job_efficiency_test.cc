#include "collectors/slurmdb/job_efficiency.h"

#include <gtest/gtest.h>

#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::int64_t kEpoch = 1'700'000'000;
constexpr EfficiencyRules kRules{MemoryFormula::kTotal, 1001, 1002, 1003};

HistogramBounds Bounds() {
  HistogramBounds bounds;
  for (const auto what : {Observed::kCpuEfficiency, Observed::kMemoryEfficiency, Observed::kGpuUtilization})
    bounds[static_cast<std::size_t>(what)] = {kRatioParts / 2, kRatioParts};
  bounds[static_cast<std::size_t>(Observed::kGpuMemory)] = {1000, 2000};
  return bounds;
}

EfficiencyRules By(MemoryFormula formula) {
  EfficiencyRules rules = kRules;
  rules.memory = formula;
  return rules;
}

// Ended: 100 s of 4 CPUs and 1000 MiB, of which it had asked for 500 MiB on each of 2 nodes.
JobRow Ran() {
  JobRow row;
  row.key = {1, kEpoch};
  row.state = 3;
  row.time_start = kEpoch + 10;
  row.time_end = kEpoch + 110;
  row.tres_alloc = "1=4,2=1000,4=2,1001=2";
  row.mem_req = 250;
  row.nodes_alloc = 2;
  return row;
}

StepRow Finished(std::uint64_t seconds) {
  StepRow step;
  step.state = 3;
  step.user_sec = seconds;
  step.tasks = 1;
  step.usage_total = "1=0";
  return step;
}

JobEfficiency Efficiency(const JobRow& row, const EfficiencyRules& rules = kRules) {
  JobEfficiency efficiency;
  efficiency.Count(row, JobStateOf(row.state), rules, Bounds());
  return efficiency;
}

// The one value that was observed, in kRatioParts; -1 for none.
std::int64_t Observation(const JobEfficiency& efficiency, Observed what) {
  const JobHistograms::Histogram& histogram = efficiency.histograms.of(what);
  return histogram.counts.empty() ? -1 : static_cast<std::int64_t>(histogram.sum);
}

TEST(JobEfficiencyTest, CpuIsThatOfAllFinishedSteps) {
  JobRow row = Ran();
  StepRow batch = Finished(60);
  batch.user_usec = 400'000;
  batch.sys_sec = 3;
  batch.sys_usec = 700'000;
  AddStep(batch, kRules, row.steps);
  AddStep(Finished(40), kRules, row.steps);
  StepRow running = Finished(1000);
  running.state = 1;
  running.usage_total = "";
  AddStep(running, kRules, row.steps);
  EXPECT_TRUE(row.steps.open);
  const JobEfficiency efficiency = Efficiency(row);
  EXPECT_TRUE(efficiency.cpu_used == 104'100'000U);
  EXPECT_TRUE(efficiency.cpu_idle == 400'000'000U - 104'100'000U);
  EXPECT_EQ(Observation(efficiency, Observed::kCpuEfficiency), 260'250);
}

TEST(JobEfficiencyTest, SuspensionsAreNoTimeToUse) {
  JobRow row = Ran();
  row.time_suspended = 50;
  AddStep(Finished(100), kRules, row.steps);
  EXPECT_EQ(Observation(Efficiency(row), Observed::kCpuEfficiency), kRatioParts / 2);
}

TEST(JobEfficiencyTest, WhoUsesMoreThanAllIdlesNothing) {
  JobRow row = Ran();
  AddStep(Finished(500), kRules, row.steps);
  const JobEfficiency efficiency = Efficiency(row);
  EXPECT_TRUE(efficiency.cpu_idle == 0U);
  EXPECT_EQ(Observation(efficiency, Observed::kCpuEfficiency), 1'250'000);
  EXPECT_EQ(efficiency.histograms.of(Observed::kCpuEfficiency).counts.back(), 1U);
}

// As seff of three generations: a step of 3 tasks with the highest peak, and one whose tasks use more
// together.
TEST(JobEfficiencyTest, MemoryHasThreeFormulas) {
  const auto memory = [](MemoryFormula formula) {
    JobRow row = Ran();
    StepRow wide = Finished(1);
    wide.tasks = 8;
    wide.usage_max = "2=52428800";  // 50 MiB
    wide.usage_total = "2=419430400";
    StepRow tall = Finished(1);
    tall.tasks = 3;
    tall.usage_max = "2=104857600";
    tall.usage_total = "2=209715200";  // two of its tasks use half as much
    AddStep(wide, By(formula), row.steps);
    AddStep(tall, By(formula), row.steps);
    return Efficiency(row, By(formula));
  };
  EXPECT_EQ(Observation(memory(MemoryFormula::kRequested), Observed::kMemoryEfficiency), 600'000);
  EXPECT_EQ(Observation(memory(MemoryFormula::kAllocated), Observed::kMemoryEfficiency), 300'000);
  EXPECT_EQ(Observation(memory(MemoryFormula::kTotal), Observed::kMemoryEfficiency), 400'000);
  EXPECT_TRUE(memory(MemoryFormula::kTotal).memory_used == Uint128{400} * kMebibyte * 100);
  EXPECT_TRUE(memory(MemoryFormula::kTotal).memory_idle == Uint128{600} * kMebibyte * 100);
}

TEST(JobEfficiencyTest, MemoryIsAskedForByNodeOrByCpu) {
  JobRow row = Ran();
  row.mem_req = 100 | std::uint64_t{1} << 63;
  row.steps.any = true;
  row.steps.bytes = 100 * kMebibyte;
  const EfficiencyRules rules = By(MemoryFormula::kRequested);
  EXPECT_EQ(Observation(Efficiency(row, rules), Observed::kMemoryEfficiency), 250'000);
  row.mem_req = 0;  // --mem=0: all there is
  EXPECT_EQ(Observation(Efficiency(row, rules), Observed::kMemoryEfficiency), -1);
}

TEST(JobEfficiencyTest, MemoryThatWasNeverSampledIsNotNone) {
  JobRow row = Ran();
  StepRow step = Finished(1);
  step.usage_total = "1=1000,2=0";
  AddStep(step, kRules, row.steps);
  const JobEfficiency efficiency = Efficiency(row);
  EXPECT_EQ(Observation(efficiency, Observed::kMemoryEfficiency), -1);
  EXPECT_TRUE(efficiency.memory_idle == 0U);
  EXPECT_NE(Observation(efficiency, Observed::kCpuEfficiency), -1);
}

TEST(JobEfficiencyTest, GpusAreMeasuredWhereSlurmGathersThem) {
  JobRow row = Ran();
  StepRow step = Finished(1);
  step.usage_total = "1=1000,1002=150,1003=3000";
  AddStep(step, kRules, row.steps);
  EXPECT_EQ(Observation(Efficiency(row), Observed::kGpuUtilization), 750'000);
  EXPECT_EQ(Observation(Efficiency(row), Observed::kGpuMemory), 1500);
  row.tres_alloc = "1=4,2=1000";
  EXPECT_EQ(Observation(Efficiency(row), Observed::kGpuUtilization), -1);
  EXPECT_EQ(Observation(Efficiency(row, {MemoryFormula::kTotal}), Observed::kGpuMemory), -1);
}

TEST(JobEfficiencyTest, WhatCannotBeMeasuredSaysWhy) {
  const auto why = [](const JobRow& row) {
    const JobEfficiency efficiency = Efficiency(row);
    EXPECT_EQ(Observation(efficiency, Observed::kCpuEfficiency), -1);
    EXPECT_TRUE(efficiency.cpu_used == 0U && efficiency.cpu_idle == 0U);
    std::string reasons;
    for (std::size_t i = 0; i < kUnmeasured; ++i) {
      if (efficiency.unmeasured[i] != 0) reasons += UnmeasuredName(static_cast<Unmeasured>(i));
    }
    return reasons;
  };
  JobRow row = Ran();
  EXPECT_EQ(why(row), "no_steps");
  StepRow nothing = Finished(0);
  nothing.usage_total = "";  // jobacct_gather/none
  AddStep(nothing, kRules, row.steps);
  EXPECT_EQ(why(row), "no_steps");
  AddStep(Finished(7), kRules, row.steps);
  EXPECT_TRUE(Efficiency(row).unmeasured == JobEfficiency{}.unmeasured);
  row.state = 8192;
  EXPECT_EQ(why(row), "resized");
  row.state = 3;
  row.time_start = row.key.time_submit - 1;
  EXPECT_EQ(why(row), "resized");
  row.time_start = row.time_end;
  EXPECT_EQ(why(row), "no_time");
  row = Ran();
  AddStep(Finished(7), kRules, row.steps);
  for (const char* tres : {"2=1000", "1=0,2=1000", "1=18446744073709551612"}) {
    row.tres_alloc = tres;
    EXPECT_EQ(why(row), "no_cpus") << tres;
  }
}

TEST(JobEfficiencyTest, GarbageStaysWithinBounds) {
  JobRow row = Ran();
  StepRow step = Finished(~std::uint64_t{0});
  step.tasks = ~std::uint32_t{0};
  step.usage_max = "2=18446744073709551612";
  row.mem_req = 1;
  AddStep(step, By(MemoryFormula::kRequested), row.steps);
  const JobEfficiency efficiency = Efficiency(row, By(MemoryFormula::kRequested));
  EXPECT_EQ(Observation(efficiency, Observed::kCpuEfficiency), std::int64_t{1} << 50);
  EXPECT_EQ(Observation(efficiency, Observed::kMemoryEfficiency), std::int64_t{1} << 50);
}

LedgerOptions SinceTheEpoch() {
  LedgerOptions options;
  options.rule = Rule::kEfficiency;
  options.epoch = kEpoch;
  return options;
}

// A job that ended 200 s after the epoch, while one of its steps goes on.
FakeJob& AddWithOpenStep(FakeJobTable& table) {
  const std::uint64_t e = kEpoch;
  FakeJob& job = table.Add({0, 1, e, e + 100, e + 200, 6});
  job.steps.any = true;
  job.steps.open = true;
  job.steps.cpu_microseconds = 5'000'000;
  return job;
}

TEST(JobEfficiencyTest, AnOpenStepIsWaitedForAWhile) {
  FakeJobTable table;
  FakeJob& job = AddWithOpenStep(table);
  JobLedger ledger(SinceTheEpoch());
  const auto used = [&](std::int64_t as_of) {
    const Moment moment{as_of + 60, as_of, true};
    if (ledger.NeedsRecount(moment)) ledger.Recount(table, moment);
    ledger.Update(table, moment);
    return static_cast<std::uint64_t>(EfficiencyOf(ledger)[1].cpu_used);
  };
  EXPECT_EQ(used(kEpoch + 200), 0U);
  EXPECT_EQ(used(kEpoch + 499), 0U);
  EXPECT_EQ(used(kEpoch + 500), 5'000'000U);
  // Its record comes after all: it is read again for as long as the job's row is.
  job.steps.open = false;
  job.steps.cpu_microseconds = 7'000'000;
  EXPECT_EQ(used(kEpoch + 700), 7'000'000U);
}

// The next period does not know the row.
TEST(JobEfficiencyTest, NoStepIsWaitedForWhenThePeriodIsOver) {
  LedgerOptions options = SinceTheEpoch();
  options.until = kEpoch + 300;
  FakeJobTable table;
  AddWithOpenStep(table);
  for (const std::int64_t as_of : {kEpoch + 299, kEpoch + 300, kEpoch + 350}) {
    JobLedger ledger(options);
    ledger.Recount(table, {as_of, as_of, false});
    ledger.Update(table, {as_of, as_of, false});
    const std::uint64_t used =
        ledger.groups().empty() ? 0 : static_cast<std::uint64_t>(EfficiencyOf(ledger)[1].cpu_used);
    EXPECT_EQ(used, as_of < options.until ? 0U : 5'000'000U) << as_of;
  }
}

}  // namespace
}  // namespace slurmdb
