// Which columns and indexes the accounting database really has, or rather which ones we may read.
//
// Columns are probed, never versions: information_schema hides what is not granted, so "not there" and "not
// granted" look alike here, and both mean: do without.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace slurmdb {

class Connection;

class Schema {
 public:
  // Reads the columns and indexes of the tables named. Uses information_schema's look-up by schema and table
  // name.
  static Schema Probe(Connection& db, std::span<const std::string> tables);

  // Names are compared without regard to case: servers with lower_case_table_names fold them.
  bool HasTable(std::string_view table) const;
  bool Has(std::string_view table, std::string_view column) const;
  bool HasAll(std::string_view table, std::initializer_list<std::string_view> columns) const;
  // To be put into a SELECT: the column, or `otherwise` where it is not there.
  std::string_view ColumnOr(std::string_view table, std::string_view column,
                            std::string_view otherwise = "NULL") const;
  void Add(std::string_view table, std::string_view column);
  // Name of an index of this table that begins with this column; empty for none.
  std::string IndexOn(std::string_view table, std::string_view column) const;
  void AddIndex(std::string_view table, std::string_view column, std::string_view index);

 private:
  std::map<std::string, std::set<std::string>> columns_;                // by table, all in lower case
  std::map<std::pair<std::string, std::string>, std::string> indexes_;  // by table and first column
};

}  // namespace slurmdb
