#include "exporter/web/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>

#include "exporter/web/server.h"

namespace exporter {
namespace {

std::string Quoted(std::string_view text) { return "listen address \"" + std::string(text) + "\": "; }

std::string ResolveIpv4(const std::string& host, std::string_view text) {
  in_addr numeric{};
  if (inet_pton(AF_INET, host.c_str(), &numeric) == 1) return host;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) throw WebError(Quoted(text) + "no IPv4 address for the host: " + gai_strerror(status));
  std::array<char, NI_MAXHOST> ip{};
  const int printed =
      getnameinfo(found->ai_addr, found->ai_addrlen, ip.data(), ip.size(), nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  if (printed != 0) throw WebError(Quoted(text) + gai_strerror(printed));
  return ip.data();
}

}  // namespace

std::string ListenAddress::ToString() const { return ip + ":" + std::to_string(port); }

ListenAddress ParseListenAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool has_host = colon != std::string_view::npos;
  const std::string host(has_host ? text.substr(0, colon) : "");
  const std::string_view port = has_host ? text.substr(colon + 1) : text;
  if (host.find_first_of(":[]") != std::string::npos) {
    throw WebError(Quoted(text) +
                   "IPv6 is not available, the HTTP library is built without it; use an IPv4 address, "
                   "or a reverse proxy in front");
  }
  ListenAddress address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) {
    throw WebError(Quoted(text) + "expected host:port or :port with a port from 0 to 65535");
  }
  if (!host.empty() && host != "*") address.ip = ResolveIpv4(host, text);
  return address;
}

}  // namespace exporter
