#include "collectors/slurmdb/schema.h"

#include <algorithm>
#include <cctype>

#include "collectors/slurmdb/connection.h"

namespace slurmdb {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

Schema Schema::Probe(Connection& db, std::span<const std::string> tables) {
  Schema schema;
  if (tables.empty()) return schema;
  std::string names;
  for (const std::string& table : tables) {
    for (const std::string& spelling : {table, Lower(table)}) {
      if (!names.empty()) names += ", ";
      names += db.Literal(spelling);
    }
  }
  Result rows = db.Query("schema",
                         "SELECT table_name, column_name FROM information_schema.columns "
                         "WHERE table_schema = DATABASE() AND table_name IN (" +
                             names + ")");
  while (rows.Next()) schema.Add(rows[0].raw(), rows[1].raw());
  return schema;
}

bool Schema::HasTable(std::string_view table) const { return columns_.contains(Lower(table)); }

bool Schema::Has(std::string_view table, std::string_view column) const {
  const auto found = columns_.find(Lower(table));
  return found != columns_.end() && found->second.contains(Lower(column));
}

void Schema::Add(std::string_view table, std::string_view column) {
  columns_[Lower(table)].insert(Lower(column));
}

}  // namespace slurmdb
