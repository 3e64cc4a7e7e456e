#include "exporter/web/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "exporter/exposition/page.h"
#include "tests/unit/exporter/exposition/families.h"
#include "tests/unit/exporter/exposition/gunzip.h"
#include "tests/unit/exporter/web/http_client.h"

namespace exporter {
namespace {

using prometheus::MetricType;
using std::chrono::steady_clock;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kOpenMetricsAccept[] = "Accept: application/openmetrics-text;version=1.0.0\r\n";
constexpr char kTextType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kOpenMetricsType[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

prometheus::MetricFamily Gauge(const std::string& name, double value) {
  return Family(MetricType::Gauge, name, {Sample({}, value)});
}

// A server on a free port of 127.0.0.1 with two collectors that have a page and one that has none yet.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    options_.listen_addresses = {"127.0.0.1:0"};
    options_.version = "1.2.3";
    handlers_.snapshots = &store_;
    handlers_.collectors = [] { return std::vector<std::string>{"jobs", "nodes", "late"}; };
    handlers_.self_families = [] { return std::vector{Gauge("self", 1), Gauge("a_self", 1)}; };
    handlers_.log = [this](WebLogLevel, std::string_view text) {
      const std::lock_guard lock(log_mutex_);
      log_.emplace_back(text);
    };
    store_.Store(std::make_shared<Snapshot>(
        Snapshot{{{"jobs", {Rendered(Gauge("jobs", 1))}}, {"nodes", {Rendered(Gauge("nodes", 2))}}}}));
  }

  int Start() {
    server_ = std::make_unique<WebServer>(options_, handlers_);
    return server_->ports().at(0);
  }

  std::uint64_t Count(std::string_view handler, int code) const {
    for (const WebRequestCount& count : server_->RequestCounts()) {
      if (count.handler == handler && count.code == code) return count.count;
    }
    return 999;
  }

  std::vector<std::string> Log() {
    const std::lock_guard lock(log_mutex_);
    return log_;
  }

  // The samples of a page without HELP and TYPE.
  static std::string Samples(const HttpResponse& response) {
    std::string samples;
    std::string_view rest = response.body;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
      if (rest[0] != '#') samples += rest.substr(0, end);
      rest.remove_prefix(end);
    }
    return samples;
  }

  SnapshotStore store_;
  WebOptions options_;
  WebHandlers handlers_;
  std::mutex log_mutex_;
  std::vector<std::string> log_;
  std::unique_ptr<WebServer> server_;  // goes first
};

TEST_F(ServerTest, ServesThePage) {
  const HttpResponse response = Get(Start(), "/metrics");
  EXPECT_EQ(response.code, 200);
  EXPECT_EQ(response.body,
            "# HELP a_self Help.\n# TYPE a_self gauge\na_self 1\n"
            "# HELP jobs Help.\n# TYPE jobs gauge\njobs 1\n"
            "# HELP nodes Help.\n# TYPE nodes gauge\nnodes 2\n"
            "# HELP self Help.\n# TYPE self gauge\nself 1\n");
  EXPECT_EQ(response.headers.at("content-type"), kTextType);
  EXPECT_EQ(response.headers.at("content-length"), std::to_string(response.body.size()));
  EXPECT_EQ(response.headers.at("vary"), "Accept, Accept-Encoding");
  EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.headers.at("cache-control"), "no-store");
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_THAT(response.headers.at("date"), HasSubstr(" GMT"));
  EXPECT_EQ(response.headers.count("content-encoding"), 0u);
}

TEST_F(ServerTest, ServesOpenMetricsToWhoAsks) {
  const HttpResponse response = Get(Start(), "/metrics", kOpenMetricsAccept);
  EXPECT_EQ(response.headers.at("content-type"), kOpenMetricsType);
  EXPECT_THAT(response.body, AllOf(StartsWith("# TYPE a_self gauge\n"), testing::EndsWith("\n# EOF\n")));
}

TEST_F(ServerTest, ReadsAListThatIsSpreadOverHeaders) {
  const HttpResponse response =
      Get(Start(), "/metrics", "Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n");
  EXPECT_EQ(response.headers.at("content-type"), kOpenMetricsType);
}

