// SQL in, typed rows out: what the audit is made from. All throw DatabaseError.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/slurmdb/audit_book.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/transaction_book.h"

namespace slurmdb {

class Connection;
class Schema;

// txn_table, which all clusters share.
class TransactionReader : public TransactionSource {
 public:
  // `db` is kept by reference.
  explicit TransactionReader(Connection& db) : db_(db) {}

  static bool Readable(const Schema& schema);
  void ReadAfter(std::uint64_t after, const Sink& sink) override;
  void ReadBefore(std::uint64_t before, std::uint32_t limit, const Sink& sink) override;

 private:
  void Read(const std::string& where, const Sink& sink);

  Connection& db_;
};

// The rest, of one cluster.
class AuditReader : public AuditSource {
 public:
  // `db` and `schema` are kept by reference. `tres`: all ids there are.
  AuditReader(Connection& db, const Schema& schema, std::string cluster, std::vector<std::uint32_t> tres);

  // The tables it reads that no other reader does, unquoted, for Schema::Probe.
  static std::vector<std::string> Tables(const std::string& cluster);
  // What it does without, as "table.column".
  std::vector<std::string> MissingColumns() const;

  std::vector<std::int64_t> ReadHours(std::int64_t from) override;
  std::map<std::uint32_t, std::uint64_t> ReadNewestSubmits(std::span<const std::uint32_t> ids) override;
  std::optional<std::vector<ReservationShare>> ReadReservations(std::int64_t from, std::int64_t to) override;
  TresSums ReadAllocated(std::int64_t from, std::int64_t to) override;
  std::vector<OldestRecord> ReadOldest() override;

 private:
  Connection& db_;
  const Schema& schema_;
  std::string cluster_;
  std::vector<std::uint32_t> tres_;
};

// When the oldest transaction that is kept began; none for none.
std::optional<std::int64_t> ReadOldestTransaction(Connection& db);
// Users who may administer, deleted ones left out.
bool AdministratorsReadable(const Schema& schema);
std::vector<AdministratorRow> ReadAdministrators(Connection& db);

}  // namespace slurmdb
