// Each collector's page for one small made-up site, to the last series; and for sites at the edges.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "collectors/audit.h"
#include "collectors/consumption.h"
#include "collectors/cost.h"
#include "collectors/efficiency.h"
#include "collectors/jobs.h"
#include "collectors/outcomes.h"
#include "collectors/quota.h"
#include "collectors/registry.h"
#include "collectors/users.h"
#include "slurmdb/fake_job_table.h"

namespace collectors {
namespace {

using slurmdb::FakeJob;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kEpoch = 1'700'000'000;

class Site {
 public:
  Site() {
    tres_.Add(1, "cpu", "");
    tres_.Add(2, "mem", "");
    tres_.Add(3, "energy", "");
    tres_.Add(1001, "gres", "gpu");
    qos_ = {{1, "normal"}};
    associations_ = slurmdb::AssociationTree({{10, "physics", "", "", "root", 0, false},
                                              {11, "physics", "alice", "", "", 0, false},
                                              {12, "physics", "bob", "", "", 0, false}});
  }

  // What one collector makes, as of kEpoch + 1000.
  collectors::Families Families(CollectFunction collect, const CollectorOptions& options = {}) {
    const slurmdb::Moment moment{kEpoch + 1000, kEpoch + 1000, true};
    slurmdb::LedgerOptions ledger_options;
    ledger_options.epoch = kEpoch;
    ledger_options.histograms = {{{100, 1000}, {99, 100}, {slurmdb::kRatioParts / 2}}};
    slurmdb::JobLedger ledger(ledger_options);
    ledger.Recount(table, moment);
    ledger.Update(table, moment);
    slurmdb::AccountingView view;
    view.tres = &tres_;
    view.qos = &qos_;
    view.accounts = &accounts_;
    view.coordinators = &coordinators_;
    slurmdb::UsageSummary usage(slurmdb::Calendar("UTC"));
    usage.Update(rollups, nullptr);
    slurmdb::LedgerOptions enforced_options = ledger_options;
    enforced_options.rule = slurmdb::Rule::kEnforced;
    enforced_options.weights = std::make_shared<const slurmdb::EnforcedWeights>();
    slurmdb::JobLedger enforced(enforced_options);
    enforced.Recount(table, moment);
    enforced.Update(table, moment);
    slurmdb::QuotaBook quota(policy);
    quota.Update(moment, slurmdb::HasBudgets(limits, qos_rows) ? &enforced : nullptr, associations_, qos_rows,
                 earlier);
    view.qos_rows = &qos_rows;
    const slurmdb::ClusterStatus status(slurmdb::Calendar("UTC"));
    const slurmdb::EventBook events(slurmdb::Calendar("UTC"), ledger_options);
    const slurmdb::ReservationBook reservations(ledger_options);
    const slurmdb::Storage storage;
    view.clusters = {{"alpha", &associations_, &ledger, &usage, &wckeys_, &limits, &cluster_tres, &quota,
                      &status, &events, &reservations, &storage}};
    view.clusters[0].audit = past ? nullptr : &audit_;
    if (!past) view.clock_skew = 0;
    slurmdb::TransactionBook transactions(ledger_options);
    transactions.Count({"alpha", 1406, "root"});
    if (past) view.transactions = &transactions;
    slurmdb::LedgerOptions efficiency_options = ledger_options;
    efficiency_options.rule = slurmdb::Rule::kEfficiency;
    for (const auto what : {slurmdb::Observed::kCpuEfficiency, slurmdb::Observed::kMemoryEfficiency})
      efficiency_options.histograms[static_cast<std::size_t>(what)] = {slurmdb::kRatioParts / 2};
    slurmdb::JobLedger efficiency(efficiency_options);
    efficiency.Recount(table, moment);
    efficiency.Update(table, moment);
    view.clusters[0].efficiency = &efficiency;
    if (options.tariff == nullptr) return collect(view, options);
    slurmdb::LedgerOptions charged_options = ledger_options;
    charged_options.rule = slurmdb::Rule::kCharged;
    charged_options.epoch = options.tariff->EpochAt(moment.as_of);
    charged_options.charges = options.tariff->ChargesOf({"alpha", &associations_, &accounts_, &qos_, &tres_},
                                                        charged_options.epoch);
    slurmdb::JobLedger charged(charged_options);
    charged.Recount(table, moment);
    charged.Update(table, moment);
    view.clusters[0].charged = &charged;
    view.clusters_missing = clusters_missing;
    return collect(view, options);
  }

