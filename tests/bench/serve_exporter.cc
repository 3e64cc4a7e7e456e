// Our side: the families rendered once, as after a poll, and handed out by the exporter's web server; with
// `own` as second argument behind the exporter's metrics about itself, which are rendered in each scrape.
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "exporter/exposition/family.h"
#include "exporter/process_metrics.h"
#include "exporter/self_families.h"
#include "exporter/self_metrics.h"
#include "exporter/snapshot.h"
#include "exporter/web/server.h"
#include "tests/bench/families.h"
#include "tests/bench/serving.h"

namespace {

exporter::FamilyList Render(std::size_t series) {
  exporter::FamilyList rendered;
  exporter::Renderer renderer;
  for (prometheus::MetricFamily& family : bench::MakeFamilies(series)) {
    rendered.push_back(renderer.Render(family).family);
    family = {};
  }
  return rendered;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t series = bench::SeriesOf(argc, argv);
  exporter::SnapshotStore store;
  auto snapshot = std::make_shared<exporter::Snapshot>();
  snapshot->pages.push_back({"bench", Render(series)});
  store.Store(std::move(snapshot));
  malloc_trim(0);  // a process that has run for a while has used again what making the families took

  exporter::WebOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  exporter::WebHandlers handlers;
  handlers.snapshots = &store;
  const exporter::SelfMetrics own({"consumption", "jobs", "outcomes", "users"});
  const exporter::ProcessMetrics process(std::chrono::system_clock::now());
  std::atomic<const exporter::WebServer*> serving = nullptr;
  if (argc > 2 && std::strcmp(argv[2], "own") == 0) {
    handlers.self_families = [&] { return exporter::SelfFamilies(own, &process, serving.load()); };
  }
  const exporter::WebServer server(std::move(options), std::move(handlers));
  serving = &server;
  bench::ServeUntilStdinEnds(server.ports().front());
  return 0;
}
