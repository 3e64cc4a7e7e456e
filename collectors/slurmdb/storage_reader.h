// How big one cluster's tables are, from the server's own statistics, and how far back its jobs go.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectors/slurmdb/job_ledger.h"

namespace slurmdb {

class Connection;
class Schema;

struct TableSize {
  std::string table;  // without the cluster's name: "job_table"
  std::optional<std::uint64_t> rows;
  std::optional<std::uint64_t> bytes;  // with indexes
};

struct Storage {
  Moment at;
  std::int64_t read_at = 0;
  std::vector<TableSize> tables;               // those that are there and granted
  std::optional<std::int64_t> oldest_job_end;  // none when no job has ended

  const Moment& moment() const { return at; }
};

// Everything but the instants. Estimates: the server counts neither rows nor bytes for it.
Storage ReadStorage(Connection& db, const Schema& schema, const std::string& cluster);

}  // namespace slurmdb