TEST_F(ServerTest, CompressesForWhoAsks) {
  const int port = Start();
  for (const std::string accept : {"", kOpenMetricsAccept}) {
    const HttpResponse plain = Get(port, "/metrics", accept + "Accept-Encoding: gzip;q=0\r\n");
    const HttpResponse packed = Get(port, "/metrics", accept + "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(plain.headers.count("content-encoding"), 0u);
    EXPECT_EQ(packed.headers.at("content-encoding"), "gzip");
    EXPECT_EQ(packed.headers.at("content-length"), std::to_string(packed.body.size()));
    EXPECT_EQ(Gunzip(packed.body), plain.body);
    EXPECT_FALSE(plain.body.empty());
  }
}

TEST_F(ServerTest, AnswersHeadWithTheHeadersOfGet) {
  const int port = Start();
  for (const char* target : {"/metrics", "/", "/-/healthy", "/-/ready", "/nothing", "/metrics?collect[]=x"}) {
    for (const char* headers : {"", "Accept-Encoding: gzip\r\n", kOpenMetricsAccept}) {
      HttpResponse get = Get(port, target, headers);
      HttpResponse head = Request(port, "HEAD", target, headers);
      get.headers.erase("date");
      head.headers.erase("date");
      EXPECT_EQ(head.code, get.code) << target;
      EXPECT_EQ(head.headers, get.headers) << target;
      EXPECT_EQ(head.body, "");
      EXPECT_NE(get.body, "");
    }
  }
}

TEST_F(ServerTest, SelectsCollectors) {
  const int port = Start();
  EXPECT_EQ(Samples(Get(port, "/metrics?collect[]=jobs")), "jobs 1\n");
  EXPECT_EQ(Samples(Get(port, "/metrics?collect%5B%5D=jobs&collect%5b%5d=n%6Fdes")), "jobs 1\nnodes 2\n");
  EXPECT_EQ(Samples(Get(port, "/metrics?collect[]=late")), "");
  EXPECT_EQ(Samples(Get(port, "/metrics?exclude[]=jobs")), "a_self 1\nnodes 2\nself 1\n");
  EXPECT_EQ(Samples(Get(port, "/metrics?debug=1&x")), "a_self 1\njobs 1\nnodes 2\nself 1\n");
  EXPECT_EQ(Gunzip(Get(port, "/metrics?collect[]=nodes", "Accept-Encoding: gzip\r\n").body),
            "# HELP nodes Help.\n# TYPE nodes gauge\nnodes 2\n");
  EXPECT_EQ(Get(port, "/metrics?collect[]=late", kOpenMetricsAccept).body, "# EOF\n");
}

TEST_F(ServerTest, RefusesFiltersItCannotServe) {
  const int port = Start();
  struct Case {
    const char* query;
    const char* body;
  };
  for (const Case& c : {
           Case{"collect[]=jobs&exclude[]=nodes", "collect[] and exclude[]"},
           Case{"collect[]=users", "\"users\""},
           Case{"exclude[]=users", "\"users\""},
           Case{"collect[]=jobs&collect[]=users", "\"users\""},
           Case{"collect[]=", "\"\""},
           Case{"collect[]=a%0d%0aX:%20y%00", "\"a??X: y?\""},
       }) {
    const HttpResponse response = Get(port, std::string("/metrics?") + c.query);
    EXPECT_EQ(response.code, 400) << c.query;
    EXPECT_THAT(response.body, HasSubstr(c.body));
    EXPECT_EQ(response.headers.at("content-type"), "text/plain; charset=utf-8");
  }
}

TEST_F(ServerTest, TakesTheSnapshotsCollectorsWhereNobodyNamesThem) {
  handlers_.collectors = nullptr;
  const int port = Start();
  EXPECT_EQ(Get(port, "/metrics?collect[]=jobs").code, 200);
  EXPECT_EQ(Get(port, "/metrics?collect[]=late").code, 400);
}

TEST_F(ServerTest, ShowsTheNewestSnapshot) {
  const int port = Start();
  store_.Store(std::make_shared<Snapshot>(Snapshot{{{"jobs", {Rendered(Gauge("jobs", 7))}}}}));
  EXPECT_EQ(Samples(Get(port, "/metrics")), "a_self 1\njobs 7\nself 1\n");
}

// What the exporter tells of a poll must be on the page.
TEST_F(ServerTest, TakesThePageAfterItsOwnFamilies) {
  handlers_.self_families = [this] {
    store_.Store(std::make_shared<Snapshot>(Snapshot{{{"jobs", {Rendered(Gauge("jobs", 8))}}}}));
    return std::vector{Gauge("self", 8)};
  };
  EXPECT_EQ(Samples(Get(Start(), "/metrics")), "jobs 8\nself 8\n");
}

TEST_F(ServerTest, ServesLargePagesWhole) {
  const FamilyList families = {Rendered(Gauge("first", 1)),
                               Rendered(Family(MetricType::Gauge, "large", ManySamples(50000))),
                               Rendered(Gauge("last", 1))};
  store_.Store(std::make_shared<Snapshot>(Snapshot{{{"jobs", families}}}));
  handlers_.self_families = nullptr;
  const int port = Start();
  const std::string expected = Page(families, Format::kText).ToString();
  ASSERT_GT(expected.size(), 1000000u);
  EXPECT_TRUE(Get(port, "/metrics").body == expected);
  EXPECT_TRUE(Gunzip(Get(port, "/metrics", "Accept-Encoding: gzip\r\n").body) == expected);
}

TEST_F(ServerTest, RefusesOtherMethods) {
  const int port = Start();
  for (const char* target : {"/metrics", "/", "/-/healthy", "/-/ready"}) {
    for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
      const HttpResponse response = Request(port, method, target, "Content-Length: 0\r\n");
      EXPECT_EQ(response.code, 405) << method << " " << target;
      EXPECT_EQ(response.headers.at("allow"), "GET, HEAD");
    }
  }
}

