// Runs the collectors at one moment of the past after the other and writes what they say, a file a window.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/slurmdb/replay.h"
#include "exporter/backfill/sample_table.h"
#include "exporter/backfill/windows.h"
#include "exporter/poller.h"

namespace exporter {

struct SweepOptions {
  std::string folder;
  ImportForm form = ImportForm::kOpenMetrics;
  std::vector<std::pair<std::string, std::string>> labels;  // of every series, such as job and instance
  std::set<std::string> families;                           // names; empty: all
  std::vector<CollectorPlan> collectors;                    // whose books the replay keeps
  collectors::CollectorOptions collector_options;
  // Called after each moment with the number of windows and moments that are done.
  std::function<void(std::size_t windows, std::size_t moments)> progress = [](std::size_t, std::size_t) {};
};

struct SweepResult {
  std::size_t written = 0;     // files
  std::size_t kept = 0;        // files that were there already
  std::uint64_t samples = 0;   // lines written
  std::size_t most_rows = 0;   // job rows in memory at once
  std::uint64_t left_out = 0;  // lines over a collector's limit, or that no scraper would accept
};

// The name of a window's file, without the folder.
std::string FileName(const Window& window, ImportForm form);

// `replay` has its range, which begins at `from` and which all windows lie in. Files appear under their names
// when they are whole; those that are there are left alone. Throws DatabaseError, and std::runtime_error when
// a file cannot be written or a family or label is not possible.
SweepResult Sweep(slurmdb::Replay& replay, const std::vector<Window>& windows, std::int64_t from,
                  const SweepOptions& options);

}  // namespace exporter
