#include "tests/unit/exporter/web/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace exporter {

Connection::Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
}

Connection::~Connection() { close(fd_); }

void Connection::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server may close early, and then its answer is what matters
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void Connection::FinishSending() const { shutdown(fd_, SHUT_WR); }

std::string Connection::ReadToEnd() const {
  std::string all;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

HttpResponse ParseResponse(const std::string& bytes) {
  HttpResponse response;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with("HTTP/1.1 ") || end == std::string::npos) return response;
  response.code = std::atoi(bytes.c_str() + 9);
  for (std::size_t at = bytes.find("\r\n") + 2; at < end;) {
    const std::size_t line_end = bytes.find("\r\n", at);
    const std::size_t colon = bytes.find(": ", at);
    std::string name = bytes.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_TRUE(response.headers.emplace(name, bytes.substr(colon + 2, line_end - colon - 2)).second) << name;
    at = line_end + 2;
  }
  response.body = bytes.substr(end + 4);
  return response;
}

HttpResponse Request(int port, std::string_view method, std::string_view target, std::string_view headers) {
  const Connection connection(port);
  std::string request(method);
  request.append(" ")
      .append(target)
      .append(" HTTP/1.1\r\nHost: localhost\r\n")
      .append(headers)
      .append("\r\n");
  connection.Send(request);
  return ParseResponse(connection.ReadToEnd());
}

HttpResponse Get(int port, std::string_view target, std::string_view headers) {
  return Request(port, "GET", target, headers);
}

}  // namespace exporter
