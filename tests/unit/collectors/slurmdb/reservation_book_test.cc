// Reservations and the jobs in them, from tables in memory. The same against a real server and every release
// is in tests/integration/test_capacity.py.
#include "collectors/slurmdb/reservation_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "collectors/slurmdb/error.h"

namespace slurmdb {
namespace {

constexpr std::int64_t kNow = 1'715'767'200;

class FakeReservations : public ReservationSource {
 public:
  struct Job {
    JobKey key;
    std::uint32_t reservation = 0;
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::string tres = "1=2,3=100,4=1";
  };

  bool FindsByEnd() const override { return by_end; }
  std::vector<std::uint32_t> IdsEndingAfter(std::int64_t time) override {
    return IdsWhere([&](const ReservationRow& row) { return row.end > time; });
  }
  std::vector<std::uint32_t> IdsAbove(std::uint32_t id) override {
    return IdsWhere([&](const ReservationRow& row) { return row.id > id; });
  }
  void Read(std::span<const std::uint32_t> ids, const Sink& sink) override {
    for (const ReservationRow& row : rows) {
      if (std::find(ids.begin(), ids.end(), row.id) != ids.end()) sink(row);
    }
  }
  bool HasJobs() const override { return has_jobs; }
  void ReadJobs(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) override {
    if (fails) throw DatabaseError(Reason::kLost, "gone");
    for (const Job& job : jobs) {
      if (std::find(ids.begin(), ids.end(), job.reservation) == ids.end()) continue;
      if (job.end != 0 && job.end < from) continue;
      ++jobs_read;
      sink({job.key, job.reservation, job.start, job.end, job.tres});
    }
  }
  void ReadJobsSince(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) override {
    ReadJobs(ids, from, sink);
  }

  // A row from `start` to `end`, both from kNow on.
  void Add(std::uint32_t id, const std::string& name, std::int64_t start, std::int64_t end) {
    rows.push_back({id, false, 0, name, "n1", kNow + start, kNow + end, {{kTresCpu, 8}}, 10});
  }
  void AddJob(std::uint32_t id, std::uint32_t reservation, std::int64_t start, std::int64_t end) {
    jobs.push_back({{id, 1}, reservation, kNow + start, end == 0 ? 0 : kNow + end});
  }

  std::vector<ReservationRow> rows;
  std::vector<Job> jobs;
  bool by_end = true;
  bool has_jobs = true;
  bool fails = false;
  std::size_t jobs_read = 0;

