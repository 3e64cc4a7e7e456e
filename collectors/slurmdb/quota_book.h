// What the associations and QOS of one cluster have used of the budgets that slurmctld holds them to
// (GrpTRESMins, GrpWall), and what running jobs may still use of them.
//
//   QuotaPeriod period = QuotaPeriodAt(policy, now);
//   JobLedger ledger(... Rule::kEnforced, weights = WeightsOf(policy, tree, qos));
//   QuotaBook book(policy);
//   book.Update(moment, &ledger, tree, qos, earlier);
//   book.OfAssociation(id, tres)->used;
//
// slurmctld keeps this sum in its own memory and never writes it to the database: every PriorityCalcPeriod it
// adds count × seconds × UsageFactor of the job's QOS to the job's association, to all accounts above it, to
// the job's QOS and to the partition's, after it has let all of them decay by the half-life. This is the same
// sum, made from job rows. Times are epoch seconds; amounts are TRES × seconds in Slurm's units (mem in MiB).
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/calendar.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/limits.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

// PriorityUsageResetPeriod of slurm.conf.
enum class ResetPeriod { kNone, kDaily, kWeekly, kMonthly, kQuarterly, kYearly };

// An operator's `sacctmgr modify … set RawUsage=0`, which leaves no trace in the database.
struct UsageReset {
  std::string account;  // with its user, and that with its partition, or just the account; or
  std::string user;
  std::string partition;
  std::string qos;  // only this
  std::int64_t time = 0;

  bool operator==(const UsageReset&) const = default;
};

// What of slurm.conf decides how usage is summed up. The defaults are Slurm's.
struct QuotaPolicy {
  bool known = false;                                // somebody has said so; else these are the defaults
  std::int64_t half_life = std::int64_t{7} * 86400;  // PriorityDecayHalfLife; 0: no decay
  ResetPeriod reset = ResetPeriod::kNone;
  Calendar calendar{""};                             // slurmctld's
  std::int64_t history = std::int64_t{400} * 86400;  // job rows are not read further back
  std::map<std::string, std::string> partition_qos;  // QOS= of partitions
  std::vector<UsageReset> resets;
};

// From when usage counts. Neither: always.
struct QuotaPeriod {
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
};

QuotaPeriod QuotaPeriodAt(const QuotaPolicy& policy, std::int64_t time);

// Per second, as slurmctld approximates it: 0 without decay.
double DecayOf(const QuotaPolicy& policy);

EnforcedWeights WeightsOf(const QuotaPolicy& policy, const AssociationTree& tree, const QosMap& qos);

// From where usage counts at `as_of`: the last reset, or where what is older has faded away; 0: always.
std::int64_t CountedFrom(const QuotaPolicy& policy, std::int64_t as_of);
// From where job rows are counted at `as_of`, if they are there; it stays the same for days.
std::int64_t EnforcedEpoch(const QuotaPolicy& policy, std::int64_t as_of);
// Usage from before the ledger's epoch, by roll-ups: job rows do not reach back so far, or nobody wants to
// read so many. Amounts weigh what they do at the epoch.
struct EarlierUsage {
  // By id and TRES.
  using Sums = std::map<std::pair<std::uint32_t, std::uint32_t>, double>;

  bool any = false;      // else there is nothing before the epoch that counts
  bool has_qos = false;  // slurmdbd rolls QOS up (24.11 and later)
  Sums associations;
  Sums qos;
};

// Of [from, to); `to` is the epoch. `rollups` is slurmdbd's, kept in its calendar.
EarlierUsage EarlierUsageOf(const UsageBook& rollups, const Calendar& calendar,
                            const EnforcedWeights& weights, std::int64_t from, std::int64_t to);

// TRES-seconds.
struct QuotaAmounts {
  double used = 0;
  double committed = 0;
};

class QuotaBook {
 public:
  explicit QuotaBook(QuotaPolicy policy) : policy_(std::move(policy)) {}

  // `jobs`: a ledger of rule kEnforced; null when nothing has a budget, so that nobody asks.
  void Update(const Moment& moment, const JobLedger* jobs, const AssociationTree& tree, const QosMap& qos,
              const EarlierUsage& earlier);

  const Moment& moment() const { return moment_; }
  const QuotaPeriod& period() const { return period_; }
  bool has_usage() const { return has_usage_; }
  // Nothing is known that could make slurmctld's own sum another one.
  bool exact() const { return exact_; }
  // What was used at an association and below it, or by a QOS. None: not known.
  std::optional<QuotaAmounts> OfAssociation(std::uint32_t id, std::uint32_t tres) const;
  std::optional<QuotaAmounts> OfQos(std::uint32_t id, std::uint32_t tres) const;

 private:
  using Sums = std::map<std::pair<std::uint32_t, std::uint32_t>, QuotaAmounts>;  // by id and TRES

  QuotaPolicy policy_;
  Moment moment_;
  QuotaPeriod period_;
  bool has_usage_ = false;
  bool has_wall_ = false;  // roll-ups have no wall time
  bool has_qos_ = false;
  bool exact_ = false;
  Sums associations_;  // whole subtrees; what is not in it has used nothing
  Sums qos_;
};

}  // namespace slurmdb
