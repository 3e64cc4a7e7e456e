// The one connection to the accounting database, and the only user of the client library.
//
//   Connection db(options);
//   db.Connect();
//   Result rows = db.Query("clusters", "SELECT name, deleted FROM cluster_table");
//   while (rows.Next()) use(rows[0].Text(), rows[1].AsU64Or(0));
//
// Every session is read only, in UTC, with a statement time limit and a small lock wait on the server, and
// every statement carries a comment that names us and its purpose. All failures are thrown as DatabaseError.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/value.h"

struct st_mysql;      // MYSQL
struct st_mysql_res;  // MYSQL_RES

namespace slurmdb {

struct Endpoint {
  std::string host;
  std::uint16_t port = 3306;
};

struct TlsOptions {
  bool required = false;  // refuse to talk to a server that offers no TLS
  bool verify = true;     // check the certificate's chain and host name
  std::string ca_file;    // empty: the system's store
  std::string cert_file;
  std::string key_file;
};

struct ConnectionOptions {
  std::vector<Endpoint> endpoints;  // tried in order at every connect
  std::string socket;               // a unix socket; endpoints are not used then
  std::string database = "slurm_acct_db";
  std::string user;
  std::function<std::string()> password;  // asked at every connect, so that a rotated secret is found
  TlsOptions tls;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds query_timeout{30000};
  std::chrono::milliseconds lock_wait_timeout{2000};
  std::string program_version;
};

class Connection;

// The rows of one statement, streamed: memory does not grow with the result. One at a time per connection;
// the connection can be used again when this object is gone.
class Result {
 public:
  Result(Result&& other) noexcept;
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  Result& operator=(Result&&) = delete;
  ~Result();

  // Moves to the next row. False at the end.
  bool Next();
  // A column of the current row. The index is not checked beyond the number of columns selected.
  Field operator[](std::size_t column) const;

 private:
  friend class Connection;
  Result(Connection* connection, st_mysql_res* result);

  Connection* connection_;
  st_mysql_res* result_;
  char** row_ = nullptr;
  unsigned long* lengths_ = nullptr;  // NOLINT(google-runtime-int): the client library's type
};

// Not thread-safe, except Interrupt().
class Connection {
 public:
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects to the first endpoint that answers and sets up the session. When none does, the error of the
  // last one tried is thrown and names all of them.
  void Connect();
  bool connected() const { return mysql_ != nullptr; }
  void Close() noexcept;

  // Runs a SELECT and streams its rows. `purpose` goes into the statement's comment.
  Result Query(std::string_view purpose, std::string_view sql);
  // Runs a statement without rows.
  void Execute(std::string_view purpose, std::string_view sql);

  // A short read-only transaction in which every SELECT sees the same state. Ends with this object.
  class Snapshot {
   public:
    explicit Snapshot(Connection& connection);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    Connection& connection_;
  };

  // Thread-safe: makes a statement that is under way fail at once (reason lost), and no further Connect
  // succeed.
  void Interrupt() noexcept;

  // Text as an SQL string literal, quotes included.
  std::string Literal(std::string_view text) const;
  // "host:port" or the socket's path while connected.
  const std::string& peer() const { return peer_; }
  const std::string& server_version() const { return server_version_; }
  // Rows fetched since construction.
  std::uint64_t rows_read() const { return rows_read_; }

 private:
  friend class Result;

  void ConnectTo(const Endpoint* endpoint);
  void SetUpSession();
  void Send(std::string_view purpose, std::string_view sql);
  [[noreturn]] void Throw(std::string_view doing);

  ConnectionOptions options_;
  st_mysql* mysql_ = nullptr;
  bool established_ = false;
  std::string peer_;
  std::string server_version_;
  std::uint64_t rows_read_ = 0;
  std::mutex interrupt_mutex_;
  bool interrupted_ = false;
  int socket_ = -1;
};

// An identifier in back quotes. Cluster names may hold any character, so table names always go through here.
std::string QuoteName(std::string_view name);

}  // namespace slurmdb
