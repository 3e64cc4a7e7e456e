#include "collectors/slurmdb/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/lower_case.h"

namespace slurmdb {

Schema Schema::Probe(Connection& db, std::span<const std::string> tables) {
  Schema schema;
  if (tables.empty()) return schema;
  std::set<std::string> spellings;
  for (const std::string& table : tables) spellings.insert({table, LowerCase(table)});
  // One look-up a table: a list of names would make the server open every table of the database.
  const auto each = [&](const std::string& select, const std::string& and_where) {
    std::string sql;
    for (const std::string& name : spellings) {
      sql += fmt::format("{}{} WHERE table_schema = DATABASE() AND table_name = {}{}",
                         sql.empty() ? "" : " UNION ALL ", select, db.Literal(name), and_where);
    }
    return sql;
  };
  {
    Result rows =
        db.Query("schema", each("SELECT table_name, column_name FROM information_schema.columns", ""));
    while (rows.Next()) schema.Add(rows[0].raw(), rows[1].raw());
  }
  Result rows =
      db.Query("schema", each("SELECT table_name, column_name, index_name FROM information_schema.statistics",
                              " AND seq_in_index = 1"));
  while (rows.Next()) schema.AddIndex(rows[0].raw(), rows[1].raw(), rows[2].raw());
  return schema;
}

bool Schema::HasTable(std::string_view table) const { return columns_.contains(LowerCase(table)); }

bool Schema::Has(std::string_view table, std::string_view column) const {
  const auto found = columns_.find(LowerCase(table));
  return found != columns_.end() && found->second.contains(LowerCase(column));
}

void Schema::Add(std::string_view table, std::string_view column) {
  columns_[LowerCase(table)].insert(LowerCase(column));
}

bool Schema::HasAll(std::string_view table, std::initializer_list<std::string_view> columns) const {
  return std::all_of(columns.begin(), columns.end(),
                     [&](std::string_view column) { return Has(table, column); });
}

std::string_view Schema::ColumnOr(std::string_view table, std::string_view column,
                                  std::string_view otherwise) const {
  return Has(table, column) ? column : otherwise;
}

std::string Schema::IndexOn(std::string_view table, std::string_view column) const {
  const auto found = indexes_.find({LowerCase(table), LowerCase(column)});
  return found == indexes_.end() ? "" : found->second;
}

void Schema::AddIndex(std::string_view table, std::string_view column, std::string_view index) {
  indexes_.emplace(std::pair(LowerCase(table), LowerCase(column)), index);
}

}  // namespace slurmdb
