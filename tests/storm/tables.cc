#include "tests/storm/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "collectors/slurmdb/job_state.h"

namespace storm {
namespace {

constexpr std::uint64_t kNever = 0xfffffffe;  // this and what is above it are no instants

std::string Name(int cluster, const char* table) { return fmt::format("`{}_{}`", kClusters[cluster], table); }

// Written here once more, on purpose: what is judged must not judge itself.
std::map<std::uint32_t, std::uint64_t> CountsIn(const std::string& text) {
  std::map<std::uint32_t, std::uint64_t> counts;
  const char* at = text.c_str();
  while (*at != '\0') {
    if (*at == ',') {
      ++at;
      continue;
    }
    char* end = nullptr;
    const auto id = static_cast<std::uint32_t>(std::strtoul(at, &end, 10));
    if (end == at || *end != '=') break;
    const char* digits = end + 1;
    const std::uint64_t count = std::strtoull(digits, &end, 10);
    if (end == digits || (*end != '\0' && *end != ',')) break;
    counts.emplace(id, count);
    at = end;
  }
  std::erase_if(counts, [](const auto& entry) { return entry.second >= 0xfffffffffffffffd; });
  return counts;
}

int StateOf(std::uint64_t stored) {
  switch (stored) {
    case 1024:
      return static_cast<int>(slurmdb::JobState::kRequeued);
    case 8192:
      return static_cast<int>(slurmdb::JobState::kResizing);
    default:
      return static_cast<int>(stored);
  }
}

}  // namespace

// ---- counting

Plain CountPlainly(slurmdb::Connection& db, const std::string& cluster, const slurmdb::CounterPeriod& period,
                   std::int64_t as_of) {
  const auto [epoch, until] = period;
  std::map<std::uint64_t, std::vector<std::pair<std::int64_t, std::int64_t>>> pauses;
  {
    slurmdb::Result rows =
        db.Query("storm", "SELECT job_db_inx, time_start, time_end FROM `" + cluster + "_suspend_table`");
    while (rows.Next()) pauses[rows[0].AsU64()].emplace_back(rows[1].AsI64(), rows[2].AsI64());
  }
  Plain plain;
  slurmdb::Result rows = db.Query(
      "storm",
      "SELECT id_assoc, id_qos, id_user, account, `partition`, state, time_start, time_end, time_suspended, "
      "tres_alloc, job_db_inx, id_job, time_submit FROM `" +
          cluster + "_job_table`");
  while (rows.Next()) {
    const std::uint64_t state = rows[5].AsU64();
    const std::int64_t start = rows[6].AsI64();
    const std::int64_t end = rows[7].AsI64();
    const std::int64_t suspended = rows[8].AsI64();
    const std::string tres = rows[9].Text();
    const std::uint64_t key = rows[10].AsU64();
    const bool over = end != 0 && end <= as_of && end < until;
    if (!over) plain.live[{rows[11].AsU32(), rows[12].AsU64(), key}] = StateOf(state);
    if (over && end < epoch) continue;
    Sums& sums =
        plain.sums[{rows[0].AsU32(), rows[1].AsU32(), rows[2].AsU32(), rows[3].Text(), rows[4].Text()}];
    const auto counts = CountsIn(tres);
    if (over) {
      ++sums.ended[StateOf(state)];
      if (counts.contains(3)) sums.energy += counts.at(3);
    }
    const bool started = state != 0 && start != 0 && static_cast<std::uint64_t>(start) < kNever;
    const bool ran = started && (end == 0 || !tres.empty() ||
                                 (state != 4 && state != 10 && state != 524288 && start < end));
    if (!ran) continue;
    if (start >= epoch && start <= as_of && start < until) ++sums.started;
    const std::int64_t from = std::max(start, epoch);
    const std::int64_t to = std::min({end != 0 ? end : as_of, as_of, until});
    std::int64_t seconds = to - from;
    if (seconds <= 0) continue;
    if (const auto known = pauses.find(key); known != pauses.end()) {
      for (const auto& [paused, resumed] : known->second) {
        const std::int64_t last = resumed == 0 ? to : std::min(resumed, to);
        seconds -= std::max<std::int64_t>(0, last - std::max(paused, from));
      }
    } else if (state == 2 && end == 0) {
      seconds -= std::max<std::int64_t>(0, to - suspended);
    } else {
      seconds -= suspended;
    }
    if (seconds <= 0) continue;
    for (const auto& [id, count] : counts) {
      if (id == 3 || count == 0) continue;
      const Uint128 amount = Uint128{count} * static_cast<Uint128>(seconds);
      sums.tres_seconds[id] += amount;
      if (over) sums.ended_tres_seconds[{StateOf(state), id}] += amount;
    }
  }
  std::erase_if(plain.sums, [](const auto& entry) { return entry.second.empty(); });
  return plain;
}

Plain BookOf(const slurmdb::JobLedger& ledger) {
  Plain plain;
  for (std::size_t i = 0; i < ledger.groups().size(); ++i) {
    const slurmdb::JobGroup& group = ledger.groups()[i];
    const slurmdb::JobTotals& totals = ledger.totals().at(i);
    Sums sums;
    for (const auto& [id, amount] : totals.tres_seconds.entries()) {
      if (amount != 0) sums.tres_seconds[id] = amount;
    }
    for (const auto& [state, ended] : totals.ended_tres_seconds) {
      for (const auto& [id, amount] : ended.entries()) {
        if (amount != 0) sums.ended_tres_seconds[{static_cast<int>(state), id}] = amount;
      }
    }
    sums.energy = totals.energy_joules;
    sums.started = totals.started;
    for (std::size_t state = 0; state < totals.ended.size(); ++state) {
      if (totals.ended[state] != 0) sums.ended[static_cast<int>(state)] = totals.ended[state];
    }
    if (!sums.empty())
      plain.sums[{group.id_assoc, group.id_qos, group.id_user, group.account, group.partition}] = sums;
  }
  for (const slurmdb::LiveJob& job : ledger.live()) {
    // Twice in there would be wrong too.
    plain.live[{job.key.id_job, job.key.time_submit, job.db_inx}] += static_cast<int>(job.state);
  }
  return plain;
}

std::string Difference(const Plain& expected, const Plain& found) {
  const auto text = [](const Sums* sums) {
    if (sums == nullptr || sums->empty()) return std::string("nothing");
    std::string out;
    for (const auto& [id, amount] : sums->tres_seconds)
      out += fmt::format("{}={} ", id, static_cast<std::uint64_t>(amount));
    out += fmt::format("energy={} started={}", static_cast<std::uint64_t>(sums->energy), sums->started);
    for (const auto& [state, count] : sums->ended)
      out += fmt::format(" {}={}", slurmdb::JobStateName(static_cast<slurmdb::JobState>(state)), count);
    return out;
  };
  for (const auto* side : {&expected, &found}) {
    for (const auto& [who, sums] : side->sums) {
      const auto left = expected.sums.find(who);
      const auto right = found.sums.find(who);
      const Sums* want = left == expected.sums.end() ? nullptr : &left->second;
      const Sums* have = right == found.sums.end() ? nullptr : &right->second;
      if (want != nullptr && have != nullptr && *want == *have) continue;
      return fmt::format("association {} qos {} user {} partition {}: {} instead of {}", std::get<0>(who),
                         std::get<1>(who), std::get<2>(who), std::get<4>(who), text(have), text(want));
    }
  }
  for (const auto* side : {&expected, &found}) {
    for (const auto& [key, state] : side->live) {
      const auto left = expected.live.find(key);
      const auto right = found.live.find(key);
      const int want = left == expected.live.end() ? -1 : left->second;
      const int have = right == found.live.end() ? -1 : right->second;
      if (want != have)
        return fmt::format("live job {} submitted {:+}: state {} instead of {} (-1: not there)",
                           std::get<0>(key), static_cast<std::int64_t>(std::get<1>(key)) - kBase, have, want);
    }
  }
  return "";
}

// ---- writing

Tables::Tables(slurmdb::ConnectionOptions options) : db_(std::move(options)) {
  db_.Connect();
  db_.Execute("storm", "SET SESSION TRANSACTION READ WRITE");
}

void Tables::Clear() {
  for (int cluster = 0; cluster < kMaxClusters; ++cluster) {
    for (const char* table : {"job_table", "suspend_table", "last_ran_table"})
      db_.Execute("storm", "DELETE FROM " + Name(cluster, table));
    last_ran_[cluster] = 0;
  }
  written_.clear();
}

void Tables::Write(const World& world) {
  db_.Execute("storm", "BEGIN");
  for (int cluster = 0; cluster < kMaxClusters; ++cluster) WriteCluster(world, cluster);
  db_.Execute("storm", "COMMIT");
  written_ = world.rows();
}

void Tables::WriteCluster(const World& world, int cluster) {
  std::string jobs;
  std::string pauses;
  std::string gone;
  for (const auto& [number, row] : world.rows()) {
    if (row.cluster != cluster) continue;
    const auto before = written_.find(number);
    if (before != written_.end() && before->second == row) continue;
    if (!row.exists) {
      if (before != written_.end() && before->second.exists)
        gone += fmt::format("{}{}", gone.empty() ? "" : ",", before->second.db_inx);
      continue;
    }
    const Charge& charge = kCharges[row.charge];
    const char* tres = row.tres < 0 ? "" : kTres[row.tres];
    jobs += fmt::format("{}({},'{}',{},{},{},{},{},'{}',{},60,{},{},{},{},{},'{}','1=1',4294967294,'job')",
                        jobs.empty() ? "" : ",", row.db_inx, charge.account, row.tasks, charge.assoc,
                        charge.qos, charge.user, row.id_job, charge.partition, row.state, row.submit,
                        row.submit, row.start, row.end, row.suspended, tres);
    for (const Pause& pause : row.pauses)
      pauses += fmt::format("{}({},{},{},{})", pauses.empty() ? "" : ",", pause.db_inx, charge.assoc,
                            pause.start, pause.end);
    // A pause's start is part of its key, and may have been put right.
    if (before != written_.end() && !before->second.pauses.empty() && before->second.pauses != row.pauses) {
      for (const Pause& pause : before->second.pauses)
        db_.Execute("storm", fmt::format("DELETE FROM {} WHERE job_db_inx = {}",
                                         Name(cluster, "suspend_table"), pause.db_inx));
    }
  }
  if (!gone.empty())
    db_.Execute("storm",
                fmt::format("DELETE FROM {} WHERE job_db_inx IN ({})", Name(cluster, "job_table"), gone));
  if (!jobs.empty()) {
    db_.Execute(
        "storm",
        fmt::format(
            "INSERT INTO {} (job_db_inx, account, array_task_pending, id_assoc, id_qos, id_user, id_job, "
            "`partition`, state, timelimit, time_submit, time_eligible, time_start, time_end, "
            "time_suspended, tres_alloc, tres_req, het_job_offset, job_name) VALUES {} ON DUPLICATE KEY "
            "UPDATE job_db_inx = VALUES(job_db_inx), array_task_pending = VALUES(array_task_pending), "
            "account = VALUES(account), id_assoc = VALUES(id_assoc), id_qos = VALUES(id_qos), "
            "id_user = VALUES(id_user), `partition` = VALUES(`partition`), state = VALUES(state), "
            "time_start = VALUES(time_start), time_end = VALUES(time_end), "
            "time_suspended = VALUES(time_suspended), tres_alloc = VALUES(tres_alloc)",
            Name(cluster, "job_table"), jobs));
  }
  if (!pauses.empty()) {
    db_.Execute(
        "storm",
        fmt::format("INSERT INTO {} (job_db_inx, id_assoc, time_start, time_end) VALUES {} ON DUPLICATE KEY "
                    "UPDATE time_end = VALUES(time_end)",
                    Name(cluster, "suspend_table"), pauses));
  }
  const std::int64_t ran = world.last_ran(cluster);
  if (ran != last_ran_[cluster]) {
    const std::string table = Name(cluster, "last_ran_table");
    db_.Execute("storm", "DELETE FROM " + table);
    db_.Execute("storm", fmt::format("INSERT INTO {} VALUES ({}, {}, {})", table, ran, ran, ran));
    last_ran_[cluster] = ran;
  }
}

}  // namespace storm
