#include "tests/storm/play.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "collectors/consumption.h"
#include "collectors/outcomes.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/schema.h"
#include "exporter/high_water.h"

namespace storm {
namespace {

using slurmdb::DatabaseError;
using slurmdb::JobLedger;
using slurmdb::LedgerOptions;
using slurmdb::Moment;

constexpr char kCorrections[] = "slurmdbd_corrections_tres_seconds_total";
constexpr double kMebibyte = 1024.0 * 1024.0;
constexpr std::int64_t kForever = 1'000'000'000;

// A JobReader that is watched, disturbed and crippled.
class WatchedSource : public slurmdb::JobSource {
 public:
  WatchedSource(slurmdb::JobSource& inner, Off off) : inner_(inner), off_(off) {}

  void ReadOpen(const Sink& sink) override {
    Statement(sink, [&](const Sink& out) { inner_.ReadOpen(out); });
  }
  void ReadEnded(std::int64_t from, std::int64_t to, const Sink& sink) override {
    if (to == 0) window_from = from;
    Statement(sink, [&](const Sink& out) { inner_.ReadEnded(from, to, out); });
  }
  void ReadHistory(std::int64_t from, std::int64_t to, const Sink& sink) override {
    Statement(sink, [&](const Sink& out) { inner_.ReadHistory(from, to, out); });
  }
  void ReadByKey(std::span<const slurmdb::JobKey> keys, const Sink& sink) override {
    if (off_ == Off::kLookUp) return;
    Statement(sink, [&](const Sink& out) { inner_.ReadByKey(keys, out); });
  }
  void ReadInsertedAfter(std::uint64_t after, std::int64_t ended_before, const Sink& sink) override {
    if (off_ == Off::kInserted) return;
    Statement(sink, [&](const Sink& out) { inner_.ReadInsertedAfter(after, ended_before, out); });
  }
  std::vector<slurmdb::Suspension> ReadSuspensions(std::span<const std::uint64_t> db_inxs) override {
    Begin();
    return inner_.ReadSuspensions(db_inxs);
  }
  std::uint64_t MaxDbInx() override {
    Begin();
    return inner_.MaxDbInx();
  }
  std::optional<std::int64_t> LastHourlyRollup() override {
    Begin();
    const std::optional<std::int64_t> rollup = inner_.LastHourlyRollup();
    return off_ == Off::kSignal ? std::nullopt : rollup;
  }

  std::function<void(int)> before_statement;  // gets its number, from 1 on
  int fail_at = 0;                            // the statement that fails; 0: none
  std::int64_t fail_after_rows = 0;
  std::int64_t window_from = 0;  // how far back the last update read

 private:
  [[noreturn]] static void Fail() { throw DatabaseError(slurmdb::Reason::kTimeout, "made to fail"); }
  void Begin() {
    ++statements_;
    if (before_statement) before_statement(statements_);
    if (statements_ == fail_at && fail_after_rows == 0) Fail();
  }
  template <typename Run>
  void Statement(const Sink& sink, Run run) {
    Begin();
    if (statements_ != fail_at) {
      run(sink);
      return;
    }
    std::int64_t left = fail_after_rows;
    run([&](const slurmdb::JobRow& row) {
      sink(row);
      if (--left == 0) Fail();
    });
    Fail();
  }

