// Random histories: after every poll the book must equal a plain recount of all rows, and a new ledger's.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <tuple>

#include "collectors/slurmdb/job_ledger.h"
#include "fake_job_table.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kEpoch = 1'700'000'000;
constexpr std::int64_t kSettle = 60;

LedgerOptions Options() {
  LedgerOptions options;
  options.epoch = kEpoch;
  options.histograms = {{{10, 100, 1000}, {60, 600, 6000}, {kRatioParts / 2, kRatioParts}}};
  return options;
}

LedgerOptions EfficiencyOptions() {
  LedgerOptions options = Options();
  options.rule = Rule::kEfficiency;
  for (const auto what : {Observed::kCpuEfficiency, Observed::kMemoryEfficiency})
    options.histograms[static_cast<std::size_t>(what)] = {kRatioParts / 2, kRatioParts};
  return options;
}

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  // One thing that slurmdbd, an administrator or the machine does.
  void Step() {
    now += Draw(0, Draw(0, 20) == 0 ? 9000 : 200);
    FinishSteps();
    switch (Draw(0, 14)) {
      case 0:
      case 1:
      case 2:
        Submit();
        break;
      case 3:
      case 4:
        if (FakeJob* job = Pick(0)) Start(*job);
        break;
      case 5:
      case 6:
        if (FakeJob* job = Pick(1)) End(*job, Past(0, 30));
        break;
      case 7:  // an end record that comes late, even very late
        if (FakeJob* job = Pick(1)) End(*job, Past(0, 40000));
        break;
      case 8:  // a job that is recorded after it is over
        RecordLate();
        break;
      case 9:
        if (FakeJob* job = Pick(1)) Suspend(*job);
        break;
      case 10:
        if (FakeJob* job = Pick(2)) Resume(*job);
        break;
      case 11:
        if (FakeJob* job = Pick(1)) Requeue(*job);
        break;
      case 12:
        Correct();
        break;
      case 13:
        Delete();
        break;
      case 14:
        Rename();
        break;
    }
  }

  Moment Poll() {
    polled_at_ = now;
    corrected_.clear();
    return {now, now - kSettle, true};
  }

  FakeJobTable table;
  std::int64_t now = kEpoch + 100;

 private:
  std::int64_t Draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  std::uint64_t Past(std::int64_t least, std::int64_t most) {
    return static_cast<std::uint64_t>(now - Draw(least, most));
  }

  FakeJob* Pick(std::uint64_t state) {
    std::vector<FakeJob*> candidates;
    for (FakeJob& job : table.jobs) {
      if (job.end == 0 && job.state == state) candidates.push_back(&job);
    }
    return candidates.empty() ? nullptr
                              : candidates[static_cast<std::size_t>(Draw(0, std::ssize(candidates) - 1))];
  }

  void Submit() {
    FakeJob job;
    job.id_job = next_id_++;
    job.submit = Past(0, 5);
    job.tres = "";
    job.assoc = static_cast<std::uint32_t>(Draw(1, 3));
    table.Add(job);
  }

  // The records of steps may come after the job's, but before anybody has lost patience.
  void FinishSteps() {
    for (FakeJob& job : table.jobs) {
      if (!job.steps.open || static_cast<std::int64_t>(job.end) > now - 200) continue;
      job.steps.open = false;
      UseSomething(job);
    }
  }

  void UseSomething(FakeJob& job) {
    job.steps.any = true;
    job.steps.cpu_microseconds += static_cast<std::uint64_t>(Draw(0, 3'000'000'000));
    job.steps.bytes = static_cast<std::uint64_t>(Draw(0, 200 << 20));
  }

  // The whole of a job's life arrives at once, after slurmdbd was away.
  void RecordLate() {
    FakeJob job;
    job.id_job = next_id_++;
    job.submit = std::max(Past(0, 40000), static_cast<std::uint64_t>(kEpoch));
    job.start = job.submit + static_cast<std::uint64_t>(Draw(0, 100));
    job.state = 3;
    job.end = job.start + static_cast<std::uint64_t>(Draw(0, 5000));
    table.Add(job);
  }

  void Start(FakeJob& job) {
    job.start = std::max(job.submit, Past(0, 20));
    job.state = 1;
    job.tres = Draw(0, 1) == 0 ? "1=4,2=100" : "1=1,1001=2";
  }

  void End(FakeJob& job, std::uint64_t at) {
    job.end = std::max({at, job.start, static_cast<std::uint64_t>(kEpoch)});
    job.state = static_cast<std::uint64_t>(Draw(3, 6));
    for (Suspension& suspension : table.suspensions) {
      if (suspension.db_inx != job.db_inx) continue;
      // A suspension is over when its job is.
      if (suspension.time_end == 0 || suspension.time_end > job.end) suspension.time_end = job.end;
      suspension.time_start = std::min(suspension.time_start, suspension.time_end);
    }
    job.suspended = Suspended(job);
    if (Draw(0, 3) != 0) UseSomething(job);
    job.steps.open = static_cast<std::int64_t>(job.end) > now - 200 && Draw(0, 1) == 0;
  }

  std::uint64_t Suspended(const FakeJob& job) const {
    std::uint64_t sum = 0;
    for (const Suspension& suspension : table.suspensions) {
      if (suspension.db_inx == job.db_inx && suspension.time_end != 0) {
        sum += suspension.time_end - suspension.time_start;
      }
    }
    return sum;
  }

  void Suspend(FakeJob& job) {
    const std::uint64_t at = std::max(job.start, static_cast<std::uint64_t>(now));
    const std::uint64_t before = Suspended(job);
    table.suspensions.push_back({job.db_inx, at, 0});
    job.state = 2;
    job.suspended = at - before;
  }

  void Resume(FakeJob& job) {
    for (Suspension& suspension : table.suspensions) {
      if (suspension.db_inx == job.db_inx && suspension.time_end == 0) {
        suspension.time_end = std::max<std::uint64_t>(suspension.time_start, static_cast<std::uint64_t>(now));
      }
    }
    job.state = 1;
    job.suspended = Suspended(job);
  }

  // Requeue or resize: the row ends, another begins.
  void Requeue(FakeJob& job) {
    const bool resize = Draw(0, 1) == 0;
    const std::uint32_t id = job.id_job;
    const std::uint32_t assoc = job.assoc;
    const std::uint64_t submit = job.submit;
    End(job, static_cast<std::uint64_t>(now));
    job.state = resize ? 8192 : 1024;
    FakeJob next;
    next.id_job = id;
    next.assoc = assoc;
    next.submit = std::max<std::uint64_t>(static_cast<std::uint64_t>(now), submit + 1);
    next.tres = "";
    if (resize) {
      next.start = next.submit;
      next.state = 1;
      next.tres = "1=2";
    }
    table.Add(next);
  }

  // An end that is put right. From one old bucket to another only last_ran would tell; that has a test of its
  // own.
  void Correct() {
    std::vector<FakeJob*> candidates;
    for (FakeJob& job : table.jobs) {
      if (job.end != 0 && job.start != 0 && job.suspended == 0 && job.tres != "" &&
          !corrected_.contains(job.id_job)) {
        candidates.push_back(&job);
      }
    }
    if (candidates.empty()) return;
    FakeJob& job = *candidates[static_cast<std::size_t>(Draw(0, std::ssize(candidates) - 1))];
    corrected_.insert(job.id_job);
    const bool young = static_cast<std::int64_t>(job.end) > polled_at_ - 600;
    const std::uint64_t to = young ? Past(0, 30000) : Past(0, 10);
    job.end = std::max({to, job.start, static_cast<std::uint64_t>(kEpoch)});
    if (!young && static_cast<std::int64_t>(job.end) < now - 100) job.end = static_cast<std::uint64_t>(now);
  }

  // An administrator's DELETE, of a row that is open or young. A purge of old ones waits for the recount.
  void Delete() {
    if (Draw(0, 3) != 0) return;
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < table.jobs.size(); ++i) {
      const FakeJob& job = table.jobs[i];
      if (corrected_.contains(job.id_job)) continue;
      if (job.end == 0 || static_cast<std::int64_t>(job.end) > polled_at_ - 600) candidates.push_back(i);
    }
    if (candidates.empty()) return;
    table.jobs.erase(table.jobs.begin() +
                     static_cast<std::ptrdiff_t>(
                         candidates[static_cast<std::size_t>(Draw(0, std::ssize(candidates) - 1))]));
  }

  // From 24.11 on a row may get another primary key.
  void Rename() {
    if (table.jobs.empty()) return;
    FakeJob& job = table.jobs[static_cast<std::size_t>(Draw(0, std::ssize(table.jobs) - 1))];
    if (job.suspended != 0) return;  // its suspensions would be lost, and with them what to compare with
    job.db_inx = table.NextDbInx();
  }

  std::mt19937_64 random_;
  std::uint32_t next_id_ = 1;
  std::int64_t polled_at_ = kEpoch;
  std::set<std::uint32_t> corrected_;  // since the last poll: twice might take a row from old to old
};

