#include "exporter/web/server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <exception>
#include <initializer_list>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "exporter/exposition/family.h"
#include "exporter/exposition/negotiation.h"
#include "exporter/exposition/page.h"
#include "exporter/web/listen_address.h"
#include "exporter/web/query.h"

namespace exporter {
namespace {

using std::chrono::steady_clock;

// civetweb gives one write this long at most; a page may take several.
constexpr auto kWriteLimit = std::chrono::seconds(30);
constexpr std::size_t kWriteSize = 262144;    // how much is written between two looks at the clock
constexpr std::size_t kMaxNameInError = 128;  // of what a client sent, bytes to repeat

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

enum class Handler { kMetrics, kLanding, kHealthy, kReady, kReload, kQuit, kOther };
constexpr std::array<std::string_view, 7> kHandlerNames = {"metrics", "landing", "healthy", "ready",
                                                           "reload",  "quit",    "other"};

std::string_view Reason(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return code < 500 ? "Refused" : "Failed";
  }
}

struct Response {
  int code = 200;
  std::string body;
  std::string_view content_type = kPlainText;
  std::string headers = {};  // more of them, each with its \r\n
};

std::string HeaderBlock(int code, std::string_view content_type, std::size_t length, std::string_view more) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
      "X-Content-Type-Options: nosniff\r\n{}Connection: close\r\n\r\n",
      code, Reason(code), fmt::gmtime(std::time(nullptr)), content_type, length, more);
}

// Gathers small pieces, so that a page of hundreds of families does not cost a system call for each.
class ConnectionWriter {
 public:
  explicit ConnectionWriter(mg_connection* connection)
      : connection_(connection), deadline_(steady_clock::now() + kWriteLimit) {}

  // False once the client is gone or too slow; then nothing more is sent.
  bool Write(std::string_view bytes) {
    if (buffer_.size() + bytes.size() <= kWriteSize) {
      buffer_.append(bytes);
      return alive_;
    }
    if (!Flush()) return false;
    for (; bytes.size() > kWriteSize; bytes.remove_prefix(kWriteSize)) {
      if (!Send(bytes.substr(0, kWriteSize))) return false;
    }
    buffer_.assign(bytes);
    return true;
  }

  bool Flush() {
    if (!buffer_.empty()) Send(buffer_);
    buffer_.clear();
    return alive_;
  }

 private:
  bool Send(std::string_view bytes) {
    alive_ = alive_ && steady_clock::now() < deadline_ &&
             mg_write(connection_, bytes.data(), bytes.size()) == static_cast<int>(bytes.size());
    return alive_;
  }

  mg_connection* const connection_;
  const steady_clock::time_point deadline_;
  bool alive_ = true;
  std::string buffer_;
};

// The last part of Stop: civetweb's threads look at the stop flag only when their poll returns, which may
// take two seconds. A connection to the listening port wakes the one that waits in accept; it is not served
// any more.
class StopNudge {
 public:
  explicit StopNudge(std::vector<sockaddr_in> addresses)
      : thread_([addresses = std::move(addresses)](const std::stop_token& done) {
          constexpr auto kPause = std::chrono::milliseconds(10);
          for (std::this_thread::sleep_for(kPause); !done.stop_requested();
               std::this_thread::sleep_for(kPause)) {
            for (const sockaddr_in& address : addresses) Connect(address);
          }
        }) {}

 private:
  static void Connect(const sockaddr_in& address) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    // On this machine a non-blocking connect is over when it returns, one way or the other.
    (void)connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    close(fd);
  }

  std::jthread thread_;
};

class InFlight {
 public:
  explicit InFlight(std::atomic<int>* count) : count_(count), now_(count->fetch_add(1) + 1) {}
  ~InFlight() { count_->fetch_sub(1); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  int now() const { return now_; }

 private:
  std::atomic<int>* const count_;
  const int now_;
};

// All values of a request header, as one list.
std::string JoinedHeader(const mg_request_info& request, const char* name) {
  std::string joined;
  for (int i = 0; i < request.num_headers; ++i) {
    const auto& header = request.http_headers[i];
    if (strcasecmp(header.name, name) != 0) continue;
    if (!joined.empty()) joined += ", ";
    joined += header.value;
  }
  return joined;
}

// What a client sent, fit to be repeated in an answer or a log line.
std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, kMaxNameInError));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable;
}