  // The same, a line a series.
  std::vector<std::string> Page(CollectFunction collect, const CollectorOptions& options = {}) {
    std::vector<std::string> lines;
    for (const prometheus::MetricFamily& family : Families(collect, options)) {
      EXPECT_EQ(family.help.back(), '.') << family.name;
      for (const prometheus::ClientMetric& metric : family.metric) {
        std::string line = family.name + "{";
        for (const auto& label : metric.label)
          line += (line.back() == '{' ? "" : ",") + label.name + "=" + label.value;
        const double value =
            family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
        lines.push_back(line + "} " + std::to_string(static_cast<long long>(value)));  // NOLINT
      }
    }
    return lines;
  }

  // alice: one job ended (100 s of 2 CPUs, 1 MiB), one runs since +900; bob: an array of three waits.
  void AddJobs() {
    const std::uint64_t e = kEpoch;
    table.Add({0, 1, e, e + 100, e + 200, 6, 0, 11, "1=2,2=1,3=7"});
    table.Add({0, 2, e, e + 900, 0, 1, 0, 11, "1=4,1001=1"});
    table.Add({0, 3, e, 0, 0, 0, 0, 12, "1=1", 3});
  }

  slurmdb::FakeJobTable table;
  slurmdb::UsageBook rollups{{slurmdb::Calendar("UTC"), 86400}};
  slurmdb::AssociationLimitMap limits;
  slurmdb::QosMap qos_rows;
  slurmdb::TresCounts cluster_tres;
  slurmdb::QuotaPolicy policy;
  slurmdb::EarlierUsage earlier;
  std::size_t clusters_missing = 0;
  bool past = false;  // with what the audit knows of the past

 private:
  slurmdb::AuditBook audit_{slurmdb::Calendar("UTC"), {}};
  std::vector<slurmdb::AccountRow> accounts_;
  std::vector<slurmdb::CoordinatorRow> coordinators_;
  std::map<std::uint32_t, slurmdb::WckeyRow> wckeys_;
  slurmdb::TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_;
  slurmdb::AssociationTree associations_;
};

TEST(CollectorsTest, Consumption) {
  Site site;
  site.AddJobs();
  EXPECT_THAT(
      site.Page(CollectConsumption),
      ElementsAre(
          "slurmdbd_account_tres_seconds_total{cluster=alpha,account=physics,partition=main,qos=,tres=cpu} "
          "600",
          "slurmdbd_account_tres_seconds_total{cluster=alpha,account=physics,partition=main,qos=,tres=gres/"
          "gpu} 100",
          "slurmdbd_account_tres_seconds_total{cluster=alpha,account=physics,partition=main,qos=,tres=mem} "
          "104857600",
          "slurmdbd_user_tres_seconds_total{cluster=alpha,account=physics,user=alice,tres=cpu} 600",
          "slurmdbd_user_tres_seconds_total{cluster=alpha,account=physics,user=alice,tres=gres/gpu} 100",
          "slurmdbd_user_tres_seconds_total{cluster=alpha,account=physics,user=alice,tres=mem} 104857600",
          "slurmdbd_account_energy_joules_total{cluster=alpha,account=physics} 7"));
}

TEST(CollectorsTest, Jobs) {
  Site site;
  site.AddJobs();
  EXPECT_THAT(
      site.Page(CollectJobs),
      ElementsAre(
          "slurmdbd_jobs{cluster=alpha,partition=main,account=physics,qos=,state=pending} 3",
          "slurmdbd_jobs{cluster=alpha,partition=main,account=physics,qos=,state=running} 1",
          "slurmdbd_jobs{cluster=alpha,partition=main,account=physics,qos=,state=suspended} 0",
          "slurmdbd_jobs_tres{cluster=alpha,partition=main,account=physics,qos=,state=pending,tres=cpu} 3",
          "slurmdbd_jobs_tres{cluster=alpha,partition=main,account=physics,qos=,state=running,tres=cpu} 4",
          "slurmdbd_jobs_tres{cluster=alpha,partition=main,account=physics,qos=,state=running,tres=gres/gpu} "
          "1",
          "slurmdbd_jobs_pending_oldest_eligible_timestamp_seconds{cluster=alpha,partition=main} " +
              std::to_string(kEpoch),
          "slurmdbd_jobs_committed_tres_seconds{cluster=alpha,account=physics,tres=cpu} 14000",
          "slurmdbd_jobs_committed_tres_seconds{cluster=alpha,account=physics,tres=gres/gpu} 3500"));
}

TEST(CollectorsTest, Users) {
  Site site;
  site.AddJobs();
  EXPECT_THAT(
      site.Page(CollectUsers),
      ElementsAre(
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=alice,state=pending} 0",
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=alice,state=running} 1",
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=alice,state=suspended} 0",
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=bob,state=pending} 3",
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=bob,state=running} 0",
          "slurmdbd_user_jobs{cluster=alpha,account=physics,user=bob,state=suspended} 0",
          "slurmdbd_user_jobs_tres{cluster=alpha,account=physics,user=alice,state=running,tres=cpu} 4",
          "slurmdbd_user_jobs_tres{cluster=alpha,account=physics,user=alice,state=running,tres=gres/gpu} 1",
          "slurmdbd_user_jobs_tres{cluster=alpha,account=physics,user=bob,state=pending,tres=cpu} 3"));
}