TEST_F(ServerTest, LeavesNoRequestToCivetweb) {
  const int port = Start();
  // A CORS preflight, WebDAV, a websocket, files: all things civetweb would do by itself.
  EXPECT_EQ(Request(port, "OPTIONS", "/x", "Origin: http://a\r\nAccess-Control-Request-Method: GET\r\n").code,
            404);
  EXPECT_EQ(Request(port, "PROPFIND", "/").code, 405);
  EXPECT_EQ(Request(port, "MKCOL", "/x").code, 404);
  EXPECT_EQ(Get(port, "/x",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Version: "
                "13\r\n")
                .code,
            404);
  for (const char* target :
       {"/nothing", "/metrics/", "/metrics/x", "/-/", "/-/healthy/", "/index.html", "/etc/passwd",
        "/../../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd", "/server_test.cc"}) {
    const HttpResponse response = Get(port, target);
    EXPECT_THAT(response.code, testing::AnyOf(404, 400)) << target;
    EXPECT_THAT(response.body, Not(HasSubstr("root"))) << target;
  }
}

TEST_F(ServerTest, ShowsALandingPage) {
  options_.links = {{"https://example.org/", "Source"}};
  const HttpResponse response = Get(Start(), "/");
  EXPECT_EQ(response.code, 200);
  EXPECT_EQ(response.headers.at("content-type"), "text/html; charset=utf-8");
  for (const char* part :
       {"href=\"/metrics\"", "href=\"/-/healthy\"", "href=\"/-/ready\"", "1.2.3", "https://example.org/"}) {
    EXPECT_THAT(response.body, HasSubstr(part));
  }
}

TEST_F(ServerTest, ServesThePageAtTheRootIfAskedTo) {
  options_.telemetry_path = "/";
  const int port = Start();
  EXPECT_EQ(Samples(Get(port, "/?collect[]=jobs")), "jobs 1\n");
  EXPECT_EQ(Get(port, "/metrics").code, 404);
}

TEST_F(ServerTest, IsHealthyAlwaysAndReadyWhenTold) {
  std::atomic<bool> ready = false;
  handlers_.ready = [&ready] { return ready.load(); };
  const int port = Start();
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
  EXPECT_EQ(Get(port, "/-/ready").code, 503);
  ready = true;
  EXPECT_EQ(Get(port, "/-/ready").code, 200);
}

TEST_F(ServerTest, ReloadsAndQuitsOnlyIfEnabled) {
  std::atomic<int> calls = 0;
  handlers_.reload = [&calls] { return ++calls, std::string(); };
  handlers_.quit = [&calls] { ++calls; };
  const int port = Start();
  for (const char* target : {"/-/reload", "/-/quit"}) {
    EXPECT_EQ(Request(port, "POST", target).code, 403);
    EXPECT_EQ(Request(port, "PUT", target).code, 403);
  }
  EXPECT_EQ(calls, 0);
}