Response MethodNotAllowed(std::string_view allowed) {
  return {.code = 405, .body = "Method not allowed.\n", .headers = fmt::format("Allow: {}\r\n", allowed)};
}

void CheckOptions(const WebOptions& options, const WebHandlers& handlers) {
  if (handlers.snapshots == nullptr) throw WebError("no snapshot store");
  if (options.listen_addresses.empty()) throw WebError("no listen address");
  if (options.threads < 1 || options.threads > 1024) throw WebError("threads must be from 1 to 1024");
  if (options.max_requests < 0) throw WebError("the limit of requests must not be negative");
  if (options.request_timeout < std::chrono::milliseconds(1))
    throw WebError("the request timeout must be positive");
  const std::string& path = options.telemetry_path;
  if (!path.starts_with('/') || path.starts_with("/-/") ||
      path.find_first_of("?#% \t\r\n") != std::string::npos) {
    throw WebError(fmt::format(
        "telemetry path \"{}\": must begin with / but not with /-/, without any of ?#% and blanks",
        Printable(path)));
  }
}

}  // namespace

class WebServer::Impl {
 public:
  Impl(WebOptions options, WebHandlers handlers);
  ~Impl() { Stop(); }

  void Stop();
  const std::vector<int>& ports() const { return ports_; }
  std::vector<WebRequestCount> RequestCounts() const;
  int RequestsInFlight() const { return in_flight_.load(); }

 private:
  // civetweb's callbacks. Nothing may be thrown out of them.
  static int OnRequest(mg_connection* connection) noexcept;
  static int OnError(mg_connection* connection, int code, const char* text) noexcept;
  static int OnLogMessage(const mg_connection* connection, const char* text) noexcept;

  void InitializeCounts();
  void Start(const std::vector<ListenAddress>& addresses);

  int Serve(mg_connection* connection, const mg_request_info& request);
  int ServeMetrics(mg_connection* connection, const mg_request_info& request, bool head);
  Response ServeLifecycle(Handler handler, std::string_view method) const;
  int Send(mg_connection* connection, Handler handler, const Response& response, bool head = false);

  // Empty if every name is one of an enabled collector, else the first that is not, in quotes.
  std::string UnknownCollector(const Snapshot& snapshot, const CollectorFilter& filter) const;
  void Count(Handler handler, int code);
  void Log(WebLogLevel level, std::string_view text) const noexcept;

  const WebOptions options_;
  const WebHandlers handlers_;
  std::string landing_page_;
  std::vector<int> ports_;
  std::vector<sockaddr_in> own_addresses_;
  std::atomic<int> in_flight_ = 0;
  mutable std::mutex counts_mutex_;
  std::map<std::pair<Handler, int>, std::uint64_t> counts_;
  mutable std::mutex start_mutex_;
  bool starting_ = true;  // until then messages go into start_errors_
  mutable std::string start_errors_;
  mg_context* context_ = nullptr;  // the last: its threads use all of the above
};

WebServer::Impl::Impl(WebOptions options, WebHandlers handlers)
    : options_(std::move(options)), handlers_(std::move(handlers)) {
  CheckOptions(options_, handlers_);
  std::vector<WebLink> links = {
      {options_.telemetry_path, "Metrics"}, {"/-/healthy", "Healthy"}, {"/-/ready", "Ready"}};
  links.insert(links.end(), options_.links.begin(), options_.links.end());
  landing_page_ = LandingPage(options_.version, links);
  InitializeCounts();

  std::vector<ListenAddress> addresses;
  for (const std::string& text : options_.listen_addresses) addresses.push_back(ParseListenAddress(text));
  mg_init_library(MG_FEATURES_DEFAULT);  // counted, so each server has its own
  try {
    Start(addresses);
  } catch (...) {
    mg_exit_library();
    throw;
  }
}

