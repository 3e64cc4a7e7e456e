#include "collectors/usage.h"

#include <map>
#include <optional>
#include <utility>

#include "collectors/families.h"
#include "collectors/job_labels.h"
#include "collectors/slurmdb/lower_case.h"

namespace collectors {
namespace {

using slurmdb::ClusterView;
using slurmdb::kUsageWindows;
using slurmdb::UsageKind;
using slurmdb::UsageLine;

// One amount twice: as slurmdbd has rolled it up, and with what came since.
class UsageFamilies {
 public:
  // `sparse`: series of 0 are left out.
  UsageFamilies(const std::string& what, const std::string& help, const std::vector<std::string>& labels,
                bool sparse)
      : total_(
            "slurmdbd_" + what + "_usage_tres_seconds",
            "TRES-seconds of usage in a period, " + help +
                ": what is rolled up and what jobs have used since; mem in byte-seconds, energy in joules.",
            labels),
        rolled_up_("slurmdbd_" + what + "_usage_rolled_up_tres_seconds",
                   "TRES-seconds of usage in a period that slurmdbd has rolled up, " + help +
                       ", as sreport has it; mem in byte-seconds, energy in joules.",
                   labels),
        sparse_(sparse) {}

  void Add(std::vector<std::string> values, double unit, const UsageLine& line) {
    Sum& sum = sums_[std::move(values)];
    sum.unit = unit;
    for (std::size_t w = 0; w < kUsageWindows; ++w) {
      sum.line.rolled_up[w] += line.rolled_up[w];
      sum.line.total[w] += line.total[w];
    }
  }

  // Moves what was added to the page of one cluster.
  void Flush(const slurmdb::UsageSummary& summary) {
    for (const auto& entry : sums_) {
      const Sum& sum = entry.second;
      std::vector<std::string> with_period = entry.first;
      with_period.emplace_back();
      for (std::size_t w = 0; w < kUsageWindows; ++w) {
        with_period.back() = summary.windows()[w].name;
        const auto put = [&](GaugeFamily& family, std::uint64_t amount) {
          if (amount != 0 || !sparse_) family.Add(with_period, static_cast<double>(amount) * sum.unit);
        };
        if (summary.rolled_up_until() != 0) put(rolled_up_, sum.line.rolled_up[w]);
        if (summary.has_totals()) put(total_, sum.line.total[w]);
      }
    }
    sums_.clear();
  }

  void MoveTo(Families& families) {
    families.push_back(std::move(total_).Build());
    families.push_back(std::move(rolled_up_).Build());
  }