TEST(CollectorsTest, Outcomes) {
  Site site;
  site.AddJobs();
  const std::vector<std::string> page = site.Page(CollectOutcomes);
  EXPECT_THAT(page,
              Contains("slurmdbd_jobs_started_total{cluster=alpha,partition=main,account=physics,qos=} 2"));
  EXPECT_THAT(
      page,
      Contains(
          "slurmdbd_jobs_ended_total{cluster=alpha,partition=main,account=physics,qos=,state=timeout} 1"));
  EXPECT_THAT(
      page,
      Contains(
          "slurmdbd_jobs_ended_total{cluster=alpha,partition=main,account=physics,qos=,state=failed} 0"));
  EXPECT_THAT(page, testing::Not(Contains(HasSubstr("state=unknown"))));
  EXPECT_THAT(page, Contains("slurmdbd_jobs_ended_tres_seconds_total{cluster=alpha,partition=main,account="
                             "physics,state=timeout,tres=cpu} 200"));
}

TEST(CollectorsTest, HistogramsOfOutcomes) {
  Site site;
  site.AddJobs();
  const auto families = site.Families(CollectOutcomes);
  const auto shown = [&](const std::string& name) {
    for (const prometheus::MetricFamily& family : families) {
      if (family.name != name) continue;
      const auto& histogram = family.metric.at(0).histogram;
      std::vector<double> figures = {histogram.sample_sum};
      for (const auto& bucket : histogram.bucket)
        figures.push_back(static_cast<double>(bucket.cumulative_count));
      return figures;
    }
    return std::vector<double>();
  };
  // Waits of 100 and 900 s; one run of 100 s, of a limit of an hour.
  EXPECT_THAT(shown("slurmdbd_job_wait_seconds"), ElementsAre(1000, 1, 2, 2));
  EXPECT_THAT(shown("slurmdbd_job_run_seconds"), ElementsAre(100, 0, 1, 1));
  EXPECT_THAT(shown("slurmdbd_job_timelimit_used_ratio"),
              ElementsAre(testing::DoubleNear(100.0 / 3600, 1e-6), 1, 1));
}

