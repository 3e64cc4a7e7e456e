// event_table of one cluster, as the rows an EventBook asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collectors/slurmdb/event_book.h"

namespace slurmdb {

class Connection;
class Schema;

class EventReader : public EventSource {
 public:
  // `db` and `schema` are kept by reference.
  EventReader(Connection& db, const Schema& schema, const std::string& cluster);

  // Its table, unquoted, for Schema::Probe.
  static std::string Table(const std::string& cluster);

  bool readable() const;
  PlannedDown planned_down() const;
  std::optional<std::int64_t> LastRegistration(std::int64_t until) override;
  void ReadSince(std::int64_t from, const Sink& sink) override;
  // Those that began before `to`.
  void ReadWithin(std::int64_t from, std::int64_t to, const Sink& sink);
  void ReadByKey(std::span<const EventKey> keys, const Sink& sink) override;
  void ReadBefore(std::span<const std::string> nodes, std::int64_t before, const Sink& sink) override;

 private:
  // Rows that began as `when` says: `from` or later. Statements are named after `purpose`.
  void ReadBegun(const std::string& purpose, std::int64_t from, const std::string& when, const Sink& sink);
  // Rows of these nodes, by PRIMARY, where `and_where` holds too.
  void ReadOf(const std::string& purpose, std::span<const std::string> nodes, const std::string& and_where,
              const Sink& sink);
  void Fetch(const std::string& purpose, const std::string& index, const std::string& where,
             const Sink& sink);

  Connection& db_;
  const Schema& schema_;
  std::string name_;
};

}  // namespace slurmdb
