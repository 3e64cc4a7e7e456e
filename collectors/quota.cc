#include "collectors/quota.h"

#include <optional>
#include <utility>

#include "collectors/families.h"
#include "collectors/job_labels.h"

namespace collectors {
namespace {

using slurmdb::ClusterView;
using slurmdb::LimitColumn;
using slurmdb::TresCount;
using slurmdb::TresCounts;
using Labels = std::vector<std::string>;

const char* const kWall = "wall";

Labels With(Labels labels, std::string last) {
  labels.push_back(std::move(last));
  return labels;
}

// Limit, used and committed of what has a budget, always with the same labels.
class Budgets {
 public:
  Budgets(const std::string& prefix, const std::string& of, const Labels& labels)
      : limit_(prefix + "_limit_tres_seconds",
               "Budget of " + of +
                   ": GrpTRESMins in TRES-seconds, and GrpWall in seconds as the TRES wall; mem in "
                   "byte-seconds.",
               labels),
        used_(prefix + "_used_tres_seconds",
              "What slurmctld holds against the budget of " + of +
                  ", worked out from job_table; an estimate where slurmdbd_quota_usage_exact is 0.",
              labels),
        committed_(prefix + "_committed_tres_seconds",
                   "What running and suspended jobs add to it if they use their whole time limits, for the "
                   "budget of " +
                       of + ".",
                   labels) {}

  // `amounts_of`: what is used of a TRES; none: not known.
  template <typename AmountsOf>
  void Add(const slurmdb::AccountingView& view, const Labels& labels,
           const std::optional<std::uint64_t>& wall, const TresCounts& tres, AmountsOf amounts_of) {
    const auto put = [&](std::uint32_t id, const std::string& name, double unit, std::uint64_t limit) {
      const Labels values = With(labels, name);
      limit_.Add(values, static_cast<double>(limit) * unit);
      const std::optional<slurmdb::QuotaAmounts> amounts = amounts_of(id);
      if (!amounts) return;
      used_.Add(values, amounts->used * unit);
      committed_.Add(values, amounts->committed * unit);
    };
    if (wall) put(slurmdb::kTresWall, kWall, 1, *wall);
    for (const TresCount& one : tres)
      put(one.id, view.tres->Label(one.id), view.tres->UnitScale(one.id), one.count);
  }

  void MoveTo(Families& families) {
    for (GaugeFamily* family : {&limit_, &used_, &committed_}) families.push_back(std::move(*family).Build());
  }

 private:
  GaugeFamily limit_;
  GaugeFamily used_;
  GaugeFamily committed_;
};

// Every limit of a set: numbers, and TRES with their names.
class LimitFamilies {
 public:
  LimitFamilies(const std::string& prefix, const std::string& of, Labels labels)
      : numbers_(prefix, "Limits of " + of + ", by sacctmgr's names; times in seconds.",
                 With(labels, "limit")),
        tres_(prefix + "_tres",
              "Limits on TRES of " + of +
                  ", by sacctmgr's names; those called Mins in TRES-seconds; mem in bytes or byte-seconds.",
              With(With(std::move(labels), "limit"), "tres")) {}

  template <std::size_t N, std::size_t T>
  void Add(const slurmdb::AccountingView& view, const Labels& labels, const slurmdb::LimitSet<N, T>& set,
           const std::array<LimitColumn, N>& numbers, const std::array<LimitColumn, T>& tres) {
    for (std::size_t i = 0; i < N; ++i) {
      if (set.numbers[i])
        numbers_.Add(With(labels, std::string(numbers[i].name)), static_cast<double>(*set.numbers[i]));
    }
    for (std::size_t i = 0; i < T; ++i) {
      for (const TresCount& one : set.tres[i]) {
        tres_.Add(With(With(labels, std::string(tres[i].name)), view.tres->Label(one.id)),
                  static_cast<double>(one.count) * view.tres->UnitScale(one.id));
      }
    }
  }

  void MoveTo(Families& families) {
    families.push_back(std::move(numbers_).Build());
    families.push_back(std::move(tres_).Build());
  }