TEST(CollectorsTest, Efficiency) {
  Site site;
  site.AddJobs();  // one of them ended, after 100 s of 2 CPUs and 1 MiB
  slurmdb::StepUse& used = site.table.jobs.front().steps;
  used.any = true;
  used.cpu_microseconds = 50'000'000;
  used.bytes = 3 << 18;
  const std::uint64_t e = kEpoch;
  site.table.Add({0, 4, e, e + 100, e + 200, 3, 0, 11, "1=2"});
  std::vector<std::string> page = site.Page(CollectEfficiency);
  std::erase_if(page, [](const std::string& line) { return line.find("_ratio{") != std::string::npos; });
  EXPECT_THAT(
      page,
      ElementsAre("slurmdbd_account_cpu_used_seconds_total{cluster=alpha,account=physics} 50",
                  "slurmdbd_account_cpu_idle_seconds_total{cluster=alpha,account=physics} 150",
                  "slurmdbd_account_memory_used_byte_seconds_total{cluster=alpha,account=physics} 78643200",
                  "slurmdbd_account_memory_idle_byte_seconds_total{cluster=alpha,account=physics} 26214400",
                  "slurmdbd_jobs_unmeasured_total{cluster=alpha,account=physics,reason=no_cpus} 0",
                  "slurmdbd_jobs_unmeasured_total{cluster=alpha,account=physics,reason=no_steps} 1",
                  "slurmdbd_jobs_unmeasured_total{cluster=alpha,account=physics,reason=no_time} 0",
                  "slurmdbd_jobs_unmeasured_total{cluster=alpha,account=physics,reason=resized} 0"));
  const auto families = site.Families(CollectEfficiency);
  for (const std::size_t i : {0U, 1U}) {
    const auto& histogram = families.at(i).metric.at(0).histogram;
    EXPECT_EQ(histogram.sample_sum, i == 0 ? 0.25 : 0.75) << families.at(i).name;
    EXPECT_EQ(histogram.bucket.at(0).cumulative_count, i == 0 ? 1U : 0U) << families.at(i).name;
    EXPECT_EQ(histogram.sample_count, 1U) << families.at(i).name;
  }
}

// The site's limits: physics may use 1000 CPU-seconds and 7 MiB-seconds, alice run for 100 s; a job each.
void Limit(Site& site) {
  site.policy.known = true;
  site.policy.half_life = 0;
  site.limits[10].shares = 5;
  site.limits[10].set.tres[slurmdb::kAssociationGrpTresMins] = {{1, 1000}, {2, 7}};
  site.limits[11].set.numbers[slurmdb::kAssociationGrpWall] = 100;
  site.limits[12].set.numbers[slurmdb::LimitIndex(slurmdb::kAssociationLimits, "MaxJobs")] = 1;
}

TEST(CollectorsTest, Quota) {
  Site site;
  site.AddJobs();
  Limit(site);
  CollectorOptions options;
  options.quota_warning_ratio = [](const std::string&, const std::string& account) {
    return account == "physics" ? std::optional(1.0) : std::nullopt;
  };
  EXPECT_THAT(
      site.Page(CollectQuota, options),
      ElementsAre(
          "slurmdbd_quota_limit_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=cpu} 1000",
          "slurmdbd_quota_limit_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=mem} "
          "7340032",
          "slurmdbd_quota_limit_tres_seconds{cluster=alpha,account=physics,user=alice,partition=,tres=wall} "
          "100",
          "slurmdbd_quota_used_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=cpu} 600",
          "slurmdbd_quota_used_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=mem} "
          "104857600",
          "slurmdbd_quota_used_tres_seconds{cluster=alpha,account=physics,user=alice,partition=,tres=wall} "
          "200",
          "slurmdbd_quota_committed_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=cpu} "
          "14000",
          "slurmdbd_quota_committed_tres_seconds{cluster=alpha,account=physics,user=,partition=,tres=mem} 0",
          "slurmdbd_quota_committed_tres_seconds{cluster=alpha,account=physics,user=alice,partition=,tres="
          "wall} 3500",
          "slurmdbd_association_limit{cluster=alpha,account=physics,user=alice,partition=,limit=GrpWall} 100",
          "slurmdbd_association_limit{cluster=alpha,account=physics,user=bob,partition=,limit=MaxJobs} 1",
          "slurmdbd_association_limit_tres{cluster=alpha,account=physics,user=,partition=,limit=GrpTRESMins,"
          "tres=cpu} 1000",
          "slurmdbd_association_limit_tres{cluster=alpha,account=physics,user=,partition=,limit=GrpTRESMins,"
          "tres=mem} 7340032",
          "slurmdbd_association_shares{cluster=alpha,account=physics,user=,partition=} 5",
          "slurmdbd_quota_warning_ratio{cluster=alpha,account=physics} 1",
          "slurmdbd_quota_usage_exact{cluster=alpha} 1"));
}