// Charges of which any can be told from the other: by slot, by how the row ended, by what it holds.
class TestCharges : public JobCharges {
 public:
  static constexpr std::int64_t kSlot = 20'000;

  std::optional<std::uint32_t> PayerOf(std::uint32_t id_assoc) const override { return id_assoc; }
  std::string SignatureOf(const JobGroup&) override { return ""; }
  void Charge(const JobGroup&, const ChargedJob& job, const Sink& sink) override {
    for (std::int64_t slot = kEpoch; slot <= job.end; slot += kSlot) {
      const auto overlap = [&](std::int64_t from, std::int64_t to) {
        return std::max<std::int64_t>(0, std::min(slot + kSlot, to) - std::max(slot, from));
      };
      std::int64_t seconds = overlap(job.start, job.end);
      for (const auto& [from, to] : job.pauses) seconds -= overlap(from, to);
      sink(slot, job.over ? static_cast<std::uint32_t>(job.state) : 99,
           Uint128{job.tres_alloc->front().count} * static_cast<std::uint64_t>(seconds));
    }
  }
};

using ChargedTotals = std::map<std::tuple<std::uint32_t, std::int64_t, std::uint32_t>, Uint128>;

ChargedTotals ChargedOf(const JobLedger& ledger) {
  ChargedTotals sums;
  for (std::size_t group = 0; group < ledger.groups().size(); ++group) {
    const JobGroup& of = ledger.groups()[group];
    for (const auto& [id, amount] : ledger.totals()[group].tres_seconds.entries())
      sums[{of.id_assoc, of.hour, id}] += amount;
  }
  std::erase_if(sums, [](const auto& entry) { return entry.second == 0; });
  return sums;
}

