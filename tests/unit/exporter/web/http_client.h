// A client that knows nothing but bytes, so that tests can also send what no HTTP library would.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace exporter {

// A connection to 127.0.0.1. Reads give up after 20 seconds. Failures are reported to gtest.
class Connection {
 public:
  explicit Connection(int port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(std::string_view bytes) const;
  void FinishSending() const;
  std::string ReadToEnd() const;  // until the server closes

 private:
  int fd_;
};

struct HttpResponse {
  int code = 0;                                // 0: not an HTTP response
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Takes all that came over a connection apart.
HttpResponse ParseResponse(const std::string& bytes);

// Sends one request, reads until the server closes. `headers`: whole lines, each with its \r\n.
HttpResponse Request(int port, std::string_view method, std::string_view target,
                     std::string_view headers = "");
HttpResponse Get(int port, std::string_view target, std::string_view headers = "");

}  // namespace exporter
