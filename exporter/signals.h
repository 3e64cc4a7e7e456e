#pragma once

// Signals as plain events, taken in one place by sigwait: no handler code runs anywhere.
//
//   SignalWaiter signals;                       // first thing in main, before any thread
//   server.OnQuit([&] { signals.Request(SignalWaiter::Event::kStop, "/-/quit"); });
//   for (;;) {
//     const auto wakeup = signals.Wait();
//     if (wakeup.event == SignalWaiter::Event::kStop) break;
//     Reload();
//   }

#include <chrono>
#include <csignal>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

namespace exporter {

// Takes over SIGTERM, SIGINT (stop) and SIGHUP (reload), ignores SIGPIPE, and uses SIGUSR1 for its own
// wake-ups. Wait and WaitFor belong to one thread; Request may be called from any. One object per process.
class SignalWaiter {
 public:
  enum class Event { kStop, kReload };
  struct Wakeup {
    Event event;
    std::string reason;  // "SIGTERM", or what Request was given: for the log
  };

  // Blocks the signals in the calling thread and so in every thread it makes later. They stay blocked when
  // the object is gone, so that a second SIGTERM does not cut the shutdown short. Throws std::system_error.
  SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // Blocks until a signal or a request comes. Requests are answered in order, none is lost; the kernel may
  // merge equal signals that come faster than they are taken.
  Wakeup Wait();

  // The same with a limit; empty when it has passed.
  std::optional<Wakeup> WaitFor(std::chrono::nanoseconds limit);

  // Makes Wait return this event, as if a signal had come.
  void Request(Event event, std::string reason);

 private:
  std::optional<Wakeup> TakeRequest();
  static std::optional<Wakeup> FromSignal(int signal);

  sigset_t signals_{};
  std::mutex mutex_;
  std::deque<Wakeup> requests_;  // guarded by mutex_
};

}  // namespace exporter
