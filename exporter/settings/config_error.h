#pragma once

#include <stdexcept>

namespace exporter {

// A setting that cannot be used. The text is for the operator: it opens with where the setting came from, a
// flag
// ("--poll.interval: …") or a place in the file ("/etc/exporter.yml:3:5: poll.interval: …"), and is one line.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace exporter
