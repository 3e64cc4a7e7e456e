#include "collectors/slurmdb/reservation_reader.h"

#include <fmt/format.h>

#include <utility>

#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {
ReservationReader::ReservationReader(Connection& db, const Schema& schema, const std::string& cluster)
    : db_(db), schema_(schema), name_(Table(cluster)), jobs_(cluster + "_job_table") {}

std::string ReservationReader::Table(const std::string& cluster) { return cluster + "_resv_table"; }

bool ReservationReader::readable() const {
  return schema_.HasAll(name_, {"id_resv", "resv_name", "time_start", "time_end", "tres", "deleted"});
}

bool ReservationReader::HasJobs() const {
  return schema_.HasAll(jobs_, {"id_resv", "id_job", "time_submit", "time_start", "time_end", "tres_alloc"});
}

bool ReservationReader::FindsByEnd() const { return !FindByEnd(schema_, name_).index.empty(); }

ReservationReader::ByEnd ReservationReader::FindByEnd(const Schema& schema, const std::string& table) {
  const std::string index = schema.IndexOn(table, "time_end");
  if (index.empty()) return {"reservations-all", ""};
  return {"reservations-ending", fmt::format("FORCE INDEX ({})", QuoteName(index))};
}

std::vector<std::uint32_t> ReservationReader::Ids(const std::string& purpose,
                                                  const std::string& index_and_where) {
  std::vector<std::uint32_t> ids;
  Result rows = db_.Query(
      purpose, fmt::format("SELECT DISTINCT id_resv FROM {} {}", QuoteName(name_), index_and_where));
  while (rows.Next()) ids.push_back(rows[0].AsU32());
  return ids;
}

std::vector<std::uint32_t> ReservationReader::IdsEndingAfter(std::int64_t time) {
  const ByEnd by_end = FindByEnd(schema_, name_);
  return Ids(by_end.purpose, fmt::format("{} WHERE time_end > {}", by_end.index, time));
}

std::vector<std::uint32_t> ReservationReader::IdsAbove(std::uint32_t id) {
  // PRIMARY (id_resv, time_start).
  return Ids("reservations-above", fmt::format("FORCE INDEX (PRIMARY) WHERE id_resv > {}", id));
}

void ReservationReader::Read(std::span<const std::uint32_t> ids, const Sink& sink) {
  // PRIMARY (id_resv, time_start).
  Result rows =
      db_.Query("reservations",
                fmt::format("SELECT id_resv, deleted, {}, resv_name, {}, time_start, time_end, tres, {} "
                            "FROM {} FORCE INDEX (PRIMARY) WHERE id_resv IN ({})",
                            schema_.ColumnOr(name_, "flags"), schema_.ColumnOr(name_, "nodelist"),
                            schema_.ColumnOr(name_, "unused_wall"), QuoteName(name_), fmt::join(ids, ", ")));
  while (rows.Next()) {
    sink({rows[0].AsU32(), rows[1].AsU64Or(0) != 0, rows[2].AsU64Or(0), rows[3].Text(), rows[4].Text(),
          static_cast<std::int64_t>(rows[5].AsU64Or(0)), static_cast<std::int64_t>(rows[6].AsU64Or(0)),
          ParseTres(rows[7].raw()), rows[8].AsDoubleOr(0)});
  }
}

void ReservationReader::FetchJobs(const std::string& purpose, const std::string& index,
                                  const std::string& where, const JobSink& sink) {
  Result rows = db_.Query(
      purpose, fmt::format("SELECT id_job, time_submit, id_resv, time_start, time_end, tres_alloc FROM {} "
                           "FORCE INDEX ({}) WHERE {} AND time_start > 0",
                           QuoteName(jobs_), index, where));
  while (rows.Next()) {
    sink({{rows[0].AsU32(), rows[1].AsU64Or(0)},
          rows[2].AsU32(),
          static_cast<std::int64_t>(rows[3].AsU64()),
          static_cast<std::int64_t>(rows[4].AsU64Or(0)),
          rows[5].raw()});
  }
}

void ReservationReader::ReadJobs(std::span<const std::uint32_t> ids, std::int64_t from, const JobSink& sink) {
  FetchJobs("reserved-jobs", "reserv",  // (id_resv)
            fmt::format("id_resv IN ({}) AND (time_end = 0 OR time_end >= {})", fmt::join(ids, ", "), from),
            sink);
}

void ReservationReader::ReadJobsSince(std::span<const std::uint32_t> ids, std::int64_t from,
                                      const JobSink& sink) {
  FetchJobs("reserved-jobs-since", "rollup2",  // (time_end, time_eligible)
            fmt::format("(time_end = 0 OR time_end >= {}) AND id_resv IN ({})", from, fmt::join(ids, ", ")),
            sink);
}

}  // namespace slurmdb