TEST(CollectorsTest, WhatIsNotKnownOfAQuotaIsAbsent) {
  Site site;
  site.AddJobs();
  Limit(site);
  site.qos_rows[1].name = "normal";
  site.qos_rows[1].set.tres[slurmdb::kQosGrpTresMins] = {{1, 5}};
  site.earlier.any = true;  // roll-ups, and none by QOS
  const std::vector<std::string> page = site.Page(CollectQuota);
  EXPECT_THAT(page,
              Contains(HasSubstr("slurmdbd_quota_used_tres_seconds{cluster=alpha,account=physics,user=,")));
  EXPECT_THAT(page, Contains("slurmdbd_qos_quota_limit_tres_seconds{cluster=alpha,qos=normal,tres=cpu} 5"));
  EXPECT_THAT(page, Contains("slurmdbd_quota_usage_exact{cluster=alpha} 0"));
  EXPECT_THAT(page, testing::Not(Contains(HasSubstr("slurmdbd_qos_quota_used"))));
  EXPECT_THAT(page, testing::Not(Contains(testing::AllOf(HasSubstr("quota_used"), HasSubstr("tres=wall")))));
}

TEST(CollectorsTest, UsersThatAreNotShownHaveNoLimits) {
  Site site;
  site.AddJobs();
  Limit(site);
  CollectorOptions options;
  options.user_label = UserLabel::kNone;
  const std::vector<std::string> page = site.Page(CollectQuota, options);
  EXPECT_THAT(page, testing::Not(Contains(HasSubstr("tres=wall"))));
  EXPECT_THAT(page, testing::Not(Contains(HasSubstr("MaxJobs"))));
  EXPECT_THAT(page, Contains(HasSubstr("account=physics,user=,partition=,tres=cpu} 600")));
}

TEST(CollectorsTest, RelativeLimitsOfAQosAreAmounts) {
  Site site;
  slurmdb::QosRow& row = site.qos_rows[1];
  row.name = "half";
  row.set.tres[slurmdb::LimitIndex(slurmdb::kQosTresLimits, "GrpTRES")] = {{1, 50}, {1001, 10}};
  row.set.tres[slurmdb::kQosGrpTresMins] = {{1, 70}};
  row.set.numbers[slurmdb::LimitIndex(slurmdb::kQosLimits, "MaxJobsPerUser")] = 50;
  site.cluster_tres = {{1, 129}, {2, 1000}};
  const auto limits = [&] {
    std::vector<std::string> page = site.Page(CollectQuota);
    std::erase_if(page, [](const std::string& line) { return !line.starts_with("slurmdbd_qos_limit"); });
    return page;
  };
  EXPECT_THAT(limits(),
              Contains("slurmdbd_qos_limit_tres{cluster=alpha,qos=half,limit=GrpTRES,tres=cpu} 50"));
  row.flags = slurmdb::QosRow::kRelative;
  EXPECT_THAT(limits(),
              ElementsAre("slurmdbd_qos_limit{cluster=alpha,qos=half,limit=MaxJobsPerUser} 50",
                          "slurmdbd_qos_limit_tres{cluster=alpha,qos=half,limit=GrpTRES,tres=cpu} 64",
                          "slurmdbd_qos_limit_tres{cluster=alpha,qos=half,limit=GrpTRESMins,tres=cpu} 70"));
  row.deleted = true;
  EXPECT_THAT(limits(), IsEmpty());
}

