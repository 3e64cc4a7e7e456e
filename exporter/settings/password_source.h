#pragma once

// Where the database password comes from. It is read anew for each connection, because tokens rotate, and it
// is never part of an error, a log line or a Config.
//
//   const PasswordSource source(config.database.password_file, ProcessEnvironment());
//   log::Info("Connecting", {{"password", source.Describe()}});
//   Connect(host, user, source.Read());

#include <filesystem>
#include <optional>
#include <string>

#include "exporter/settings/environment.h"

namespace exporter {

// The first of these that is set: the given file; the variable SLURMDBD_EXPORTER_DATABASE_PASSWORD (not
// empty); the systemd credential "$CREDENTIALS_DIRECTORY/database-password"; else no password. Const use is
// thread-safe if the environment function is.
class PasswordSource {
 public:
  explicit PasswordSource(std::filesystem::path file, Environment environment = ProcessEnvironment());

  // The password; empty when there is none. A file is taken as it is, less one line break at its end.
  // Throws std::runtime_error, which names the file, when that cannot be read, is empty, or holds a NUL byte.
  std::string Read() const;

  // "file /etc/x/password", "environment variable …", "systemd credential /run/…", "none".
  std::string Describe() const;

  // A sentence when the file can be read by every user of the machine.
  std::optional<std::string> Warning() const;

 private:
  enum class Kind { kNone, kFile, kEnvironment, kCredential };
  struct Choice {
    Kind kind = Kind::kNone;
    std::filesystem::path file;
    std::string value;  // of the variable
  };
  Choice Choose() const;

  std::filesystem::path file_;
  Environment environment_;
};

}  // namespace exporter