 private:
  struct Sum {
    UsageLine line;
    double unit = 1;
  };
  GaugeFamily total_;
  GaugeFamily rolled_up_;
  bool sparse_;
  std::map<std::vector<std::string>, Sum> sums_;
};

void AddAccounts(const slurmdb::AccountingView& view, const ClusterView& cluster, GaugeFamily& infos) {
  std::map<std::string, const slurmdb::AccountRow*> described;
  for (const slurmdb::AccountRow& account : *view.accounts)
    described.emplace(slurmdb::LowerCase(account.name), &account);
  for (const auto& [id, row] : cluster.associations->rows()) {
    if (!row.user.empty() || row.deleted) continue;
    const auto* parent = cluster.associations->ParentOf(row);
    const auto found = described.find(slurmdb::LowerCase(row.account));
    const slurmdb::AccountRow* text = found == described.end() ? nullptr : found->second;
    infos.Add({std::string(cluster.name), row.account, parent == nullptr ? "" : parent->account,
               text == nullptr ? "" : text->organization, text == nullptr ? "" : text->description,
               cluster.associations->PathOf(row)},
              1);
  }
}

}  // namespace

Families CollectUsage(const slurmdb::AccountingView& view, const CollectorOptions& options) {
  UsageFamilies accounts("account", "by account with all accounts below it",
                         {"cluster", "account", "tres", "period"}, false);
  UsageFamilies users("user", "by account and user", {"cluster", "account", "user", "tres", "period"}, true);
  UsageFamilies wckeys("wckey", "by wckey and user", {"cluster", "wckey", "user", "tres", "period"}, true);
  UsageFamilies qos("qos", "by QOS (from Slurm 24.11 on)", {"cluster", "qos", "tres", "period"}, false);
  GaugeFamily starts("slurmdbd_usage_period_start_timestamp_seconds",
                     "When the period of usage began, in slurmdbd's time zone.", {"cluster", "period"});
  GaugeFamily rolled_up_until("slurmdbd_rollup_last_hour_timestamp_seconds",
                              "End of the last hour that slurmdbd has rolled up into its usage tables.",
                              {"cluster"});
  GaugeFamily live_since(
      "slurmdbd_usage_live_since_timestamp_seconds",
      "From here on usage is counted from job_table: the end of what is rolled up and will "
      "not be rolled up again.",
      {"cluster"});
  GaugeFamily zone_right("slurmdbd_usage_timezone_agrees",
                         "Whether the days slurmdbd rolled up of late begin at midnight of --timezone; when "
                         "not (0), every number by period is wrong.",
                         {"cluster"});
  GaugeFamily infos(
      "slurmdbd_account_info",
      "An account of a cluster: its parent, its organization and description, and its path from "
      "the root; always 1.",
      {"cluster", "account", "parent", "organization", "description", "path"});
  GaugeFamily coordinators("slurmdbd_account_coordinator_info",
                           "A user who coordinates an account, from acct_coord_table; always 1.",
                           {"account", "user"});
  for (const ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    const slurmdb::UsageSummary& summary = *cluster.usage;
    const std::map<std::string, std::string> uids = Uids(cluster);
    const auto shown = [&](const std::string& user) {
      const auto uid = uids.find(user);
      return ShownUser(user, uid == uids.end() ? "" : uid->second, options);
    };
    // Lines are sorted by association; its names are looked up once, not for each TRES.
    const slurmdb::AssociationRow* association = nullptr;
    std::vector<const std::string*> path;
    std::optional<std::string> user;
    for (const auto& [key, line] : summary.lines(UsageKind::kAssociation)) {
      if (association == nullptr || association->id != key.first) {
        association = cluster.associations->Find(key.first);
        if (association == nullptr) continue;  // its row is gone, and with it the accounts it belonged to
        path = cluster.associations->Accounts(key.first);
        user = association->user.empty() ? std::nullopt : shown(association->user);
      }
      const std::string tres = view.tres->Label(key.second);
      const double unit = view.tres->UnitScale(key.second);
      for (const std::string* account : path) accounts.Add({name, *account, tres}, unit, line);
      if (user) users.Add({name, association->account, *user, tres}, unit, line);
    }
    for (const auto& [key, line] : summary.lines(UsageKind::kWckey)) {
      const auto wckey = cluster.wckeys->find(key.first);
      if (wckey == cluster.wckeys->end()) continue;
      const auto owner = shown(wckey->second.user);
      if (!owner) continue;
      wckeys.Add({name, wckey->second.name, *owner, view.tres->Label(key.second)},
                 view.tres->UnitScale(key.second), line);
    }
    for (const auto& [key, line] : summary.lines(UsageKind::kQos)) {
      qos.Add({name, QosName(view, key.first), view.tres->Label(key.second)},
              view.tres->UnitScale(key.second), line);
    }
    for (UsageFamilies* family : {&accounts, &users, &wckeys, &qos}) family->Flush(summary);
    for (const slurmdb::UsageWindow& window : summary.windows())
      starts.Add({name, window.name}, static_cast<double>(window.from));
    if (summary.rolled_up_until() != 0)
      rolled_up_until.Add({name}, static_cast<double>(summary.rolled_up_until()));
    if (summary.days_agree()) zone_right.Add({name}, *summary.days_agree() ? 1 : 0);
    if (summary.has_totals()) live_since.Add({name}, static_cast<double>(summary.live_since()));
    AddAccounts(view, cluster, infos);
  }
  for (const slurmdb::CoordinatorRow& row : *view.coordinators) {
    if (const auto user = ShownUser(row.user, "", options)) coordinators.Add({row.account, *user}, 1);
  }
  Families families;
  for (UsageFamilies* family : {&accounts, &users, &wckeys, &qos}) family->MoveTo(families);
  for (GaugeFamily* family : {&starts, &rolled_up_until, &live_since, &zone_right, &infos, &coordinators})
    families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