  slurmdb::JobSource& inner_;
  Off off_;
  int statements_ = 0;
};

// Something no poll can notice, and when at the latest it has to be known all the same.
struct Unseen {
  std::int64_t since = 0;
  std::int64_t oldest_end = 0;
  bool signalled = false;  // last_ran told of it, and a poll could see that
  std::int64_t signalled_at = 0;
};

using Series = std::map<std::vector<std::string>, double>;  // label values, the metric's name first

class Run {
 public:
  Run(const History& history, Off off, slurmdb::Connection& db, Tables& tables,
      const std::filesystem::path& folder, Tally& tally)
      : history_(history),
        set_(history.settings),
        off_(off),
        db_(db),
        tables_(tables),
        folder_(folder),
        tally_(tally),
        world_(history.settings) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(set_.clusters); ++c) {
      schema_.Add(fmt::format("{}_job_table", kClusters[c]), "timelimit");
      schema_.Add(fmt::format("{}_job_table", kClusters[c]), "tres_req");
    }
    for (const auto& [id, name] :
         {std::pair{1U, "cpu"}, {2U, "mem"}, {3U, "energy"}, {4U, "node"}, {5U, "billing"}})
      tres_.Add(id, name, "");
    tres_.Add(1001, "gres", "gpu");
    std::filesystem::remove(folder_ / "high-water.jsonl");
    Restart();
  }

  std::optional<Wrong> Play() {
    for (step_ = 0; step_ < history_.steps.size(); ++step_) {
      const Step& step = history_.steps[step_];
      now_ = kBase + step.at;
      switch (step.verb) {
        case Verb::kPoll:
        case Verb::kFail:
        case Verb::kKilled:
          Poll(step);
          if (step.verb == Verb::kKilled) Restart();
          break;
        case Verb::kRestart:
          Restart();
          break;
        default:
          world_.Apply(step);
      }
      if (wrong_) return wrong_;
    }
    return std::nullopt;
  }

 private:
  struct Cluster {
    std::string name;
    int number = 0;
    std::unique_ptr<JobLedger> ledger;
    // The rows as the last successful poll could see them, and when that was.
    std::map<std::int64_t, Row> seen;
    std::uint64_t newest_key = 0;
    std::int64_t last_ran = 0;
    std::int64_t read_at = 0;
    std::vector<Unseen> unseen;
    bool excused = false;
    Plain plain;
    bool counted = false;  // plain is of this poll
  };

  void Restart() {
    ++tally_.restarts;
    marks_.reset();
    marks_ = std::make_unique<exporter::HighWater>(
        off_ == Off::kHighWater ? std::filesystem::path() : folder_, "storm");
    clusters_.clear();
    for (int c = 0; c < set_.clusters; ++c) {
      Cluster& cluster = clusters_.emplace_back();
      cluster.name = kClusters[c];
      cluster.number = c;
    }
  }

  slurmdb::CounterPeriod PeriodAt(std::int64_t as_of) const {
    if (set_.second_epoch == 0) return {kBase, slurmdb::kEver};
    const std::int64_t second = kBase + set_.second_epoch;
    return as_of > second ? slurmdb::CounterPeriod{second, slurmdb::kEver}
                          : slurmdb::CounterPeriod{kBase, second};
  }

  void Fault(const std::string& what) {
    if (!wrong_) wrong_ = Wrong{step_, what};
  }

  void Poll(const Step& step) {
    const std::int64_t settle = off_ == Off::kSettle ? 0 : set_.settle;
    Moment moment{now_, now_ - settle, true};
    if (moment.as_of < kBase) return;  // the epoch is never ahead
    ++tally_.polls;
    tables_.Write(world_);
    for (Cluster& cluster : clusters_) {
      cluster.counted = false;
      Update(cluster, moment, step);
      if (wrong_) return;
    }
    Publish(step.verb != Verb::kKilled);
  }

