// Chooses a command, wires it and runs it.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string_view>
#include <variant>

#include "exporter/commands/alertmanager_routes.h"
#include "exporter/commands/backfill.h"
#include "exporter/commands/once.h"
#include "exporter/commands/report.h"
#include "exporter/commands/serve.h"
#include "exporter/log.h"
#include "exporter/settings/settings.h"
#include "exporter/signals.h"
#include "exporter/wiring.h"

int main(int argc, char** argv) try {
  using namespace exporter;
  const auto program_start = std::chrono::system_clock::now();
  if (argc > 1 && std::string_view(argv[1]) == kAlertmanagerRoutes)
    return RunAlertmanagerRoutes({argv + 2, argv + argc});
  if (argc > 1 && std::string_view(argv[1]) == kBackfill) return RunBackfill({argv + 2, argv + argc});
  if (argc > 1 && std::string_view(argv[1]) == kReport) return RunReport({argv + 2, argv + argc});
  const ParseResult result = ParseCommandLine(argc, argv, KnownCollectors(), ProcessEnvironment(), Validate);
  if (const auto* print = std::get_if<PrintAndExit>(&result)) {
    std::fputs(print->text.c_str(), stdout);
    return 0;
  }
  if (const auto* error = std::get_if<UsageError>(&result)) {
    std::fprintf(stderr, "slurmdbd_exporter: %s\n", error->message.c_str());
    return 1;
  }
  const auto& run = std::get<RunProgram>(result);
  log::Configure(run.config.log.level, run.config.log.format);
  for (const std::string& warning : run.warnings) log::Warn(warning);
  if (run.config.once) return RunOnce(run.config, program_start);
  SignalWaiter signals;
  return Serve(run.config, {argc, argv}, signals, program_start);
} catch (const std::exception& error) {
  std::fprintf(stderr, "slurmdbd_exporter: %s\n", error.what());
  return 1;
}