TEST_F(ServerTest, ReloadsAndTellsWhy) {
  std::mutex mutex;
  std::string error;
  handlers_.reload = [&] {
    const std::lock_guard lock(mutex);
    return error;
  };
  options_.enable_lifecycle = true;
  const int port = Start();
  EXPECT_EQ(Request(port, "POST", "/-/reload", "Content-Length: 0\r\n").code, 200);
  EXPECT_EQ(Request(port, "PUT", "/-/reload", "Content-Length: 0\r\n").code, 200);
  {
    const std::lock_guard lock(mutex);
    error = "line 3: unknown key";
  }
  const HttpResponse response = Request(port, "POST", "/-/reload");
  EXPECT_EQ(response.code, 500);
  EXPECT_EQ(response.body, "Reload failed: line 3: unknown key\n");
  const HttpResponse get = Get(port, "/-/reload");
  EXPECT_EQ(get.code, 405);
  EXPECT_EQ(get.headers.at("allow"), "POST, PUT");
  EXPECT_EQ(Count("reload", 200), 2u);
  EXPECT_EQ(Count("reload", 500), 1u);
}

TEST_F(ServerTest, AnswersAQuitBeforeItActs) {
  std::promise<void> quit;
  handlers_.quit = [&quit] { quit.set_value(); };
  options_.enable_lifecycle = true;
  const int port = Start();
  std::thread stopper([&] {
    quit.get_future().wait();
    server_->Stop();
  });
  EXPECT_EQ(Request(port, "POST", "/-/quit").code, 200);
  stopper.join();
}

TEST_F(ServerTest, TurnsAnExceptionIntoA500) {
  handlers_.self_families = []() -> std::vector<prometheus::MetricFamily> {
    throw std::runtime_error("broken inside");
  };
  handlers_.ready = []() -> bool { throw std::runtime_error("broken too"); };
  const int port = Start();
  const HttpResponse response = Get(port, "/metrics");
  EXPECT_EQ(response.code, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("broken")));
  EXPECT_EQ(Get(port, "/-/ready").code, 500);
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
  EXPECT_THAT(Log(), Contains(HasSubstr("broken inside")));
  EXPECT_EQ(Count("metrics", 500), 1u);
}

TEST_F(ServerTest, CountsRequests) {
  const int port = Start();
  for (const auto& [handler, code] : {std::pair{"metrics", 200},
                                      {"metrics", 400},
                                      {"metrics", 503},
                                      {"landing", 200},
                                      {"healthy", 200},
                                      {"ready", 200},
                                      {"ready", 503},
                                      {"other", 404}}) {
    EXPECT_EQ(Count(handler, code), 0u) << handler << code;
  }
  Get(port, "/metrics");
  Get(port, "/metrics?collect[]=jobs");
  Get(port, "/metrics?collect[]=x");
  Request(port, "POST", "/metrics");
  Get(port, "/-/healthy");
  Get(port, "/x");
  EXPECT_EQ(Count("metrics", 200), 2u);
  EXPECT_EQ(Count("metrics", 400), 1u);
  EXPECT_EQ(Count("metrics", 405), 1u);
  EXPECT_EQ(Count("healthy", 200), 1u);
  EXPECT_EQ(Count("other", 404), 1u);
}

TEST_F(ServerTest, RefusesMoreScrapesThanAllowedAtATime) {
  std::promise<void> entered;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<int> calls = 0;
  handlers_.self_families = [&] {
    if (++calls == 1) {
      entered.set_value();
      released.wait();
    }
    return std::vector<prometheus::MetricFamily>();
  };
  options_.max_requests = 1;
  const int port = Start();
  auto first = std::async(std::launch::async, [port] { return Get(port, "/metrics").code; });
  entered.get_future().wait();
  EXPECT_EQ(server_->RequestsInFlight(), 1);
  EXPECT_EQ(Get(port, "/metrics").code, 503);
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
  release.set_value();
  EXPECT_EQ(first.get(), 200);
  EXPECT_EQ(Get(port, "/metrics").code, 200);
  EXPECT_EQ(Count("metrics", 503), 1u);
}

