// The exporter as a service: polls, serves, reloads, stops.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "exporter/settings/config.h"
#include "exporter/signals.h"

namespace exporter {

struct CommandLine {
  int argc;
  const char* const* argv;
};

// Runs until SIGTERM, SIGINT or /-/quit. Returns the exit code. `command_line` is read again at a reload.
int Serve(const Config& config, CommandLine command_line, SignalWaiter& signals,
          std::chrono::system_clock::time_point program_start);

}  // namespace exporter