// 1 a core-second, so that amounts are whole: alice's jobs come to 200 + 400 since the month began.
pricing::PriceBook Prices() {
  pricing::PriceBook book;
  book.version = "7";
  book.sha256 = "ab";
  book.currency = "EUR";
  book.departments = pricing::Departments::ByTree({"physics"});
  book.rates.push_back(
      {{}, {{"cpu", 3600 * pricing::PowerOfTen(pricing::kPricePlaces), pricing::Combine::kSum}}});
  book.outcomes.push_back({{}, {slurmdb::JobState::kTimeout}, std::nullopt, 5000});
  book.subsidies.push_back({{}, 1000});
  book.free_quotas.push_back({"", "physics", "", pricing::CostPeriod::kMonth, 30'000, {}});
  book.budgets.push_back({"", "", "physics", pricing::CostPeriod::kYear, 100'000, {}});
  book.budgets.push_back({"alpha", "physics", "", pricing::CostPeriod::kMonth, 50'000, {}});
  book.budgets.push_back({"beta", "physics", "", pricing::CostPeriod::kMonth, 50'000, {}});
  return book;
}

CollectorOptions With(pricing::PriceBook book) {
  CollectorOptions options;
  options.tariff = std::make_shared<const pricing::PriceBookTariff>(
      std::make_shared<const pricing::PriceBook>(std::move(book)),
      pricing::FiscalCalendar(slurmdb::Calendar("UTC"), 1));
  return options;
}

TEST(CollectorsTest, Cost) {
  Site site;
  site.AddJobs();
  std::vector<std::string> page = site.Page(CollectCost, With(Prices()));
  std::erase_if(page, [](const std::string& line) {
    return line.find("period=quarter") != std::string::npos || line.find("_timestamp_") != std::string::npos;
  });
  // The first ended with a timeout: half price; a tenth of the rest is paid by somebody else.
  EXPECT_THAT(
      page,
      ElementsAre(
          "slurmdbd_account_cost{cluster=alpha,account=physics,department=physics,period=month,currency=EUR} "
          "450",
          "slurmdbd_account_cost{cluster=alpha,account=physics,department=physics,period=year,currency=EUR} "
          "450",
          "slurmdbd_account_list_cost{cluster=alpha,account=physics,department=physics,period=month,currency="
          "EUR} "
          "600",
          "slurmdbd_account_list_cost{cluster=alpha,account=physics,department=physics,period=year,currency="
          "EUR} "
          "600",
          "slurmdbd_account_subsidy{cluster=alpha,account=physics,department=physics,period=month,currency="
          "EUR} 50",
          "slurmdbd_account_subsidy{cluster=alpha,account=physics,department=physics,period=year,currency="
          "EUR} 50",
          "slurmdbd_department_cost{cluster=alpha,department=physics,period=month,currency=EUR} 450",
          "slurmdbd_department_cost{cluster=alpha,department=physics,period=year,currency=EUR} 450",
          "slurmdbd_department_list_cost{cluster=alpha,department=physics,period=month,currency=EUR} 600",
          "slurmdbd_department_list_cost{cluster=alpha,department=physics,period=year,currency=EUR} 600",
          "slurmdbd_department_subsidy{cluster=alpha,department=physics,period=month,currency=EUR} 50",
          "slurmdbd_department_subsidy{cluster=alpha,department=physics,period=year,currency=EUR} 50",
          "slurmdbd_account_credit{cluster=,account=physics,period=month,currency=EUR} 300",
          "slurmdbd_account_credit{cluster=,account=physics,period=year,currency=EUR} 300",
          "slurmdbd_account_credit{cluster=,account=physics,period=last_month,currency=EUR} 0",
          "slurmdbd_account_budget{cluster=alpha,account=physics,period=month,currency=EUR} 500",
          "slurmdbd_department_budget{cluster=,department=physics,period=year,currency=EUR} 1000",
          "slurmdbd_account_budget_used{cluster=alpha,account=physics,period=month,currency=EUR} 450",
          "slurmdbd_department_budget_used{cluster=,department=physics,period=year,currency=EUR} 450",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=energy,period=month} 7",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=energy,period=year} 7",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=gres/gpu,period=month} 100",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=gres/gpu,period=year} 100",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=mem,period=month} 104857600",
          "slurmdbd_cost_unpriced_tres_seconds{cluster=alpha,tres=mem,period=year} 104857600",
          "slurmdbd_price_book_info{version=7,sha256=ab,currency=EUR} 1"));
}

TEST(CollectorsTest, WhatIsOfAllClustersIsLeftOutWhileOneIsMissing) {
  Site site;
  site.AddJobs();
  site.clusters_missing = 1;
  const std::vector<std::string> page = site.Page(CollectCost, With(Prices()));
  EXPECT_THAT(page, testing::Not(Contains(HasSubstr("cluster=,"))));
  EXPECT_THAT(page, Contains(HasSubstr("slurmdbd_account_budget{cluster=alpha,")));
}

TEST(CollectorsTest, AnAccountWithoutADepartmentIsInTheEmptyOne) {
  Site site;
  site.AddJobs();
  pricing::PriceBook book = Prices();
  book.departments = pricing::Departments::ByTree({"law"});
  EXPECT_THAT(site.Page(CollectCost, With(book)),
              Contains("slurmdbd_department_cost{cluster=alpha,department=,period=month,currency=EUR} 450"));
}

TEST(CollectorsTest, OfThePastTheAuditSaysOnlyWhatIsKnown) {
  Site site;
  site.past = true;
  site.AddJobs();
  std::vector<std::string> names;
  for (const prometheus::MetricFamily& family : site.Families(CollectAudit)) names.push_back(family.name);
  EXPECT_THAT(names, ElementsAre("slurmdbd_transactions_total", "slurmdbd_jobs_without_association"));
  EXPECT_THAT(site.Page(CollectAudit),
              ElementsAre("slurmdbd_transactions_total{cluster=alpha,action=add_users,actor=root} 1",
                          "slurmdbd_jobs_without_association{cluster=alpha} 0"));
}

TEST(CollectorsTest, AnEmptyClusterHasNoSeries) {
  Site site;
  for (const CollectorInfo& collector : Registry()) {
    // The others need books of their own, or show the account tree or a count of 0 all the same.
    if (collector.book != slurmdb::Book::kJobs) continue;
    EXPECT_THAT(site.Page(collector.collect), IsEmpty()) << collector.name;
  }
}

TEST(CollectorsTest, FamilyNamesAreOnlyUsedOnce) {
  Site site;
  site.AddJobs();
  std::set<std::string> names;
  for (const CollectorInfo& collector : Registry()) {
    slurmdb::AccountingView view;
    const std::vector<slurmdb::CoordinatorRow> nobody;
    view.coordinators = &nobody;
    view.clock_skew = 0;
    for (const auto& family : collector.collect(view, With(Prices())))
      EXPECT_TRUE(names.insert(family.name).second) << family.name;
  }
  EXPECT_EQ(names.size(), 96U);
}

TEST(CollectorsTest, AJobWithoutAssociationHasItsOwnTextAndUid) {
  Site site;
  site.table.Add({0, 1, kEpoch, kEpoch + 900, 0, 1, 0, 0, "1=1"});
  EXPECT_THAT(site.Page(CollectUsers),
              Contains("slurmdbd_user_jobs{cluster=alpha,account=,user=0,state=running} 1"));
}

TEST(CollectorsTest, AUserCanBeShownInFourWaysOrNotAtAll) {
  Site site;
  site.AddJobs();
  const auto with = [&](UserLabel label) {
    CollectorOptions options;
    options.user_label = label;
    return site.Page(CollectUsers, options);
  };
  EXPECT_THAT(with(UserLabel::kName), Contains(HasSubstr("user=alice,")));
  EXPECT_THAT(with(UserLabel::kId),
              Contains("slurmdbd_user_jobs{cluster=alpha,account=physics,user=0,state=pending} 3"));
  EXPECT_THAT(with(UserLabel::kHash), Contains(HasSubstr("user=2bd806c97f0e00af,")));  // sha256sum of "alice"
  // Without a label, the users of an account are one series.
  EXPECT_THAT(with(UserLabel::kNone),
              Contains("slurmdbd_user_jobs{cluster=alpha,account=physics,user=,state=pending} 3"));
  EXPECT_THAT(with(UserLabel::kNone),
              Contains("slurmdbd_user_jobs{cluster=alpha,account=physics,user=,state=running} 1"));

  CollectorOptions options;
  options.accepts_user = [](std::string_view name) { return name != "alice"; };
  EXPECT_THAT(site.Page(CollectUsers, options), testing::Not(Contains(HasSubstr("alice"))));
  // Accounts stay complete.
  EXPECT_THAT(site.Page(CollectConsumption, options), Contains(HasSubstr("tres=cpu} 600")));
  EXPECT_THAT(site.Page(CollectConsumption, options), testing::Not(Contains(HasSubstr("slurmdbd_user"))));
}

}  // namespace
}  // namespace collectors
