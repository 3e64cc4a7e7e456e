// What lines are parted by: from ids in the database to the names on a line.
//
//   Grouping grouping(request, history, departments);
//   const Cell cell = grouping.CellOf(cluster, job);          // cheap, for each row
//   for (const auto& names : grouping.LinesOf(cluster, cell)) …  // once for each cell
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "collectors/pricing/price_book_tariff.h"
#include "collectors/slurmdb/history.h"
#include "exporter/report/request.h"

namespace exporter::report {

// What is summed up apart; what a request does not ask for stays 0.
struct Cell {
  std::uint32_t association = 0;
  std::uint32_t qos = 0;
  std::uint32_t wckey = 0;
  std::uint32_t partition = 0;  // a number that Grouping gives
  std::uint32_t account = 0;    // likewise, of a job without a known association
  std::uint32_t user = 0;       // likewise, its user id
  std::int64_t start = 0;       // of the part of the window it is in

  bool operator==(const Cell&) const = default;
};

struct CellHash {
  std::size_t operator()(const Cell& cell) const;
};

class Grouping {
 public:
  // All are kept by reference.
  Grouping(const Request& request, slurmdb::History& history, const pricing::Departments& departments);

  // Where parts of the window begin, and its end: days or months when lines are parted by them, and where
  // accounts change their department.
  const std::vector<std::int64_t>& borders() const { return borders_; }

  // All but its start.
  Cell CellOf(const slurmdb::ClusterHistory& cluster, const slurmdb::JobRecord& job);
  // The names of each line that it counts for: one, or with Request::tree one for each account above. None
  // when it is not selected.
  std::vector<std::vector<std::string>> LinesOf(const slurmdb::ClusterHistory& cluster, const Cell& cell);
  // The account of a cell's association, and its departments.
  const pricing::Accounts::Account& AccountOf(const slurmdb::ClusterHistory& cluster, const Cell& cell);
  // As the database has it; empty for none.
  std::string QosName(std::uint32_t id) const;

 private:
  std::uint32_t NumberOf(const std::string& name);
  std::vector<std::string> AccountsOf(const slurmdb::ClusterHistory& cluster, const Cell& cell);
  std::string NameOf(Dimension dimension, const slurmdb::ClusterHistory& cluster, const Cell& cell,
                     const std::string& account);

  const Request& request_;
  slurmdb::History& history_;
  const pricing::Departments& departments_;
  std::vector<std::int64_t> borders_;
  std::unordered_map<std::string, std::uint32_t> numbers_{{"", 0}};
  std::vector<std::string> names_{""};
  std::map<std::string, pricing::Accounts> accounts_;  // by cluster
  std::map<std::pair<std::string, std::uint32_t>, pricing::Accounts::Account> strangers_;
  std::map<std::pair<std::string, std::uint32_t>, pricing::Accounts::Account> known_;
};

// Whether a printed report has a page for each department.
bool IsPaged(const Request& request);

// The longest period that lines are not parted within; none: any.
std::optional<slurmdb::Period> PeriodOfLines(const Request& request);

}  // namespace exporter::report
