#include "exporter/commands/serve.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include "exporter/log.h"
#include "exporter/poller.h"
#include "exporter/process_metrics.h"
#include "exporter/self_families.h"
#include "exporter/version.h"
#include "exporter/web/server.h"
#include "exporter/wiring.h"

namespace exporter {
namespace {

using namespace std::chrono_literals;

// What a reload replaces. Scrapes and the main thread share it.
class Service {
 public:
  Service(const Config& config, CommandLine command_line, std::chrono::system_clock::time_point program_start)
      : command_line_(command_line), process_(program_start), web_config_(config.web) {
    Install(config, AccountingOptionsOf(config),
            std::make_shared<HighWater>(config.state_directory, FingerprintOf(config)));
  }

  // Reads the configuration again and starts over with it. The old one goes on when the new one is wrong:
  // then the text says what is.
  std::string Reload() {
    const std::lock_guard reloading(reload_mutex_);
    try {
      const Config config = LoadConfig(command_line_.argc, command_line_.argv, KnownCollectors());
      Validate(config);
      // What can be wrong is found before anything is stopped.
      slurmdb::AccountingOptions accounting = AccountingOptionsOf(config);
      std::shared_ptr<HighWater> marks = marks_;
      if (config.state_directory != marks_->directory()) {
        marks = std::make_shared<HighWater>(config.state_directory, FingerprintOf(config));
      }
      WarnOfFixedSettings(config);
      // Its statements are cut short; a connect under way ends by its own limit, and the signals must not
      // wait for it.
      if (!poller_->Stop(1s)) retired_.push_back(std::move(poller_));
      marks->SetFingerprint(FingerprintOf(config));
      Install(config, std::move(accounting), std::move(marks));
    } catch (const std::exception& error) {
      log::Error("the configuration was not loaded; the old one stays", {{"error", error.what()}});
      metrics()->ReloadFailed();
      return error.what();
    }
    log::Info("configuration loaded");
    return "";
  }

  bool StopPolling(std::chrono::milliseconds limit) {
    const std::lock_guard reloading(reload_mutex_);
    return poller_->Stop(limit) && retired_.empty();
  }

  bool ready() const {
    const std::lock_guard lock(mutex_);
    return ready_ || poller_->polled();
  }
  std::vector<std::string> collectors() const {
    const std::lock_guard lock(mutex_);
    return EnabledCollectors(config_);
  }
  std::vector<prometheus::MetricFamily> SelfFamilies(const WebServer* web) const {
    const std::shared_ptr<SelfMetrics> own = metrics();
    const bool more = !web_config_.disable_exporter_metrics;
    return exporter::SelfFamilies(*own, more ? &process_ : nullptr, more ? web : nullptr);
  }
  const SnapshotStore& store() const { return store_; }

 private:
  void Install(const Config& config, slurmdb::AccountingOptions accounting,
               std::shared_ptr<HighWater> marks) {
    log::Configure(config.log.level, config.log.format);
    const std::lock_guard lock(mutex_);
    ready_ = ready_ || (poller_ != nullptr && poller_->polled());
    const std::vector<std::string> enabled = EnabledCollectors(config);
    if (metrics_ == nullptr || enabled != EnabledCollectors(config_)) {
      metrics_ = std::make_shared<SelfMetrics>(enabled);
    }
    config_ = config;
    marks_ = std::move(marks);
    poller_ = std::make_unique<Poller>(PollerOptionsOf(config),
                                       std::make_unique<slurmdb::Accounting>(std::move(accounting)), store_,
                                       *metrics_, marks_);
    metrics_->ReloadSucceeded();
    poller_->Start();
  }

  void WarnOfFixedSettings(const Config& config) const {
    if (config.web.listen_addresses != web_config_.listen_addresses ||
        config.web.telemetry_path != web_config_.telemetry_path ||
        config.web.max_requests != web_config_.max_requests ||
        config.web.enable_lifecycle != web_config_.enable_lifecycle ||
        config.web.disable_exporter_metrics != web_config_.disable_exporter_metrics) {
      log::Warn("changes of web.* take effect at the next start, not at a reload");
    }
  }

  std::shared_ptr<SelfMetrics> metrics() const {
    const std::lock_guard lock(mutex_);
    return metrics_;
  }

  const CommandLine command_line_;
  const ProcessMetrics process_;
  SnapshotStore store_;
  const WebConfig web_config_;
  std::mutex reload_mutex_;   // one reload at a time, and none while stopping
  mutable std::mutex mutex_;  // guards what follows
  Config config_;
  bool ready_ = false;
  std::shared_ptr<SelfMetrics> metrics_;
  std::shared_ptr<HighWater> marks_;
  std::vector<std::unique_ptr<Poller>> retired_;  // stopped while they were connecting
  std::unique_ptr<Poller> poller_;                // goes before what it refers to
};

void LogWeb(WebLogLevel level, std::string_view text) {
  switch (level) {
    case WebLogLevel::kDebug:
      return log::Debug(text);
    case WebLogLevel::kWarning:
      return log::Warn(text);
    case WebLogLevel::kError:
      return log::Error(text);
  }
}

}  // namespace

int Serve(const Config& config, CommandLine command_line, SignalWaiter& signals,
          std::chrono::system_clock::time_point program_start) {
  log::Info("starting slurmdbd_exporter", {{"version", kVersion}, {"revision", kRevision}});
  if (geteuid() == 0) log::Warn("running as root, which is not needed");
  for (const std::string& collector : EnabledCollectors(config)) {
    log::Info("collector enabled", {{"collector", collector}});
  }

  Service service(config, command_line, program_start);
  std::unique_ptr<WebServer> web;
  // Requests may come while `web` is still being assigned.
  std::atomic<const WebServer*> serving = nullptr;
  WebOptions options;
  options.listen_addresses = config.web.listen_addresses;
  options.telemetry_path = config.web.telemetry_path;
  options.max_requests = config.web.max_requests;
  // A connection takes a thread, from its first byte on; some are left to say no with.
  options.threads = std::clamp(config.web.max_requests, 28, 124) + 4;
  options.request_timeout = 5s;
  options.enable_lifecycle = config.web.enable_lifecycle;
  options.version = kVersion;
  WebHandlers handlers;
  handlers.snapshots = &service.store();
  handlers.self_families = [&] { return service.SelfFamilies(serving.load()); };
  handlers.collectors = [&] { return service.collectors(); };
  handlers.ready = [&] { return service.ready(); };
  handlers.reload = [&] { return service.Reload(); };
  handlers.quit = [&] { signals.Request(SignalWaiter::Event::kStop, "/-/quit"); };
  handlers.log = LogWeb;
  try {
    web = std::make_unique<WebServer>(std::move(options), std::move(handlers));
  } catch (const WebError& error) {
    log::Error("the web server could not be started", {{"error", error.what()}});
    return 1;
  }
  serving = web.get();
  for (const int port : web->ports()) log::Info("listening", {{"port", port}});

  for (;;) {
    const SignalWaiter::Wakeup wakeup = signals.Wait();
    if (wakeup.event == SignalWaiter::Event::kStop) {
      log::Info("stopping", {{"reason", wakeup.reason}});
      break;
    }
    service.Reload();
  }
  const bool stopped = service.StopPolling(1500ms);
  web->Stop();
  if (!stopped) {
    // Inside a connect, which nothing interrupts. Nothing is lost by leaving now: all we do is read.
    log::Warn("a connection attempt is still under way; leaving without waiting for it");
    std::_Exit(0);
  }
  log::Info("stopped");
  return 0;
}

}  // namespace exporter
