#include "exporter/signals.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

namespace exporter {

SignalWaiter::SignalWaiter() {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals_, signal);
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals_, nullptr); error != 0) {
    throw std::system_error(error, std::generic_category(), "cannot block signals");
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  if (sigaction(SIGPIPE, &ignore, nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot ignore SIGPIPE");
  }
}

SignalWaiter::Wakeup SignalWaiter::Wait() {
  for (;;) {
    if (auto request = TakeRequest()) return *std::move(request);
    int signal = 0;
    if (const int error = sigwait(&signals_, &signal); error != 0) {
      throw std::system_error(error, std::generic_category(), "cannot wait for signals");
    }
    if (auto wakeup = FromSignal(signal)) return *std::move(wakeup);
  }
}

std::optional<SignalWaiter::Wakeup> SignalWaiter::WaitFor(std::chrono::nanoseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    if (auto request = TakeRequest()) return request;
    const auto left = std::max(std::chrono::nanoseconds::zero(),
                               std::chrono::nanoseconds(deadline - std::chrono::steady_clock::now()));
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    timespec timeout{};
    timeout.tv_sec = seconds.count();
    timeout.tv_nsec = (left - seconds).count();
    const int signal = sigtimedwait(&signals_, nullptr, &timeout);
    if (signal < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "cannot wait for signals");
      return TakeRequest();
    }
    if (auto wakeup = FromSignal(signal)) return wakeup;
  }
}

void SignalWaiter::Request(Event event, std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back({event, std::move(reason)});
  }
  // Sent after the request is queued, so that who wakes up finds it; blocked everywhere, so only sigwait
  // takes it.
  kill(getpid(), SIGUSR1);
}

std::optional<SignalWaiter::Wakeup> SignalWaiter::TakeRequest() {
  const std::lock_guard lock(mutex_);
  if (requests_.empty()) return std::nullopt;
  Wakeup wakeup = std::move(requests_.front());
  requests_.pop_front();
  return wakeup;
}

std::optional<SignalWaiter::Wakeup> SignalWaiter::FromSignal(int signal) {
  switch (signal) {
    case SIGTERM:
      return Wakeup{Event::kStop, "SIGTERM"};
    case SIGINT:
      return Wakeup{Event::kStop, "SIGINT"};
    case SIGHUP:
      return Wakeup{Event::kReload, "SIGHUP"};
    default:
      return std::nullopt;  // a wake-up; the request is in the queue, or was taken already
  }
}

}  // namespace exporter
