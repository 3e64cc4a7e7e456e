// Where to listen, as the command line has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exporter {

struct ListenAddress {
  std::string ip = "0.0.0.0";  // IPv4, dotted
  std::uint16_t port = 0;      // 0: whichever is free

  std::string ToString() const;
};

// Reads ":port", "port", "host:port" or "*:port"; a host name is looked up. Throws WebError (server.h) whose
// text names the address and says what is wrong with it; IPv6 is refused, for Debian's civetweb is built
// without it.
ListenAddress ParseListenAddress(std::string_view text);

}  // namespace exporter