  // One cluster's part of a poll, as Accounting::UpdateJobs does it.
  void Update(Cluster& cluster, const Moment& moment, const Step& step) {
    LedgerOptions options;
    slurmdb::SetPeriod(cluster.ledger.get(), PeriodAt(moment.as_of), moment.as_of, options);
    if (cluster.ledger == nullptr || cluster.ledger->options().epoch != options.epoch) {
      options.overlap = off_ == Off::kOverlap ? 0 : set_.overlap;
      options.wide_window = set_.wide_window;
      options.wide_interval = off_ == Off::kWide ? kForever : set_.wide_interval;
      options.recount_interval = off_ == Off::kRecount ? kForever : set_.recount_interval;
      cluster.ledger = std::make_unique<JobLedger>(options);
      cluster.seen.clear();
      cluster.unseen.clear();
      cluster.read_at = 0;
      cluster.last_ran = 0;
    }
    JobLedger& ledger = *cluster.ledger;
    const bool has_book = ledger.moment().now != 0;
    const Plain before = has_book ? BookOf(ledger) : Plain{};

    // Pages so small that a history has many.
    slurmdb::JobReader reader(db_, schema_, cluster.name, slurmdb::Rule::kRealTime, 7);
    WatchedSource source(reader, off_);
    bool recounting = false;
    bool recounted = false;
    bool raced = false;
    std::int64_t race = 0;
    if (step.verb == Verb::kFail) {
      source.fail_at = static_cast<int>(step.arguments.at(0));
      source.fail_after_rows = step.arguments.at(1);
    } else if (step.verb == Verb::kPoll && cluster.number == 0) {
      race = step.arguments.at(0);
    }
    Watch(cluster);
    World seen = world_;
    source.before_statement = [&](int statement) {
      if (race == 0 || statement != race) return;
      // Others go on writing, also while a poll is under way.
      for (std::int64_t i = 0; i < step.arguments.at(1) && step_ + 1 < history_.steps.size(); ++i) {
        const Step& next = history_.steps[step_ + 1];
        if (next.verb >= Verb::kPoll) break;
        world_.Apply({step.at, next.verb, next.arguments});
        ++step_;
      }
      tables_.Write(world_);
      if (!recounting) return;
      // What is read of it is up to chance, and what was read before it happened is what was seen.
      See(cluster, seen);
      cluster.read_at = now_;
      seen = world_;
      Watch(cluster);
      raced = true;
    };
    std::optional<std::string> failure;
    try {
      if (ledger.NeedsRecount(moment)) {
        recounting = true;
        ledger.Recount(source, moment);
        recounting = false;
        recounted = true;
        cluster.read_at = moment.now;
        std::erase_if(cluster.unseen, [&](const Unseen& one) { return !raced || one.since < now_; });
        if (!raced) See(cluster, seen);
      }
      std::optional<slurmdb::Connection::Snapshot> snapshot;
      if (off_ != Off::kSnapshot) snapshot.emplace(db_);
      ledger.Update(source, moment);
      std::erase_if(cluster.unseen, [&](const Unseen& one) { return source.window_from <= one.oldest_end; });
      Signal(cluster, seen.last_ran(cluster.number));
      See(cluster, seen);
      cluster.read_at = moment.now;
      cluster.excused = Excused(cluster);
      if (!Consistent(ledger)) return;
      Compare(cluster, reader, moment);
    } catch (const DatabaseError& error) {
      if (source.fail_at == 0) throw;
      failure = error.what();
    }
    recounting = false;
    if (failure) {
      ++tally_.failed;
      if (!has_book || !Consistent(ledger)) return;
      Plain stands = before;
      Plain after = BookOf(ledger);
      if (recounted) {
        // It may have brought newer jobs along. Then these are all that are open.
        const auto over = [](const auto& job) { return job.second > 2; };
        std::erase_if(after.live, over);
        std::erase_if(stands.live, over);
        if (after.live != stands.live) {
          stands.live = CountPlainly(db_, cluster.name, {options.epoch, options.until}, moment.as_of).live;
          std::erase_if(stands.live, over);
        }
      }
      const std::string difference = Difference(stands, after);
      if (!difference.empty())
        Fault(fmt::format("{}: {} failed, and the old book does not stand: {}", cluster.name,
                          recounted ? "Update after a Recount" : "a poll", difference));
    }
  }

  bool Consistent(const JobLedger& ledger) {
    if (ledger.totals().size() == ledger.groups().size()) return true;
    Fault(fmt::format("{} totals for {} groups", ledger.totals().size(), ledger.groups().size()));
    return false;
  }