// The same from all rows, without any book.
ChargedTotals PlainCharges(const FakeJobTable& table, std::int64_t as_of) {
  ChargedTotals sums;
  for (const FakeJob& job : table.jobs) {
    const auto end = static_cast<std::int64_t>(job.end);
    const bool over = end != 0 && end <= as_of;
    if ((over && end < kEpoch) || job.start == 0 || job.state == 0 || (end != 0 && job.tres.empty()))
      continue;
    const TresCounts tres = ParseTres(job.tres);
    ChargedJob charged;
    charged.state = JobStateOf(job.state);
    charged.over = over;
    charged.start = static_cast<std::int64_t>(std::max(job.start, job.submit));
    charged.end = over ? end : as_of;
    charged.tres_alloc = &tres;
    if (charged.start > charged.end) continue;
    for (const Suspension& suspension : table.suspensions) {
      const std::int64_t from = std::max(charged.start, static_cast<std::int64_t>(suspension.time_start));
      const std::int64_t to = suspension.time_end == 0
                                  ? charged.end
                                  : std::min(charged.end, static_cast<std::int64_t>(suspension.time_end));
      if (suspension.db_inx == job.db_inx && from < to) charged.pauses.emplace_back(from, to);
    }
    TestCharges().Charge({}, charged, [&](std::int64_t slot, std::uint32_t id, Uint128 amount) {
      if (amount != 0) sums[{job.assoc, slot, id}] += amount;
    });
  }
  return sums;
}