TEST_F(ServerTest, ServesOneRequestAConnection) {
  const int port = Start();
  const Connection connection(port);
  connection.Send(
      "GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
      "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n");
  const HttpResponse response = ParseResponse(connection.ReadToEnd());
  EXPECT_EQ(response.code, 200);
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_EQ(response.body, "Healthy.\n");
}

TEST_F(ServerTest, ServesHttp10) {
  const Connection connection(Start());
  connection.Send("GET /-/healthy HTTP/1.0\r\n\r\n");
  EXPECT_EQ(ParseResponse(connection.ReadToEnd()).body, "Healthy.\n");
}

TEST_F(ServerTest, IsNotHeldUpBySlowClients) {
  options_.threads = 4;
  const int port = Start();
  const Connection silent(port);
  const Connection half(port);
  half.Send("GET /met");
  const Connection dribbling(port);
  const auto begin = steady_clock::now();
  for (const char byte : std::string_view("GET /-/healthy HTTP/1.1\r\n")) {
    dribbling.Send(std::string_view(&byte, 1));
    EXPECT_EQ(Get(port, "/metrics").code, 200);
  }
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
  dribbling.Send("\r\n");
  EXPECT_EQ(ParseResponse(dribbling.ReadToEnd()).code, 200);
}

TEST_F(ServerTest, CutsClientsThatDoNotFinish) {
  options_.threads = 1;
  options_.request_timeout = std::chrono::milliseconds(200);
  const int port = Start();
  const Connection silent(port);
  const Connection half(port);
  half.Send("GET /met");
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  const int port = Start();
  for (const std::string_view bytes : {
           std::string_view("garbage\r\n\r\n"),
           std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11),  // a TLS hello
           std::string_view("GET\r\n\r\n"),
           std::string_view("GET /metrics\r\n\r\n"),
           std::string_view("GET /metrics HTTP/9.9\r\n\r\n"),
           std::string_view("BREW /metrics HTTP/1.1\r\n\r\n"),
           std::string_view("GET metrics HTTP/1.1\r\n\r\n"),
           std::string_view("GET /metrics HTTP/1.1\r\nno colon\r\n\r\n"),
           std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
       }) {
    const Connection connection(port);
    connection.Send(bytes);
    connection.FinishSending();
    const std::string answer = connection.ReadToEnd();
    if (!answer.empty()) {
      const HttpResponse response = ParseResponse(answer);
      EXPECT_THAT(response.code, testing::AllOf(testing::Ge(400), testing::Lt(600))) << bytes;
      EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff") << bytes;
    }
  }
  EXPECT_EQ(Get(port, "/metrics").code, 200);
}

TEST_F(ServerTest, RefusesHeadersThatAreTooLarge) {
  const int port = Start();
  const HttpResponse response = Get(port, "/metrics", "X: " + std::string(20000, 'x') + "\r\n");
  EXPECT_THAT(response.code, testing::AnyOf(400, 413, 431));
  EXPECT_EQ(Get(port, "/metrics", "X: " + std::string(10000, 'x') + "\r\n").code, 200);
}

