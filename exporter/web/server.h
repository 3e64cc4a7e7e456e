// The HTTP server: hands out the pages of the snapshot store. A scrape never waits for the database, only for
// the network and a few pointers.
//
//   GET, HEAD   /metrics    the page; ?collect[]=a&collect[]=b or ?exclude[]=a select collectors
//   GET, HEAD   /           landing page (unless the telemetry path is "/")
//   GET, HEAD   /-/healthy  200 while the process serves
//   GET, HEAD   /-/ready    200 or 503
//   POST, PUT   /-/reload   200, 403 unless enabled, 500 with the reason
//   POST, PUT   /-/quit     200, 403 unless enabled
//
// With collect[] the page shows the families of the collectors named and nothing else; without it, and with
// exclude[], the exporter's own metrics too.
//
// Each connection occupies one thread and serves one request: a scraper comes back after 15 seconds or more,
// and waiting for it would cost a thread.
#pragma once

#include <prometheus/metric_family.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/snapshot.h"
#include "exporter/web/landing_page.h"

namespace exporter {

// The server cannot start; the text names the option or the address and, for a port, the system's reason.
class WebError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct WebOptions {
  // host:port, :port or port; port 0 takes a free one.
  std::vector<std::string> listen_addresses = {":19341"};
  std::string telemetry_path = "/metrics";
  int max_requests = 40;  // scrapes at a time, more get 503; 0: no limit. `threads` is a limit as well.
  int threads = 8;        // connections served at a time; more wait to be accepted
  // For a client to send its request, and to take each part of the answer; a page takes 30 s and this at
  // most.
  std::chrono::milliseconds request_timeout = std::chrono::seconds(10);
  bool enable_lifecycle = false;
  std::string version;         // for the landing page
  std::vector<WebLink> links;  // for the landing page, behind metrics, healthy and ready
};

enum class WebLogLevel { kDebug, kWarning, kError };

// What the server asks of the rest. Every function is called from several threads at once, and may be empty.
// One that throws makes its request a 500.
struct WebHandlers {
  const SnapshotStore* snapshots = nullptr;  // must outlive the server
  // The exporter's own metrics, a few dozen series: rendered anew in each scrape that shows them.
  std::function<std::vector<prometheus::MetricFamily>()> self_families;
  // Names of the enabled collectors, which a filter may use. Empty: those of the snapshot.
  std::function<std::vector<std::string>()> collectors;
  std::function<bool()> ready;          // empty: always
  std::function<std::string()> reload;  // reads the configuration again; empty string or what is wrong
  // Starts the end of the process and returns. It must not stop the server itself, which waits for this
  // thread.
  std::function<void()> quit;
  std::function<void(WebLogLevel, std::string_view)> log;
};

// How often one kind of request ended in one status, since the start.
struct WebRequestCount {
  std::string_view handler;  // metrics, landing, healthy, ready, reload, quit, other
  int code;
  std::uint64_t count;
};

class WebServer {
 public:
  // Listens and serves. Throws WebError, or what a handler called here throws.
  WebServer(WebOptions options, WebHandlers handlers);
  ~WebServer();  // stops
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  // Stops listening, cuts the connections and waits for the handlers under way. Not thread safe, and never to
  // be called from a handler. Does nothing the second time.
  void Stop();

  // The ports listened on, in the order of the options; valid also after Stop.
  const std::vector<int>& ports() const;

  // By handler, then code; the usual pairs are there from the start. Thread safe.
  std::vector<WebRequestCount> RequestCounts() const;

  // Scrapes under way, the asking one included. Thread safe.
  int RequestsInFlight() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace exporter