void WebServer::Impl::Start(const std::vector<ListenAddress>& addresses) {
  std::string ports;
  for (const ListenAddress& address : addresses) {
    if (!ports.empty()) ports += ',';
    ports += address.ToString();
  }
  const std::string threads = std::to_string(options_.threads);
  const std::string timeout = std::to_string(options_.request_timeout.count());
  // Nothing here lets civetweb answer by itself: OnRequest takes every request, files are never looked at.
  // clang-format off
  std::vector<const char*> settings = {
      "listening_ports", ports.c_str(),
      "num_threads", threads.c_str(),
      "listen_backlog", "128",
      "max_request_size", "16384",
      "request_timeout_ms", timeout.c_str(),  // for the header, and for each write
      "enable_keep_alive", "no",
      "tcp_nodelay", "1",  // writes are gathered already
      "enable_directory_listing", "no",
      "enable_auth_domain_check", "no",
      "access_control_allow_origin", "",
      nullptr};
  // clang-format on
  mg_callbacks callbacks{};
  callbacks.begin_request = OnRequest;
  callbacks.http_error = OnError;
  callbacks.log_message = OnLogMessage;
  context_ = mg_start(&callbacks, this, settings.data());
  {
    const std::lock_guard lock(start_mutex_);
    starting_ = false;
    if (context_ == nullptr) {
      throw WebError(fmt::format("cannot listen on {}: {}", ports,
                                 start_errors_.empty() ? "the HTTP library gives no reason" : start_errors_));
    }
  }

  std::vector<mg_server_port> bound(addresses.size());
  const int count = mg_get_server_ports(context_, static_cast<int>(bound.size()), bound.data());
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(count, 0)); ++i) {
    ports_.push_back(bound[i].port);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<std::uint16_t>(bound[i].port));
    inet_pton(AF_INET, addresses[i].ip.c_str(), &own.sin_addr);
    if (own.sin_addr.s_addr == htonl(INADDR_ANY)) own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own_addresses_.push_back(own);
  }
}

void WebServer::Impl::Stop() {
  if (context_ == nullptr) return;
  {
    const StopNudge nudge(own_addresses_);
    mg_stop(context_);
  }
  context_ = nullptr;
  mg_exit_library();
}

int WebServer::Impl::OnRequest(mg_connection* connection) noexcept {
  const mg_request_info* const request = mg_get_request_info(connection);
  auto* const self = static_cast<Impl*>(request->user_data);
  // Also: do not read the rest of a request body, however long its sender says it is.
  mg_disable_connection_keep_alive(connection);
  try {
    return self->Serve(connection, *request);
  } catch (const std::exception& error) {
    self->Log(WebLogLevel::kError, error.what());
  } catch (...) {
    self->Log(WebLogLevel::kError, "unknown exception in an HTTP handler");
  }
  return 500;  // not 0, or civetweb would look for a file
}

int WebServer::Impl::OnError(mg_connection* connection, int code, const char*) noexcept {
  try {
    auto* const self = static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
    mg_disable_connection_keep_alive(connection);
    self->Send(connection, Handler::kOther, {.code = code, .body = fmt::format("{}.\n", Reason(code))});
  } catch (...) {
    // The connection closes without an answer.
  }
  return 0;
}

int WebServer::Impl::OnLogMessage(const mg_connection* connection, const char* text) noexcept {
  const auto* const self = static_cast<const Impl*>(mg_get_user_data(mg_get_context(connection)));
  if (self == nullptr) return 1;
  try {
    const std::lock_guard lock(self->start_mutex_);
    if (self->starting_) {
      std::string& errors = self->start_errors_;
      if (!errors.empty()) errors += "; ";
      errors += text;
      return 1;
    }
  } catch (...) {
    return 1;
  }
  self->Log(WebLogLevel::kWarning, text);
  return 1;
}

