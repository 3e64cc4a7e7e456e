#include "collectors/slurmdb/connection.h"

#include <fmt/format.h>
#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "collectors/slurmdb/utf8.h"

namespace slurmdb {
namespace {

unsigned Seconds(std::chrono::milliseconds duration) {
  return static_cast<unsigned>(std::max<std::int64_t>(1, (duration.count() + 999) / 1000));
}

// Initialises the client library once, before any thread uses it.
void InitLibrary() {
  static const bool ready = mysql_library_init(0, nullptr, nullptr) == 0;
  if (!ready) throw DatabaseError(Reason::kInternal, "the MySQL client library could not be initialised");
}

void SetTls(MYSQL* mysql, const TlsOptions& tls) {
  const auto file = [&](mysql_option option, const std::string& path) {
    if (!path.empty()) mysql_options(mysql, option, path.c_str());
  };
  if (tls.required) {
    file(MYSQL_OPT_SSL_CA, tls.ca_file);
    file(MYSQL_OPT_SSL_CERT, tls.cert_file);
    file(MYSQL_OPT_SSL_KEY, tls.key_file);
  }
#ifdef SLURMDBD_HAVE_SSL_MODE  // Oracle's library
  unsigned mode = SSL_MODE_PREFERRED;
  if (tls.required) mode = tls.verify ? SSL_MODE_VERIFY_IDENTITY : SSL_MODE_REQUIRED;
  mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
#else  // MariaDB's library; its later versions verify by default, so both are always said
  const my_bool enforce = tls.required ? 1 : 0;
  const my_bool verify = tls.required && tls.verify ? 1 : 0;
  mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
#endif
}

std::string ReadPassword(const ConnectionOptions& options) {
  try {
    return options.password ? options.password() : std::string();
  } catch (const std::exception& error) {
    throw DatabaseError(Reason::kPrivilege, error.what());
  }
}

int SocketOf(MYSQL* mysql) {
#ifdef SLURMDBD_HAVE_MYSQL_GET_SOCKET
  return static_cast<int>(mysql_get_socket(mysql));
#else
  return static_cast<int>(mysql->net.fd);
#endif
}

}  // namespace

std::string QuoteName(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + '`';
}

// ---- Result

Result::Result(Connection* connection, st_mysql_res* result) : connection_(connection), result_(result) {}

Result::Result(Result&& other) noexcept
    : connection_(other.connection_),
      result_(std::exchange(other.result_, nullptr)),
      row_(other.row_),
      lengths_(other.lengths_) {}

Result::~Result() {
  // Frees what is left unread too; after a lost connection that is nothing.
  if (result_ != nullptr) mysql_free_result(result_);
}

bool Result::Next() {
  row_ = mysql_fetch_row(result_);
  if (row_ == nullptr) {
    if (mysql_errno(connection_->mysql_) != 0) connection_->Throw("reading rows");
    return false;
  }
  lengths_ = mysql_fetch_lengths(result_);
  ++connection_->rows_read_;
  return true;
}

Field Result::operator[](std::size_t column) const { return {row_[column], lengths_[column]}; }

// ---- Connection

Connection::Connection(ConnectionOptions options) : options_(std::move(options)) {}

Connection::~Connection() { Close(); }

void Connection::Close() noexcept {
  {
    const std::lock_guard lock(interrupt_mutex_);
    socket_ = -1;
  }
  if (mysql_ != nullptr) mysql_close(mysql_);
  mysql_ = nullptr;
  established_ = false;
}

void Connection::Interrupt() noexcept {
  const std::lock_guard lock(interrupt_mutex_);
  interrupted_ = true;
  if (socket_ >= 0) shutdown(socket_, SHUT_RDWR);
}

void Connection::Connect() {
  InitLibrary();
  if (!options_.socket.empty()) {
    ConnectTo(nullptr);
    return;
  }
  if (options_.endpoints.empty()) throw DatabaseError(Reason::kConnect, "no database host is configured");
  std::string failures;
  std::optional<DatabaseError> telling;
  for (const Endpoint& endpoint : options_.endpoints) {
    try {
      ConnectTo(&endpoint);
      return;
    } catch (const DatabaseError& error) {
      if (!failures.empty()) failures += "; ";
      failures += error.what();
      // A host that answers and refuses says more than one that is down.
      if (!telling || telling->reason() == Reason::kConnect) telling = error;
    }
  }
  throw DatabaseError(telling->reason(), telling->number(), failures);
}

void Connection::ConnectTo(const Endpoint* endpoint) {
  Close();
  peer_ = endpoint == nullptr ? options_.socket : fmt::format("{}:{}", endpoint->host, endpoint->port);
  mysql_ = mysql_init(nullptr);
  if (mysql_ == nullptr) throw DatabaseError(Reason::kLimit, "out of memory");

  // The server's statement limit comes first; the client's read limit is the net below it, for a server that
  // is frozen or unreachable.
  const unsigned connect_timeout = Seconds(options_.connect_timeout);
  const unsigned io_timeout = Seconds(options_.query_timeout) + 2;
  mysql_options(mysql_, MYSQL_OPT_CONNECT_TIMEOUT, &connect_timeout);
  mysql_options(mysql_, MYSQL_OPT_READ_TIMEOUT, &io_timeout);
  mysql_options(mysql_, MYSQL_OPT_WRITE_TIMEOUT, &io_timeout);
  const unsigned local_infile = 0;
  mysql_options(mysql_, MYSQL_OPT_LOCAL_INFILE, &local_infile);
  mysql_options(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options4(mysql_, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "slurmdbd_exporter");
  mysql_options4(mysql_, MYSQL_OPT_CONNECT_ATTR_ADD, "program_version", options_.program_version.c_str());
  SetTls(mysql_, options_.tls);
  const unsigned protocol = endpoint == nullptr ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(mysql_, MYSQL_OPT_PROTOCOL, &protocol);

  try {
    const std::string password = ReadPassword(options_);
    if (mysql_real_connect(mysql_, endpoint == nullptr ? nullptr : endpoint->host.c_str(),
                           options_.user.c_str(), password.c_str(), options_.database.c_str(),
                           endpoint == nullptr ? 0 : endpoint->port,
                           endpoint == nullptr ? options_.socket.c_str() : nullptr, 0) == nullptr) {
      Throw("connecting");
    }
    {
      const std::lock_guard lock(interrupt_mutex_);
      if (interrupted_) throw DatabaseError(Reason::kLost, "interrupted while connecting to " + peer_);
      socket_ = SocketOf(mysql_);
    }
    // MariaDB's library goes on in clear text when the server offers no TLS and verification is off.
    if (options_.tls.required && mysql_get_ssl_cipher(mysql_) == nullptr) {
      throw DatabaseError(
          Reason::kConnect,
          fmt::format("connecting to {}: TLS is required, but the server offers none", peer_));
    }
    server_version_ = RepairUtf8(mysql_get_server_info(mysql_));
    SetUpSession();
    established_ = true;
  } catch (...) {
    Close();
    throw;
  }
}

void Connection::SetUpSession() {
  const bool mariadb = server_version_.find("MariaDB") != std::string::npos;
  const auto milliseconds = options_.query_timeout.count();
  const std::string limit =
      mariadb ? fmt::format("max_statement_time={}.{:03}", milliseconds / 1000, milliseconds % 1000)
              : fmt::format("max_execution_time={}", milliseconds);
  const unsigned lock_wait = Seconds(options_.lock_wait_timeout);
  Execute("session", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  Execute("session", "SET SESSION TRANSACTION READ ONLY");
  Execute("session", fmt::format("SET SESSION autocommit=1, sql_mode='', time_zone='+00:00', {}, "
                                 "lock_wait_timeout={}, innodb_lock_wait_timeout={}",
                                 limit, lock_wait, lock_wait));
}

void Connection::Send(std::string_view purpose, std::string_view sql) {
  if (mysql_ == nullptr) throw DatabaseError(Reason::kLost, "not connected");
  const std::string statement = fmt::format("/* slurmdbd_exporter:{} */ {}", purpose, sql);
  if (mysql_real_query(mysql_, statement.data(), statement.size()) != 0) Throw(purpose);
}

Result Connection::Query(std::string_view purpose, std::string_view sql) {
  Send(purpose, sql);
  st_mysql_res* result = mysql_use_result(mysql_);
  if (result == nullptr) Throw(purpose);
  return {this, result};
}

void Connection::Execute(std::string_view purpose, std::string_view sql) { Send(purpose, sql); }

void Connection::Throw(std::string_view doing) {
  const unsigned number = mysql_errno(mysql_);
  Reason reason = ReasonOfErrno(number);
  // A TLS connection that is cut says so with a number that otherwise means that none came about.
  if (established_ && reason == Reason::kConnect) reason = Reason::kLost;
  // And a server that stops answering before the session stands was not reached: there was nothing to lose.
  if (!established_ && reason == Reason::kLost) reason = Reason::kConnect;
  throw DatabaseError(
      reason, number,
      fmt::format("{} ({}): {} (error {})", doing, peer_, RepairUtf8(mysql_error(mysql_)), number));
}

std::string Connection::Literal(std::string_view text) const {
  if (mysql_ == nullptr) throw DatabaseError(Reason::kLost, "not connected");
  std::string out(text.size() * 2 + 1, '\0');
  const auto length = mysql_real_escape_string(mysql_, out.data(), text.data(), text.size());
  out.resize(length);
  return "'" + out + "'";
}

Connection::Snapshot::Snapshot(Connection& connection) : connection_(connection) {
  connection_.Execute("snapshot", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
}

Connection::Snapshot::~Snapshot() {
  try {
    connection_.Execute("snapshot", "COMMIT");
  } catch (const DatabaseError&) {
    // Without a COMMIT the transaction, and with it a metadata lock, would stay open: the connection has to
    // go.
    connection_.Close();
  }
}

}  // namespace slurmdb
