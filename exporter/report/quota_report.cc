#include "exporter/report/quota_report.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "collectors/slurmdb/accounting.h"

namespace exporter::report {
namespace {

using slurmdb::ClusterView;

// The budgets of one account, user or QOS.
struct Holder {
  std::string account;
  std::string user;
  std::string partition;
  std::string qos;
};

class Lines {
 public:
  Lines(const Request& request, const slurmdb::TresCatalog& catalog, Sheet& sheet)
      : request_(request), catalog_(catalog), sheet_(sheet) {}

  // `amounts_of`: what is used of a TRES; none: not known.
  template <typename AmountsOf>
  void Add(const ClusterView& cluster, const Holder& holder, const std::optional<std::uint64_t>& wall,
           const slurmdb::TresCounts& tres, AmountsOf amounts_of) {
    if (!request_.Accepts(Dimension::kAccount, holder.account) ||
        !request_.Accepts(Dimension::kUser, holder.user) || !request_.Accepts(Dimension::kQos, holder.qos))
      return;
    const auto add = [&](const std::string& name, std::uint64_t limit,
                         const std::optional<slurmdb::QuotaAmounts>& amounts) {
      const auto whole = [](double amount) -> Value {
        return static_cast<std::uint64_t>(std::llround(amount));
      };
      Line line = {std::string(cluster.name),
                   holder.account,
                   holder.user,
                   holder.partition,
                   holder.qos,
                   name,
                   limit,
                   {},
                   {},
                   {}};
      if (amounts) {
        line[7] = whole(amounts->used);
        line[8] = whole(amounts->committed);
        if (limit != 0)
          line[9] = Decimal{fmt::format("{:.1f}", 100 * amounts->used / static_cast<double>(limit))};
      }
      sheet_.Add(line);
    };
    if (wall) add("wall", *wall, amounts_of(slurmdb::kTresWall));
    for (const slurmdb::TresCount& one : tres) add(catalog_.Label(one.id), one.count, amounts_of(one.id));
  }

 private:
  const Request& request_;
  const slurmdb::TresCatalog& catalog_;
  Sheet& sheet_;
};

}  // namespace

std::vector<Check> MakeQuota(const Request& request, slurmdb::AccountingOptions options, Head head,
                             Sheet& sheet) {
  options.as_of = request.as_of;
  KeepClustersOf(request, options);
  slurmdb::Accounting accounting(std::move(options));
  accounting.StartPoll();
  std::vector<Check> checks;
  for (const slurmdb::ClusterFailure& failure : accounting.Require(slurmdb::Book::kQuota))
    throw slurmdb::DatabaseError(failure.reason, fmt::format("{}: {}", failure.cluster, failure.message));
  constexpr std::int64_t kFresh = 0;
  const slurmdb::AccountingView view = accounting.View(slurmdb::Book::kQuota, kFresh);
  for (const char* name : {"cluster", "account", "user", "partition", "qos", "tres"})
    head.columns.push_back({name, ColumnKind::kText, ""});
  for (const char* name : {"limit", "used", "committed"})
    head.columns.push_back({name, ColumnKind::kInteger, ""});
  head.columns.push_back({"used_percent", ColumnKind::kDecimal, ""});
  sheet.Begin(head);
  sheet.SetTotals(std::nullopt);  // of different TRES
  Lines lines(request, *view.tres, sheet);
  for (const ClusterView& cluster : view.clusters) {
    for (const auto& [id, limits] : *cluster.limits) {
      const slurmdb::AssociationRow* row = cluster.associations->Find(id);
      if (row == nullptr) continue;
      lines.Add(cluster, {row->account, row->user, row->partition, ""},
                limits.set.numbers[slurmdb::kAssociationGrpWall],
                limits.set.tres[slurmdb::kAssociationGrpTresMins],
                [&, id = id](std::uint32_t tres) { return cluster.quota->OfAssociation(id, tres); });
    }
    for (const auto& [id, row] : *view.qos_rows) {
      if (row.deleted) continue;
      lines.Add(cluster, {"", "", "", row.name}, row.set.numbers[slurmdb::kQosGrpWall],
                row.set.tres[slurmdb::kQosGrpTresMins],
                [&, id = id](std::uint32_t tres) { return cluster.quota->OfQos(id, tres); });
    }
    if (!cluster.quota->has_usage()) continue;
    const bool exact = cluster.quota->exact();
    checks.push_back({std::string(cluster.name), "exact", exact,
                      fmt::format("{}: what is used is {}", cluster.name,
                                  exact ? "what slurmctld counts" : "an estimate, see docs/numbers.md")});
  }
  return checks;
}

}  // namespace exporter::report