  // The rows are what a poll has seen now.
  static void See(Cluster& cluster, const World& world) {
    cluster.seen.clear();
    cluster.newest_key = 0;
    for (const auto& [job, row] : world.rows()) {
      if (row.cluster != cluster.number || !row.exists) continue;
      cluster.seen[job] = row;
      cluster.newest_key = std::max(cluster.newest_key, row.db_inx);
    }
    cluster.last_ran = world.last_ran(cluster.number);
  }

  // Notes what has changed since then and cannot be noticed by the next poll.
  void Watch(Cluster& cluster) {
    if (cluster.read_at == 0) return;
    const std::int64_t border = cluster.read_at - set_.overlap;
    for (const auto& [job, row] : world_.rows()) {
      if (row.cluster != cluster.number) continue;
      const auto known = cluster.seen.find(job);
      const std::int64_t changed = world_.changed_at(job);
      if (known == cluster.seen.end()) {
        // A key below the newest is not looked for.
        if (row.exists && row.end != 0 && row.end < border && row.db_inx <= cluster.newest_key)
          Note(cluster, {changed, row.end, false, 0});
        continue;
      }
      const std::int64_t end = known->second.end;
      if (known->second == row || end == 0 || end >= border || (row.exists && row.end >= border)) continue;
      Note(cluster, {changed, row.exists ? std::min(end, row.end) : end, false, 0});
    }
  }

  void Signal(Cluster& cluster, std::int64_t last_ran) {
    if (cluster.last_ran == 0 || last_ran == 0 || last_ran >= cluster.last_ran) return;
    for (Unseen& one : cluster.unseen) {
      if (one.signalled || last_ran > one.oldest_end) continue;
      one.signalled = true;
      one.signalled_at = now_;
    }
  }

  static void Note(Cluster& cluster, const Unseen& fresh) {
    for (const Unseen& one : cluster.unseen) {
      if (one.since == fresh.since && one.oldest_end == fresh.oldest_end) return;
    }
    cluster.unseen.push_back(fresh);
  }

  // May the book still be wrong, by design? Not beyond what Settings promise.
  bool Excused(const Cluster& cluster) const {
    return std::any_of(cluster.unseen.begin(), cluster.unseen.end(), [&](const Unseen& one) {
      const std::int64_t age = now_ - one.since;
      if (age >= set_.recount_interval) return false;
      const bool near = one.oldest_end >= now_ - set_.wide_window;
      if (near && age >= set_.wide_interval) return false;
      if (!one.signalled) return true;
      if (near) return age < (set_.wide_interval + 3) / 4;
      // An older one waits for a recount, which comes with the poll after the one that saw the signal.
      return now_ <= one.signalled_at || age < set_.wide_interval;
    });
  }

  void Compare(Cluster& cluster, slurmdb::JobReader& reader, const Moment& moment) {
    const LedgerOptions& options = cluster.ledger->options();
    cluster.plain = CountPlainly(db_, cluster.name, {options.epoch, options.until}, moment.as_of);
    cluster.counted = true;
    JobLedger fresh(cluster.ledger->options());
    fresh.Recount(reader, moment);
    fresh.Update(reader, moment);
    const std::string defined = Difference(cluster.plain, BookOf(fresh));
    if (!defined.empty())
      Fault(fmt::format("{}: a new ledger's count is not the plain one: {}", cluster.name, defined));
    const std::string difference = Difference(cluster.plain, BookOf(*cluster.ledger));
    if (cluster.excused) {
      ++tally_.excused;
      tally_.excused_right += difference.empty() ? 1 : 0;
      return;
    }
    ++tally_.compared;
    if (!difference.empty()) Fault(fmt::format("{}: {}", cluster.name, difference));
  }