 private:
  GaugeFamily numbers_;
  GaugeFamily tres_;
};

// Percentages of what the cluster has as amounts. What it has not is left out.
slurmdb::QosLimitSet Resolved(const slurmdb::QosRow& qos, const TresCounts& cluster_tres) {
  slurmdb::QosLimitSet set = qos.set;
  if ((qos.flags & slurmdb::QosRow::kRelative) == 0) return set;
  for (std::size_t i = 0; i < slurmdb::kQosTresLimits.size(); ++i) {
    if (!slurmdb::kQosTresLimits[i].relative) continue;
    TresCounts amounts;
    for (const TresCount& percent : set.tres[i]) {
      for (const TresCount& has : cluster_tres) {
        if (has.id != percent.id) continue;
        const slurmdb::Uint128 amount = slurmdb::Uint128{has.count} * percent.count / 100;
        amounts.push_back({has.id, static_cast<std::uint64_t>(amount)});
      }
    }
    set.tres[i] = std::move(amounts);
  }
  return set;
}

}  // namespace

Families CollectQuota(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  const Labels association_labels = {"cluster", "account", "user", "partition"};
  const Labels qos_labels = {"cluster", "qos"};
  LimitFamilies limits("slurmdbd_association_limit", "an account, or a user in it", association_labels);
  LimitFamilies qos_limits("slurmdbd_qos_limit", "a QOS", qos_labels);
  Budgets budgets("slurmdbd_quota", "an account, or a user in it", With(association_labels, "tres"));
  Budgets qos_budgets("slurmdbd_qos_quota", "a QOS", With(qos_labels, "tres"));
  GaugeFamily shares("slurmdbd_association_shares",
                     "Raw fair shares of an account, or a user in it; absent where it uses its parent's.",
                     association_labels);
  GaugeFamily starts("slurmdbd_quota_period_start_timestamp_seconds",
                     "Since when usage counts against quotas: the last reset of PriorityUsageResetPeriod.",
                     {"cluster"});
  GaugeFamily ends("slurmdbd_quota_period_end_timestamp_seconds",
                   "When usage will be reset by PriorityUsageResetPeriod.", {"cluster"});
  GaugeFamily ratios(
      "slurmdbd_quota_warning_ratio",
      "Share of its quota from which on an account is to be warned, where quota.warning-ratio says so.",
      {"cluster", "account"});
  GaugeFamily exact("slurmdbd_quota_usage_exact",
                    "Whether what is used of quotas is what slurmctld counts, as far as the database and the "
                    "settings can tell (1), or an estimate (0).",
                    {"cluster"});
  for (const ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const auto uids = Uids(cluster);
    for (const auto& [id, one] : *cluster.limits) {
      const slurmdb::AssociationRow* row = cluster.associations->Find(id);
      if (row == nullptr) continue;
      std::string user;
      if (!row->user.empty()) {
        const auto uid = uids.find(row->user);
        const auto shown = ShownUser(row->user, uid == uids.end() ? "" : uid->second, options);
        // Limits of users that have no name here cannot be told apart, or added up.
        if (!shown || shown->empty()) continue;
        user = *shown;
      }
      const Labels labels = {name, row->account, user, row->partition};
      limits.Add(view, labels, one.set, slurmdb::kAssociationLimits, slurmdb::kAssociationTresLimits);
      if (one.shares) shares.Add(labels, static_cast<double>(*one.shares));
      const auto& wall = one.set.numbers[slurmdb::kAssociationGrpWall];
      const TresCounts& tres = one.set.tres[slurmdb::kAssociationGrpTresMins];
      budgets.Add(view, labels, wall, tres,
                  [&, id = id](std::uint32_t tres_id) { return cluster.quota->OfAssociation(id, tres_id); });
      if (!row->user.empty()) continue;
      if (const auto ratio = options.quota_warning_ratio(name, row->account))
        ratios.Add({name, row->account}, *ratio);
    }
    for (const auto& [id, row] : *view.qos_rows) {
      if (row.deleted) continue;
      const slurmdb::QosLimitSet set = Resolved(row, *cluster.tres);
      qos_limits.Add(view, {name, row.name}, set, slurmdb::kQosLimits, slurmdb::kQosTresLimits);
      qos_budgets.Add(view, {name, row.name}, set.numbers[slurmdb::kQosGrpWall],
                      set.tres[slurmdb::kQosGrpTresMins],
                      [&, id = id](std::uint32_t tres_id) { return cluster.quota->OfQos(id, tres_id); });
    }
    const slurmdb::QuotaPeriod& period = cluster.quota->period();
    if (period.start) starts.Add({name}, static_cast<double>(*period.start));
    if (period.end) ends.Add({name}, static_cast<double>(*period.end));
    if (cluster.quota->has_usage()) exact.Add({name}, cluster.quota->exact() ? 1 : 0);
  }
  Families families;
  budgets.MoveTo(families);
  qos_budgets.MoveTo(families);
  limits.MoveTo(families);
  qos_limits.MoveTo(families);
  for (GaugeFamily* family : {&shares, &starts, &ends, &ratios, &exact})
    families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
