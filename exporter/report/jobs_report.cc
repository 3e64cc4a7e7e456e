#include "exporter/report/jobs_report.h"

#include <set>
#include <stdexcept>

#include "collectors/slurmdb/transaction_book.h"
#include "exporter/report/job_fields.h"

namespace exporter::report {
namespace {

std::string WckeyOf(const slurmdb::ClusterHistory& cluster, const slurmdb::JobRecord& job) {
  const auto key = cluster.wckeys().find(job.id_wckey);
  return key == cluster.wckeys().end() ? "" : key->second.name;
}

bool Accepts(const Request& request, const JobView& view) {
  for (const auto& [dimension, names] : request.only) {
    switch (dimension) {
      case Dimension::kAccount:
        if (request.tree) {
          const auto accounts = view.cluster->associations().Accounts(view.job->id_assoc);
          bool any = request.Accepts(dimension, JobAccount(view));
          for (const std::string* account : accounts) any = any || request.Accepts(dimension, *account);
          if (!any) return false;
        } else if (!request.Accepts(dimension, JobAccount(view))) {
          return false;
        }
        break;
      case Dimension::kUser:
        if (!request.Accepts(dimension, JobUser(view))) return false;
        break;
      case Dimension::kPartition:
        if (!request.Accepts(dimension, view.job->partition)) return false;
        break;
      case Dimension::kQos:
        if (!request.Accepts(dimension, JobQos(view))) return false;
        break;
      case Dimension::kWckey:
        if (!request.Accepts(dimension, WckeyOf(*view.cluster, *view.job))) return false;
        break;
      default:
        break;
    }
  }
  return true;
}

}  // namespace

void MakeJobs(const Request& request, slurmdb::History& history, const slurmdb::HistoryProgress& progress,
              Head head, Sheet& sheet) {
  std::vector<const JobField*> fields;
  for (const std::string& name : request.fields) {
    const JobField* field = FindJobField(name);
    if (field == nullptr) throw std::runtime_error("--fields: there is no field " + name);
    fields.push_back(field);
    head.columns.push_back({field->name, ColumnKind::kText, ""});
  }
  sheet.Begin(head);
  slurmdb::JobQuery query;
  query.from = request.window.from;
  query.to = request.window.to;
  query.never_eligible = false;
  query.described = true;
  query.suspensions = request.truncate;
  JobView view;
  view.history = &history;
  view.now = request.as_of;
  if (request.truncate) view.cut = &request.window;
  Line line;
  for (const std::string& name : history.clusters()) {
    if (!request.Accepts(Dimension::kCluster, name)) continue;
    slurmdb::ClusterHistory& cluster = history.Cluster(name);
    view.cluster = &cluster;
    if (const auto users = request.only.find(Dimension::kUser); users != request.only.end()) {
      std::set<std::uint32_t> ids;
      for (const std::string& user : users->second) {
        const auto found = cluster.ReadUserIds(user);
        ids.insert(found.begin(), found.end());
      }
      query.users.emplace(ids.begin(), ids.end());
    }
    cluster.ReadJobs(
        query,
        [&](const slurmdb::JobRecord& job) {
          view.job = &job;
          if (!Accepts(request, view)) return;
          line.clear();
          for (const JobField* field : fields) line.emplace_back(field->text(view));
          sheet.Add(line);
        },
        progress);
  }
}

void MakeTransactions(const Request& request, slurmdb::History& history, Head head, Sheet& sheet) {
  if (!history.HasTransactions()) throw std::runtime_error("txn_table: not there, or not granted");
  for (const char* name : {"id", "time", "actor", "action", "cluster", "of", "set"}) {
    const bool is_id = std::string_view(name) == "id";
    head.columns.push_back({name, is_id ? ColumnKind::kDecimal : ColumnKind::kText, ""});
  }
  sheet.Begin(head);
  history.ReadTransactions(
      request.window.from, request.window.to, [&](const slurmdb::TransactionRecord& row) {
        if (!row.cluster.empty() && !request.Accepts(Dimension::kCluster, row.cluster)) return;
        if (!request.Accepts(Dimension::kUser, row.actor)) return;
        sheet.Add({Decimal{std::to_string(row.id)}, history.calendar().Text(row.timestamp), row.actor,
                   slurmdb::ActionName(row.action), row.cluster, row.name, row.info});
      });
}

}  // namespace exporter::report
