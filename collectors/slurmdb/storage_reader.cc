#include "collectors/slurmdb/storage_reader.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/job_reader.h"
#include "collectors/slurmdb/lower_case.h"
#include "collectors/slurmdb/readers.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
namespace {

// Those that grow, or that hold what was big when it was written.
constexpr std::array kTables = {
    "assoc_table",         "assoc_usage_day_table", "assoc_usage_hour_table", "assoc_usage_month_table",
    "event_table",         "job_env_table",         "job_script_table",       "job_table",
    "qos_usage_day_table", "qos_usage_hour_table",  "qos_usage_month_table",  "resv_table",
    "step_table",          "suspend_table",         "usage_day_table",        "usage_hour_table",
    "usage_month_table",   "wckey_usage_day_table", "wckey_usage_hour_table", "wckey_usage_month_table"};

std::optional<std::uint64_t> Known(const Field& field) {
  return field.is_null() ? std::nullopt : std::optional(field.AsU64());
}

}  // namespace

Storage ReadStorage(Connection& db, const Schema& schema, const std::string& cluster) {
  Storage storage;
  std::map<std::string, std::string>
      tables;  // full name, as the server may spell it -> without the cluster's
  std::string sql;
  for (const char* table : kTables) {
    const std::string name = fmt::format("{}_{}", cluster, table);
    tables.emplace(name, table);
    tables.emplace(LowerCase(name), table);
  }
  for (const auto& [name, table] : tables) {
    // One look-up a table: a list of names would make the server open every table of the database.
    sql += fmt::format(
        "{}SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = {}",
        sql.empty() ? "" : " UNION ALL ", db.Literal(name));
  }
  {
    Result rows = db.Query("table-sizes", sql);
    while (rows.Next()) {
      const auto table = tables.find(std::string(rows[0].raw()));
      if (table != tables.end()) storage.tables.push_back({table->second, Known(rows[1]), Known(rows[2])});
    }
  }
  if (schema.Has(cluster + "_job_table", "time_end"))
    storage.oldest_job_end = JobReader(db, schema, cluster).OldestEnd();
  return storage;
}

}  // namespace slurmdb
