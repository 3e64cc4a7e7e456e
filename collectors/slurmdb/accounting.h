// The accounting database: one connection, and for each cluster the books kept from it.
//
//   Accounting accounting(options);
//   accounting.StartPoll();                 // connects when needed, finds the clusters
//   accounting.Require(Book::kJobs);        // brings that book up to date, once a poll
//   Use(accounting.View(Book::kJobs, staleness));
//
// Not thread-safe, except Interrupt().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collectors/slurmdb/accounting_source.h"
#include "collectors/slurmdb/cluster_books.h"
#include "collectors/slurmdb/connection.h"
#include "collectors/slurmdb/schema.h"

namespace slurmdb {

class Accounting : public AccountingSource {
 public:
  explicit Accounting(AccountingOptions options);

  void StartPoll() override;
  const std::vector<ClusterFailure>& Require(Book book) override;
  AccountingView View(Book book, std::int64_t staleness) const override;
  bool up() const override { return up_; }
  std::uint64_t rows_read() const override { return db_.rows_read(); }
  std::string peer() const override { return db_.peer(); }
  std::string server_version() const override { return db_.server_version(); }
  std::vector<std::string> missing_columns() const override;
  void Interrupt() noexcept override { db_.Interrupt(); }

 private:
  struct BookPoll {
    bool done = false;
    std::vector<ClusterFailure> failures;
    std::optional<DatabaseError> error;
  };

  void Open();
  std::int64_t ReadClock();
  // Closes a connection that has broken.
  void Break(BookPoll& poll, const DatabaseError& error);
  void SetMoment(std::int64_t now);
  void FindClusters();
  void ReadShared();
  void UpdateQos();
  void UpdateTransactions();
  // How a cluster timed out in this poll. All books read its job table: what is locked is not waited for
  // twice, while other clusters wait. None: nullptr.
  const ClusterFailure* TimedOut(const std::string& cluster) const;
  Poll ThisPoll();

  AccountingOptions options_;
  Connection db_;
  bool up_ = false;
  bool probe_schema_ = true;
  Schema schema_;
  Moment moment_;
  std::chrono::steady_clock::time_point moment_taken_{};
  std::uint64_t poll_ = 0;  // how many there were
  std::map<std::string, ClusterBooks> clusters_;
  TresCatalog tres_;
  std::map<std::uint32_t, std::string> qos_;
  std::vector<AccountRow> accounts_;
  std::vector<CoordinatorRow> coordinators_;
  QosMap qos_rows_;
  Reading qos_rows_read_;
  std::uint64_t newest_transaction_ = 0;
  Reading shared_read_;
  std::unique_ptr<TransactionBook> transactions_;
  std::optional<std::vector<AdministratorRow>> administrators_;
  Reading administrators_read_;
  std::optional<std::int64_t> oldest_transaction_;
  std::int64_t clock_skew_ = 0;
  std::array<BookPoll, kBooks> polls_;
};

}  // namespace slurmdb
