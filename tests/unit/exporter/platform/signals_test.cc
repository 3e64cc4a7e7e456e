#include "exporter/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

namespace exporter {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(SignalWaiterTest, TurnsSignalsIntoEvents) {
  SignalWaiter signals;
  const struct {
    int signal;
    SignalWaiter::Event event;
    const char* reason;
  } kCases[] = {{SIGTERM, SignalWaiter::Event::kStop, "SIGTERM"},
                {SIGINT, SignalWaiter::Event::kStop, "SIGINT"},
                {SIGHUP, SignalWaiter::Event::kReload, "SIGHUP"}};
  for (const auto& c : kCases) {
    kill(getpid(), c.signal);
    const auto wakeup = signals.Wait();
    EXPECT_EQ(wakeup.event, c.event);
    EXPECT_EQ(wakeup.reason, c.reason);
  }
}

TEST(SignalWaiterTest, ThreadsMadeLaterDoNotTakeSignals) {
  SignalWaiter signals;
  std::atomic<bool> done = false;
  std::thread busy([&] {
    while (!done) std::this_thread::sleep_for(1ms);
  });
  for (int i = 0; i < 20; ++i) {
    kill(getpid(), SIGTERM);
    EXPECT_EQ(signals.Wait().reason, "SIGTERM");
  }
  done = true;
  busy.join();
}

TEST(SignalWaiterTest, RequestsWakeTheWaiterInOrder) {
  SignalWaiter signals;
  std::thread other([&] {
    std::this_thread::sleep_for(20ms);
    signals.Request(SignalWaiter::Event::kReload, "/-/reload");
    signals.Request(SignalWaiter::Event::kStop, "/-/quit");
  });
  EXPECT_EQ(signals.Wait().reason, "/-/reload");
  EXPECT_EQ(signals.Wait().reason, "/-/quit");
  other.join();
  // The second wake-up may still be pending; it must not count as an event.
  EXPECT_FALSE(signals.WaitFor(20ms).has_value());
}

TEST(SignalWaiterTest, WaitForKeepsItsLimit) {
  SignalWaiter signals;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(signals.WaitFor(30ms).has_value());
  EXPECT_FALSE(signals.WaitFor(-1s).has_value());
  const auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GE(waited, 30ms);
  EXPECT_LT(waited, 5s);
  kill(getpid(), SIGHUP);
  const auto wakeup = signals.WaitFor(5s);
  ASSERT_TRUE(wakeup.has_value());
  EXPECT_EQ(wakeup->event, SignalWaiter::Event::kReload);
}

TEST(SignalWaiterTest, BrokenPipesAreErrorsNotDeath) {
  SignalWaiter signals;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

}  // namespace
}  // namespace exporter