int WebServer::Impl::Serve(mg_connection* connection, const mg_request_info& request) {
  const std::string_view path = request.local_uri != nullptr ? request.local_uri : "";
  const std::string_view method = request.request_method != nullptr ? request.request_method : "";
  const bool head = method == "HEAD";
  const bool reads = head || method == "GET";

  Handler handler = Handler::kOther;
  if (path == options_.telemetry_path) {
    handler = Handler::kMetrics;
  } else if (path == "/") {
    handler = Handler::kLanding;
  } else if (path == "/-/healthy") {
    handler = Handler::kHealthy;
  } else if (path == "/-/ready") {
    handler = Handler::kReady;
  } else if (path == "/-/reload") {
    handler = Handler::kReload;
  } else if (path == "/-/quit") {
    handler = Handler::kQuit;
  }

  Response response;
  try {
    switch (handler) {
      case Handler::kMetrics:
        if (reads) return ServeMetrics(connection, request, head);
        break;
      case Handler::kLanding:
        response = {.body = landing_page_,
                    .content_type = "text/html; charset=utf-8",
                    .headers = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"};
        break;
      case Handler::kHealthy:
        response = {.body = "Healthy.\n"};
        break;
      case Handler::kReady:
        response = {.body = "Ready.\n"};
        if (reads && handlers_.ready && !handlers_.ready()) {
          response = {.code = 503, .body = "Not ready: the first poll is not over.\n"};
        }
        break;
      case Handler::kReload:
      case Handler::kQuit:
        response = ServeLifecycle(handler, method);
        break;
      case Handler::kOther:
        response = {.code = 404, .body = "Not found.\n"};
        break;
    }
    const bool readable =
        handler != Handler::kReload && handler != Handler::kQuit && handler != Handler::kOther;
    if (readable && !reads) response = MethodNotAllowed("GET, HEAD");
  } catch (const std::exception& error) {
    Log(WebLogLevel::kError, fmt::format("{} {}: {}", Printable(method), Printable(path), error.what()));
    response = {.code = 500, .body = "Internal error, see the log.\n"};
  }
  const int code = Send(connection, handler, response, head);
  // Only now: the end of the process cuts connections.
  if (handler == Handler::kQuit && code == 200) handlers_.quit();
  return code;
}

Response WebServer::Impl::ServeLifecycle(Handler handler, std::string_view method) const {
  if (method != "POST" && method != "PUT") return MethodNotAllowed("POST, PUT");
  const bool quit = handler == Handler::kQuit;
  if (!options_.enable_lifecycle || (quit ? !handlers_.quit : !handlers_.reload)) {
    return {.code = 403, .body = "The lifecycle API is not enabled.\n"};
  }
  if (quit) return {.body = "Goodbye.\n"};
  const std::string error = handlers_.reload();
  if (!error.empty()) return {.code = 500, .body = fmt::format("Reload failed: {}\n", error)};
  return {.body = "Reloaded.\n"};
}

int WebServer::Impl::ServeMetrics(mg_connection* connection, const mg_request_info& request, bool head) {
  const InFlight scrape(&in_flight_);
  if (options_.max_requests > 0 && scrape.now() > options_.max_requests) {
    return Send(connection, Handler::kMetrics, {.code = 503, .body = "Too many scrapes at a time.\n"}, head);
  }

  const CollectorFilter filter =
      ParseCollectorFilter(request.query_string != nullptr ? request.query_string : std::string_view());
  if (!filter.collect.empty() && !filter.exclude.empty()) {
    return Send(connection, Handler::kMetrics,
                {.code = 400, .body = "collect[] and exclude[] cannot be used together.\n"}, head);
  }
  // Before the page is taken: what they tell of a poll must be on it.
  FamilyList families;
  if (filter.collect.empty() && handlers_.self_families) {
    Renderer renderer;
    for (const prometheus::MetricFamily& family : handlers_.self_families()) {
      families.push_back(renderer.Render(family).family);
    }
  }
  const std::shared_ptr<const Snapshot> snapshot = handlers_.snapshots->Load();
  const std::string unknown = UnknownCollector(*snapshot, filter);
  if (!unknown.empty()) {
    return Send(connection, Handler::kMetrics,
                {.code = 400, .body = fmt::format("Unknown or disabled collector: {}\n", unknown)}, head);
  }

  const FamilyList selected =
      snapshot->Families([&filter](std::string_view name) { return filter.Wants(name); });
  families.insert(families.end(), selected.begin(), selected.end());

  const Format format = NegotiateFormat(JoinedHeader(request, "accept"));
  const Coding coding = NegotiateCoding(JoinedHeader(request, "accept-encoding"));
  const Page page(std::move(families), format);
  ConnectionWriter writer(connection);
  writer.Write(HeaderBlock(
      200, ContentType(format), page.Size(coding),
      coding == Coding::kGzip
          ? "Content-Encoding: gzip\r\nVary: Accept, Accept-Encoding\r\nCache-Control: no-store\r\n"
          : "Vary: Accept, Accept-Encoding\r\nCache-Control: no-store\r\n"));
  Count(Handler::kMetrics, 200);
  try {
    if (!head) page.Write(coding, [&writer](std::string_view bytes) { return writer.Write(bytes); });
    if (!writer.Flush()) {
      Log(WebLogLevel::kDebug, fmt::format("{} left in the middle of a page", request.remote_addr));
    }
  } catch (const std::exception& error) {
    // Too late for another status: a page shorter than its Content-Length tells the client.
    Log(WebLogLevel::kError, fmt::format("{} in the middle of a page", error.what()));
  }
  return 200;
}

std::string WebServer::Impl::UnknownCollector(const Snapshot& snapshot, const CollectorFilter& filter) const {
  if (filter.collect.empty() && filter.exclude.empty()) return "";
  std::vector<std::string> known;
  if (handlers_.collectors) {
    known = handlers_.collectors();
  } else {
    for (const CollectorPage& page : snapshot.pages) known.push_back(page.collector);
  }
  for (const std::vector<std::string>* names : {&filter.collect, &filter.exclude}) {
    for (const std::string& name : *names) {
      if (std::find(known.begin(), known.end(), name) == known.end())
        return fmt::format("\"{}\"", Printable(name));
    }
  }
  return "";
}

int WebServer::Impl::Send(mg_connection* connection, Handler handler, const Response& response, bool head) {
  ConnectionWriter writer(connection);
  writer.Write(HeaderBlock(response.code, response.content_type, response.body.size(), response.headers));
  Count(handler, response.code);  // before the client can know, so that it finds itself in the next scrape
  if (!head) writer.Write(response.body);
  writer.Flush();
  return response.code;
}

void WebServer::Impl::InitializeCounts() {
  const auto start = [this](Handler handler, std::initializer_list<int> codes) {
    for (const int code : codes) counts_[{handler, code}] = 0;
  };
  start(Handler::kMetrics, {200, 400, 503});
  if (options_.telemetry_path != "/") start(Handler::kLanding, {200});
  start(Handler::kHealthy, {200});
  start(Handler::kReady, {200, 503});
  if (options_.enable_lifecycle) {
    start(Handler::kReload, {200, 500});
    start(Handler::kQuit, {200});
  }
  start(Handler::kOther, {400, 404});
}

void WebServer::Impl::Count(Handler handler, int code) {
  const std::lock_guard lock(counts_mutex_);
  ++counts_[{handler, code}];
}

std::vector<WebRequestCount> WebServer::Impl::RequestCounts() const {
  const std::lock_guard lock(counts_mutex_);
  std::vector<WebRequestCount> counts;
  counts.reserve(counts_.size());
  for (const auto& [key, count] : counts_) {
    counts.push_back({kHandlerNames.at(static_cast<std::size_t>(key.first)), key.second, count});
  }
  return counts;
}

void WebServer::Impl::Log(WebLogLevel level, std::string_view text) const noexcept {
  if (!handlers_.log) return;
  try {
    handlers_.log(level, text);
  } catch (...) {
    // Nobody left to tell.
  }
}

WebServer::WebServer(WebOptions options, WebHandlers handlers)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handlers))) {}

WebServer::~WebServer() = default;

void WebServer::Stop() { impl_->Stop(); }

const std::vector<int>& WebServer::ports() const { return impl_->ports(); }

std::vector<WebRequestCount> WebServer::RequestCounts() const { return impl_->RequestCounts(); }

int WebServer::RequestsInFlight() const { return impl_->RequestsInFlight(); }

}  // namespace exporter
