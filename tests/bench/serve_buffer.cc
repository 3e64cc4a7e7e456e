// The floor: civetweb, set up as the exporter sets it up, sends the exporter's bytes from one buffer and does
// nothing else.
#include <civetweb.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "exporter/exposition/family.h"
#include "exporter/exposition/page.h"
#include "tests/bench/families.h"
#include "tests/bench/serving.h"

namespace {

struct Answers {
  std::string plain;  // header and body
  std::string gzip;
};

std::string Answer(const exporter::Page& page, exporter::Coding coding, std::string_view header) {
  std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ";
  answer += std::to_string(page.Size(coding));
  answer += "\r\n";
  answer += header;
  answer += "Connection: close\r\n\r\n";
  answer.reserve(answer.size() + page.Size(coding));
  page.Write(coding, [&answer](std::string_view bytes) {
    answer += bytes;
    return true;
  });
  return answer;
}

Answers MakeAnswers(std::size_t series) {
  exporter::FamilyList rendered;
  exporter::Renderer renderer;
  for (const prometheus::MetricFamily& family : bench::MakeFamilies(series)) {
    rendered.push_back(renderer.Render(family).family);
  }
  const exporter::Page page(rendered, exporter::Format::kText);
  return {Answer(page, exporter::Coding::kIdentity, ""),
          Answer(page, exporter::Coding::kGzip, "Content-Encoding: gzip\r\n")};
}

int Serve(mg_connection* connection) {
  mg_disable_connection_keep_alive(connection);
  const auto* const answers = static_cast<const Answers*>(mg_get_request_info(connection)->user_data);
  const bool gzip = mg_get_header(connection, "Accept-Encoding") != nullptr;
  const std::string& answer = gzip ? answers->gzip : answers->plain;
  mg_write(connection, answer.data(), answer.size());
  return 200;
}

}  // namespace

int main(int argc, char** argv) {
  Answers answers = MakeAnswers(bench::SeriesOf(argc, argv));
  mg_init_library(MG_FEATURES_DEFAULT);
  std::array<const char*, 15> settings = {"listening_ports",
                                          "127.0.0.1:0",
                                          "num_threads",
                                          "8",
                                          "listen_backlog",
                                          "128",
                                          "request_timeout_ms",
                                          "10000",
                                          "enable_keep_alive",
                                          "no",
                                          "tcp_nodelay",
                                          "1",
                                          "max_request_size",
                                          "16384",
                                          nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = Serve;
  mg_context* const context = mg_start(&callbacks, &answers, settings.data());
  mg_server_port port{};
  if (context == nullptr || mg_get_server_ports(context, 1, &port) != 1) {
    std::fputs("cannot listen\n", stderr);
    return 1;
  }
  bench::ServeUntilStdinEnds(port.port);
  mg_stop(context);
  mg_exit_library();
  return 0;
}
