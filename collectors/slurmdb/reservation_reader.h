// resv_table of one cluster, and the jobs that ran in its reservations, as the rows a ReservationBook asks
// for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/slurmdb/reservation_book.h"

namespace slurmdb {

class Connection;
class Schema;

class ReservationReader : public ReservationSource {
 public:
  // `db` and `schema` are kept by reference.
  ReservationReader(Connection& db, const Schema& schema, const std::string& cluster);

  // How rows are found by their end: archive_purge (time_end), from 23.11 on. Before that there is no index,
  // and a statement is a whole scan, for now and then: a row a reservation and change.
  struct ByEnd {
    const char* purpose;
    std::string index;  // FORCE INDEX (…), or nothing
  };
  static ByEnd FindByEnd(const Schema& schema, const std::string& table);

  // Its own table, unquoted, for Schema::Probe; that of jobs is a JobReader's.
  static std::string Table(const std::string& cluster);

  bool readable() const;
  bool FindsByEnd() const override;
  std::vector<std::uint32_t> IdsEndingAfter(std::int64_t time) override;
  std::vector<std::uint32_t> IdsAbove(std::uint32_t id) override;
  void Read(std::span<const std::uint32_t> ids, const Sink& sink) override;
  bool HasJobs() const override;
  void ReadJobs(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) override;
  void ReadJobsSince(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) override;

 private:
  std::vector<std::uint32_t> Ids(const std::string& purpose, const std::string& index_and_where);
  void FetchJobs(const std::string& purpose, const std::string& index, const std::string& where,
                 const JobSink& sink);

  Connection& db_;
  const Schema& schema_;
  std::string name_;
  std::string jobs_;
};

}  // namespace slurmdb