TEST_F(ServerTest, DoesNotWaitForABodyNobodyReads) {
  const int port = Start();
  const auto begin = steady_clock::now();
  const Connection connection(port);
  connection.Send("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\nx");
  EXPECT_EQ(ParseResponse(connection.ReadToEnd()).code, 405);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(ServerTest, SurvivesClientsThatLeave) {
  store_.Store(std::make_shared<Snapshot>(
      Snapshot{{{"jobs", {Rendered(Family(MetricType::Gauge, "x", ManySamples(100000)))}}}}));
  options_.threads = 2;
  const int port = Start();
  for (int i = 0; i < 10; ++i) {
    const Connection connection(port);
    connection.Send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
}

TEST_F(ServerTest, ServesWholePagesWhileSnapshotsAreSwapped) {
  const auto snapshot = [](int i) {
    const auto family = [i](const char* name) { return Rendered(Gauge(name, i)); };
    return std::make_shared<Snapshot>(
        Snapshot{{{"jobs", {family("a"), family("b")}}, {"nodes", {family("c")}}}});
  };
  handlers_.self_families = nullptr;
  store_.Store(snapshot(0));
  const int port = Start();
  std::atomic<int> running = 20;
  std::vector<std::thread> scrapers;
  scrapers.reserve(20);
  for (int scraper = 0; scraper < 20; ++scraper) {
    scrapers.emplace_back([&, scraper] {
      for (int i = 0; i < 10; ++i) {
        const bool gzip = (scraper + i) % 2 == 0;
        const HttpResponse response = Get(port, "/metrics", gzip ? "Accept-Encoding: gzip\r\n" : "");
        const std::string body = gzip ? Gunzip(response.body) : response.body;
        int a = -1;
        int b = -2;
        int c = -3;
        EXPECT_EQ(std::sscanf(body.c_str(),
                              "# HELP a Help.\n# TYPE a gauge\na %d\n# HELP b Help.\n# TYPE b gauge\nb %d\n"
                              "# HELP c Help.\n# TYPE c gauge\nc %d\n",
                              &a, &b, &c),
                  3)
            << body;
        EXPECT_TRUE(a == b && b == c) << body;
      }
      --running;
    });
  }
  for (int i = 1; running > 0; ++i) store_.Store(snapshot(i % 1000));
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(Count("metrics", 200), 200u);
}

TEST_F(ServerTest, ListensOnSeveralAddresses) {
  options_.listen_addresses = {"127.0.0.1:0", "localhost:0", ":0", "0"};
  Start();
  ASSERT_EQ(server_->ports().size(), 4u);
  for (const int port : server_->ports()) EXPECT_EQ(Get(port, "/-/healthy").code, 200);
}

TEST_F(ServerTest, TellsWhichAddressIsTaken) {
  const std::string taken = "127.0.0.1:" + std::to_string(Start());
  WebOptions options = options_;
  options.listen_addresses = {"127.0.0.1:0", taken};
  try {
    WebServer second(options, handlers_);
    ADD_FAILURE() << "listens on a port that is taken";
  } catch (const WebError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(taken), HasSubstr("Address already in use")));
  }
}

TEST_F(ServerTest, RefusesOptionsItCannotServe) {
  const auto error_of = [this](const WebOptions& options) -> std::string {
    try {
      WebServer server(options, handlers_);
      return "";
    } catch (const WebError& error) {
      return error.what();
    }
  };
  const auto with = [this](auto change) {
    WebOptions options = options_;
    change(&options);
    return options;
  };
  EXPECT_THAT(error_of(with([](auto* o) { o->listen_addresses.clear(); })), HasSubstr("listen address"));
  EXPECT_THAT(error_of(with([](auto* o) { o->listen_addresses = {"[::1]:1"}; })), HasSubstr("IPv6"));
  EXPECT_THAT(error_of(with([](auto* o) { o->threads = 0; })), HasSubstr("threads"));
  EXPECT_THAT(error_of(with([](auto* o) { o->max_requests = -1; })), HasSubstr("limit"));
  EXPECT_THAT(error_of(with([](auto* o) { o->request_timeout = {}; })), HasSubstr("timeout"));
  for (const char* path : {"", "metrics", "/-/metrics", "/a?b", "/a b", "/a%20"}) {
    EXPECT_THAT(error_of(with([path](auto* o) { o->telemetry_path = path; })), HasSubstr("telemetry path"))
        << path;
  }
}

TEST_F(ServerTest, StopsAtOnceWhenIdle) {
  const int port = Start();
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
  const auto begin = steady_clock::now();
  server_->Stop();
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(1500));
  server_->Stop();
  EXPECT_EQ(server_->ports().at(0), port);
}

// civetweb looks up from reading a request every two seconds only.
TEST_F(ServerTest, StopsSoonWithClientsThatDoNotFinish) {
  const int port = Start();
  const Connection silent(port);
  const Connection half(port);
  half.Send("GET /met");
  EXPECT_EQ(Get(port, "/-/healthy").code, 200);
  const auto begin = steady_clock::now();
  server_->Stop();
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(ServerTest, FreesItsPortWhenItStops) {
  const int port = Start();
  server_->Stop();
  options_.listen_addresses = {"127.0.0.1:" + std::to_string(port)};
  EXPECT_EQ(Get(Start(), "/-/healthy").code, 200);
}

}  // namespace
}  // namespace exporter