  // What the page would show, by the exporter's own collectors and marks.
  void Publish(bool shown) {
    slurmdb::AccountingView view;
    view.tres = &tres_;
    view.qos = &qos_;
    std::map<std::string, std::int64_t> epochs;
    bool judged = true;
    for (const Cluster& cluster : clusters_) {
      if (cluster.ledger == nullptr || cluster.ledger->moment().now == 0) {
        judged = false;
        continue;
      }
      view.clusters.push_back({cluster.name, &associations_, cluster.ledger.get(), nullptr, nullptr});
      epochs.emplace(cluster.name, cluster.ledger->options().epoch);
      judged &= cluster.counted && !cluster.excused;
    }
    collectors::Families families = collectors::CollectConsumption(view, {});
    for (auto& family : collectors::CollectOutcomes(view, {})) families.push_back(std::move(family));
    if (set_.punctual != 0) NeverFalls(SeriesOf(families), epochs, raw_, "the book fell: ");
    const Series book = SeriesOf(families);
    marks_->Apply(families, epochs);
    const Series page = SeriesOf(families);
    if (!shown) return;
    marks_->Save();
    NeverFalls(page, epochs, published_, "");
    JudgeCorrections(page, book, epochs);
    if (!wrong_ && judged) Judge(page);
  }

