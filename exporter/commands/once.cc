#include "exporter/commands/once.h"

#include <cstdio>
#include <utility>

#include "exporter/exposition/page.h"
#include "exporter/poller.h"
#include "exporter/process_metrics.h"
#include "exporter/self_families.h"
#include "exporter/wiring.h"

namespace exporter {

int RunOnce(const Config& config, std::chrono::system_clock::time_point program_start) {
  SnapshotStore store;
  SelfMetrics metrics(EnabledCollectors(config));
  const ProcessMetrics process(program_start);
  Poller poller(PollerOptionsOf(config), std::make_unique<slurmdb::Accounting>(AccountingOptionsOf(config)),
                store, metrics, nullptr);
  metrics.ReloadSucceeded();
  const bool well = poller.PollOnce();

  FamilyList families = store.Load()->Families();
  Renderer renderer;
  for (const prometheus::MetricFamily& family :
       SelfFamilies(metrics, config.web.disable_exporter_metrics ? nullptr : &process, nullptr)) {
    families.push_back(renderer.Render(family).family);
  }
  const Page page(std::move(families), Format::kText);
  const bool written = page.Write(Coding::kIdentity, [](std::string_view bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size();
  });
  return well && written && std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace exporter