 private:
  template <typename Condition>
  std::vector<std::uint32_t> IdsWhere(const Condition& condition) const {
    std::set<std::uint32_t> ids;
    for (const ReservationRow& row : rows) {
      if (condition(row)) ids.insert(row.id);
    }
    return {ids.begin(), ids.end()};
  }
};

Moment At(std::int64_t from_now) { return {kNow + from_now, kNow + from_now, true}; }

// "name id start end cpu-seconds", a line a reservation; "-" for what is not known.
std::vector<std::string> Told(const std::vector<Reservation>& reservations) {
  std::vector<std::string> lines;
  for (const Reservation& one : reservations) {
    std::string used = "-";
    if (one.used) {
      used = "0";
      for (const auto& [id, amount] : one.used->entries()) {
        if (id == kTresCpu) used = std::to_string(static_cast<long long>(amount));  // NOLINT
        EXPECT_NE(id, kTresEnergy);
      }
    }
    lines.push_back(one.name + " " + std::to_string(one.id) + " " + std::to_string(one.start - kNow) + " " +
                    std::to_string(one.end - kNow) + " " + used);
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(ReservationBookTest, ChangesOfAReservationAreOne) {
  FakeReservations tables;
  tables.Add(7, "course", -500, -301);
  tables.Add(7, "course", -300, -200);
  tables.Add(7, "course", -200, 900);
  tables.rows.back().tres = {{kTresCpu, 16}};
  tables.AddJob(1, 7, -600, -400);  // 100 s of it within
  tables.AddJob(2, 7, -310, -190);
  tables.AddJob(3, 7, -50, 0);
  ReservationBook book{LedgerOptions{}};
  book.Update(tables, At(0));
  EXPECT_EQ(Told(book.reservations()), (Lines{"course 7 -500 900 " + std::to_string(2 * (100 + 120 + 50))}));
  EXPECT_EQ(book.reservations()[0].tres[0].count, 16U);
  EXPECT_EQ(book.reservations()[0].unused_seconds, 30);
}

TEST(ReservationBookTest, TheCurrentOrNextOccurrenceStandsForTheName) {
  FakeReservations tables;
  tables.Add(1, "daily", -90000, -86400);
  tables.Add(2, "daily", -100, 3500);
  tables.Add(3, "daily", 86300, 90000);
  tables.Add(9, "soon", 200, 300);
  tables.Add(8, "soon", 400, 500);
  tables.Add(4, "removed", -50, 100);
  tables.rows.back().deleted = true;
  tables.Add(5, "over", -50, 0);
  ReservationBook book{LedgerOptions{}};
  book.Update(tables, At(0));
  EXPECT_EQ(Told(book.reservations()), (Lines{"daily 2 -100 3500 0", "soon 9 200 300 -"}));
  book.Update(tables, At(3500));
  EXPECT_EQ(Told(book.reservations()), (Lines{"daily 3 86300 90000 -"}));
}

TEST(ReservationBookTest, AnIdThatIsUsedAgainIsAnotherReservation) {
  FakeReservations tables;
  tables.Add(7, "old", -500, -300);
  tables.Add(7, "new", -300, 900);
  tables.Add(8, "apart", -500, -310);
  tables.Add(8, "apart", -300, 900);
  ReservationBook book{LedgerOptions{}};
  book.Update(tables, At(0));
  EXPECT_EQ(Told(book.reservations()), (Lines{"apart 8 -300 900 0", "new 7 -300 900 0"}));
}

TEST(ReservationBookTest, NothingIsSaidOfJobsThatCannotBeRead) {
  FakeReservations tables;
  tables.has_jobs = false;
  tables.Add(7, "course", -500, 500);
  ReservationBook book{LedgerOptions{}};
  book.Update(tables, At(0));
  EXPECT_EQ(Told(book.reservations()), (Lines{"course 7 -500 500 -"}));
}

TEST(ReservationBookTest, APollReadsTheJobsThatChanged) {
  FakeReservations tables;
  tables.Add(7, "course", -90000, 900000);
  for (std::uint32_t id = 1; id <= 1000; ++id) tables.AddJob(id, 7, -80000, -79990);
  tables.AddJob(2000, 7, -1000, 0);
  ReservationBook book{LedgerOptions{}};
  book.Update(tables, At(0));
  tables.jobs_read = 0;
  book.Update(tables, At(60));
  EXPECT_EQ(tables.jobs_read, 1U);
  EXPECT_EQ(Told(book.reservations()),
            (Lines{"course 7 -90000 900000 " + std::to_string(2 * (10000 + 1060))}));
  // Its end comes late: nobody finds it among those that ended just now.
  tables.jobs.back().end = kNow - 990;
  book.Update(tables, At(120));
  EXPECT_EQ(Told(book.reservations()), (Lines{"course 7 -90000 900000 " + std::to_string(2 * (10000 + 10))}));
  tables.fails = true;
  EXPECT_THROW(book.Update(tables, At(180)), DatabaseError);
  EXPECT_EQ(book.moment().now, kNow + 120);
}

TEST(ReservationBookTest, PollingEqualsReadingAnew) {
  for (const bool by_end : {true, false}) {
    std::mt19937 chance(11);
    const auto below = [&](int n) { return static_cast<int>(chance() % static_cast<unsigned>(n)); };
    FakeReservations tables;
    tables.by_end = by_end;
    ReservationBook book{LedgerOptions{}};
    std::int64_t now = 0;
    std::uint32_t ids = 0;
    std::uint32_t jobs = 0;
    for (int step = 0; step < 600; ++step) {
      now += 30 + below(120);
      switch (below(6)) {
        case 0:
          tables.Add(++ids, "r" + std::to_string(below(4)), now + below(600) - 300, now + 600 + below(6000));
          break;
        case 1:
          for (ReservationRow& row : tables.rows) {
            if (row.end <= kNow + now || row.start >= kNow + now || below(3) != 0) continue;
            ReservationRow changed = row;
            changed.start = kNow + now;
            row.end = kNow + now - 1;
            tables.rows.push_back(changed);
            break;
          }
          break;
        case 2:
          if (!tables.rows.empty())
            tables.rows[static_cast<std::size_t>(below(static_cast<int>(tables.rows.size())))].deleted = true;
          break;
        case 3:
          for (FakeReservations::Job& job : tables.jobs) {
            if (job.end == 0 && below(2) == 0) job.end = std::max(job.start, kNow + now - below(3000));
          }
          break;
        default:
          if (ids > 0)
            tables.AddJob(++jobs, ids - static_cast<std::uint32_t>(below(3)) % ids, now - below(600), 0);
      }
      book.Update(tables, At(now));
      ReservationBook fresh{LedgerOptions{}};
      fresh.Update(tables, At(now));
      ASSERT_EQ(Told(book.reservations()), Told(fresh.reservations())) << step << (by_end ? " by end" : "");
    }
  }
}

}  // namespace
}  // namespace slurmdb