  static Series SeriesOf(const collectors::Families& families) {
    Series series;
    for (const prometheus::MetricFamily& family : families) {
      if (family.type != prometheus::MetricType::Counter) continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        std::vector<std::string> key = {family.name};
        for (const auto& label : metric.label) key.push_back(label.value);
        series[key] = metric.counter.value;
      }
    }
    return series;
  }

  static std::string NameOf(const std::vector<std::string>& key) {
    return fmt::format("{}{{{}}}", key[0], fmt::join(key.begin() + 1, key.end(), ","));
  }

  void NeverFalls(const Series& page, const std::map<std::string, std::int64_t>& epochs,
                  std::map<std::vector<std::string>, std::pair<std::int64_t, double>>& before,
                  const std::string& what) {
    for (auto& [key, last] : before) {
      const auto epoch = epochs.find(key[1]);
      const bool lasting = key[0] == kCorrections;
      if (epoch == epochs.end() || (epoch->second != last.first && !lasting)) continue;
      const auto found = page.find(key);
      if (found == page.end()) {
        Fault(fmt::format("{}{} was {} and is gone", what, NameOf(key), last.second));
      } else if (found->second < last.second) {
        Fault(fmt::format("{}{} fell from {} to {}", what, NameOf(key), last.second, found->second));
      }
    }
    for (const auto& [key, value] : page) {
      ++tally_.counters;
      auto& [epoch, last] = before[key];
      const std::int64_t current = epochs.at(key[1]);
      held_floor_[key] = epoch == current ? last : 0;
      epoch = current;
      last = value;
    }
  }

  // The corrections are how much was held back, each time that became more.
  void JudgeCorrections(const Series& page, const Series& book,
                        const std::map<std::string, std::int64_t>& epochs) {
    for (const auto& [key, value] : page) {
      if (key[0] != "slurmdbd_account_tres_seconds_total") continue;
      const auto found = book.find(key);
      const double held = value - (found == book.end() ? 0 : found->second);
      auto& [epoch, before] = held_[key];
      if (epoch != epochs.at(key[1])) before = 0;
      epoch = epochs.at(key[1]);
      corrections_[{kCorrections, key[1], key.back()}] += std::max(0.0, held - before);
      before = held;
    }
    for (const auto& [key, value] : corrections_) {
      if (!epochs.contains(key[1])) continue;
      const auto found = page.find(key);
      const double shown = found == page.end() ? 0 : found->second;
      if (shown != value) Fault(fmt::format("{} is {} instead of {}", NameOf(key), shown, value));
    }
  }

  // Each counter is the plain count, or what it was if that is more.
  void Judge(const Series& page) {
    Series expected;
    for (const Cluster& cluster : clusters_) {
      for (const auto& [who, sums] : cluster.plain.sums) {
        const auto& [assoc, qos_id, user_id, text, partition] = who;
        const std::string account = assoc == 0 ? text : associations_.Find(assoc)->account;
        const std::string user = assoc == 0 ? std::to_string(user_id) : associations_.Find(assoc)->user;
        const std::string qos = qos_id == 0 ? "" : qos_.at(qos_id);
        for (const auto& [id, amount] : sums.tres_seconds) {
          const double value = static_cast<double>(amount) * (id == 2 ? kMebibyte : 1.0);
          const std::string tres = tres_.Label(id);
          expected[{"slurmdbd_account_tres_seconds_total", cluster.name, account, partition, qos, tres}] +=
              value;
          expected[{"slurmdbd_user_tres_seconds_total", cluster.name, account, user, tres}] += value;
        }
        for (const auto& [what, amount] : sums.ended_tres_seconds) {
          const auto& [state, id] = what;
          expected[{"slurmdbd_jobs_ended_tres_seconds_total", cluster.name, partition, account,
                    std::string(slurmdb::JobStateName(static_cast<slurmdb::JobState>(state))),
                    tres_.Label(id)}] += static_cast<double>(amount) * (id == 2 ? kMebibyte : 1.0);
        }
        expected[{"slurmdbd_account_energy_joules_total", cluster.name, account}] +=
            static_cast<double>(sums.energy);
        expected[{"slurmdbd_jobs_started_total", cluster.name, partition, account, qos}] +=
            static_cast<double>(sums.started);
        for (const auto& [state, count] : sums.ended) {
          expected[{"slurmdbd_jobs_ended_total", cluster.name, partition, account, qos,
                    std::string(slurmdb::JobStateName(static_cast<slurmdb::JobState>(state)))}] +=
              static_cast<double>(count);
        }
      }
    }
    for (const auto& [key, value] : page) {
      if (key[0] == kCorrections) continue;
      const auto found = expected.find(key);
      const double plain = found == expected.end() ? 0 : found->second;
      const double want = std::max(plain, held_floor_[key]);
      if (value > plain) ++tally_.held;
      if (value != want) {
        Fault(fmt::format("{} is {}, counted plainly {}, before that {}", NameOf(key), value, plain,
                          held_floor_[key]));
      }
    }
    for (const auto& [key, value] : expected) {
      if (value != 0 && !page.contains(key))
        Fault(fmt::format("{} is missing, counted plainly {}", NameOf(key), value));
    }
  }

  const History& history_;
  const Settings& set_;
  Off off_;
  slurmdb::Connection& db_;
  Tables& tables_;
  const std::filesystem::path& folder_;
  Tally& tally_;
  World world_;
  slurmdb::Schema schema_;
  slurmdb::TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_ = {{1, "normal"}, {2, "long"}};
  slurmdb::AssociationTree associations_{
      {{1, "phys", "ann", "", "", 0, false}, {2, "bio", "bob", "", "", 0, false}}};
  std::unique_ptr<exporter::HighWater> marks_;
  std::vector<Cluster> clusters_;
  // By series: the epoch it belongs to and its last value.
  std::map<std::vector<std::string>, std::pair<std::int64_t, double>> published_;
  std::map<std::vector<std::string>, std::pair<std::int64_t, double>> raw_;
  Series held_floor_;  // what each was before the last poll in the same epoch
  std::map<std::vector<std::string>, std::pair<std::int64_t, double>> held_;
  Series corrections_;
  std::int64_t now_ = 0;
  std::size_t step_ = 0;
  std::optional<Wrong> wrong_;
};

}  // namespace

Player::Player(const slurmdb::ConnectionOptions& reader, const slurmdb::ConnectionOptions& writer,
               std::filesystem::path folder)
    : db_(reader), tables_(writer), folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  db_.Connect();
}

std::optional<Wrong> Player::Play(const History& history, Off off) {
  tables_.Clear();
  return Run(history, off, db_, tables_, folder_, tally_).Play();
}

}  // namespace storm
