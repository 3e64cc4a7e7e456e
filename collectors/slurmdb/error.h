// What can go wrong between us and the accounting database.
//
// Every failure of a reader or a book is a DatabaseError. Its Reason is a closed set because it is the label
// of slurmdbd_exporter_collector_errors_total; the message is for the log.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace slurmdb {

enum class Reason {
  kConnect,    // no server could be reached
  kTimeout,    // a statement or a lock took too long
  kLost,       // the connection broke
  kPrivilege,  // log-in refused or a table or column not granted
  kSchema,     // a table, column or index is not there
  kParse,      // a value that is not what its column promises
  kLimit,      // the server is out of a resource: connections, memory, disk
  kInternal,   // anything else, a fault of ours included
};

inline constexpr std::array kAllReasons = {Reason::kConnect,   Reason::kTimeout, Reason::kLost,
                                           Reason::kPrivilege, Reason::kSchema,  Reason::kParse,
                                           Reason::kLimit,     Reason::kInternal};

// The label value: "connect", "timeout", …
std::string_view ReasonName(Reason reason);

// Sorts the error numbers of MariaDB and MySQL, client (2xxx) and server alike.
Reason ReasonOfErrno(unsigned number);

class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(Reason reason, unsigned number, const std::string& message)
      : std::runtime_error(message), reason_(reason), number_(number) {}
  DatabaseError(Reason reason, const std::string& message) : DatabaseError(reason, 0, message) {}

  Reason reason() const { return reason_; }
  // The server's or client library's error number, 0 when the error is our own.
  unsigned number() const { return number_; }
  // True when the connection is still good for the next statement.
  bool connection_usable() const;

 private:
  Reason reason_;
  unsigned number_;
};

}  // namespace slurmdb