std::map<std::uint32_t, JobTotals> Plain(const History& history) {
  auto totals = PlainTotals(history.table, kEpoch, history.now - kSettle);
  std::erase_if(totals, [](const auto& entry) { return entry.second == JobTotals{}; });
  return totals;
}

// Runs one history. Returns the first step after whose poll the book was wrong, or -1.
int FirstWrongPoll(unsigned seed, int steps, const std::function<void(FakeJobTable&)>& cripple) {
  History history(seed);
  cripple(history.table);
  std::mt19937 polls(seed + 1);
  auto ledger = std::make_unique<JobLedger>(Options());
  auto efficiency = std::make_unique<JobLedger>(EfficiencyOptions());
  for (int step = 0; step < steps; ++step) {
    history.Step();
    if (polls() % 3 != 0) continue;
    const Moment moment = history.Poll();
    if (polls() % 40 == 0) {  // a restart
      ledger = std::make_unique<JobLedger>(Options());
      efficiency = std::make_unique<JobLedger>(EfficiencyOptions());
    }
    for (JobLedger* one : {ledger.get(), efficiency.get()}) {
      if (one->NeedsRecount(moment)) one->Recount(history.table, moment);
      one->Update(history.table, moment);
    }
    if (TotalsOf(*ledger) != Plain(history)) return step;
    const JobHistograms plain =
        PlainHistograms(history.table, Options().histograms, kEpoch, history.now - kSettle);
    if (HistogramsOf(*ledger) != plain) return step;
    const LedgerOptions& options = efficiency->options();
    if (EfficiencyOf(*efficiency) !=
        PlainEfficiency(history.table, options, history.now - kSettle, options.overlap / 3))
      return step;
  }
  return -1;
}

TEST(JobLedgerHistoryTest, TheBookEqualsARecountAfterEveryPoll) {
  const char* wanted = std::getenv("SLURMDBD_TEST_HISTORIES");
  const unsigned histories = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 300;
  for (unsigned seed = 1; seed <= histories; ++seed) {
    const int wrong = FirstWrongPoll(seed, 250, [](FakeJobTable&) {});
    ASSERT_EQ(wrong, -1) << "seed " << seed;
  }
}

TEST(JobLedgerHistoryTest, WhatIsChargedEqualsARecountAfterEveryPoll) {
  LedgerOptions options = Options();
  options.rule = Rule::kCharged;
  options.charges = std::make_shared<TestCharges>();
  for (unsigned seed = 1; seed <= 100; ++seed) {
    History history(seed);
    std::mt19937 polls(seed + 1);
    auto ledger = std::make_unique<JobLedger>(options);
    for (int step = 0; step < 250; ++step) {
      history.Step();
      if (polls() % 3 != 0) continue;
      const Moment moment = history.Poll();
      if (polls() % 40 == 0) ledger = std::make_unique<JobLedger>(options);
      if (ledger->NeedsRecount(moment)) ledger->Recount(history.table, moment);
      ledger->Update(history.table, moment);
      ASSERT_EQ(ChargedOf(*ledger), PlainCharges(history.table, moment.as_of))
          << "seed " << seed << " step " << step;
    }
  }
}

// The ways of noticing are there for a reason: without any one of them some history goes wrong.
TEST(JobLedgerHistoryTest, EachWayOfNoticingIsNeeded) {
  const auto goes_wrong = [](const std::function<void(FakeJobTable&)>& cripple) {
    for (unsigned seed = 1; seed <= 60; ++seed) {
      if (FirstWrongPoll(seed, 250, cripple) != -1) return true;
    }
    return false;
  };
  EXPECT_TRUE(goes_wrong([](FakeJobTable& table) { table.can_look_up = false; }));
  EXPECT_TRUE(goes_wrong([](FakeJobTable& table) { table.can_see_inserted = false; }));
}

}  // namespace
}  // namespace slurmdb
