// Counters never fall, nor do the lines of histograms. What was last published for each is kept, in memory
// and in a file, and a series whose sum has come down since (a runaway job was repaired, old jobs were
// purged, a record came late) is held where it was until the sum has caught up. How much was held back is a
// counter of its own.
//
//   HighWater marks("/var/lib/slurmdbd_exporter", fingerprint);
//   marks.Apply(families, {{"alpha", epoch}});   // each poll, each collector
//   marks.Save();                                // before the page is shown
//
// A mark belongs to an epoch: when a cluster's counters start again, so do its marks. Not thread-safe.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace exporter {

class HighWater {
 public:
  // `directory`: where the file is; empty for none. `fingerprint`: whatever makes series of the same name
  // mean something else, such as the way users are shown; marks kept under another one are dropped. Throws
  // std::runtime_error when the directory cannot be used or another process uses it. A file that cannot be
  // understood is put aside with a warning.
  HighWater(std::filesystem::path directory, std::string fingerprint);
  ~HighWater();
  HighWater(const HighWater&) = delete;
  HighWater& operator=(const HighWater&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  // Drops the marks if this is another one.
  void SetFingerprint(std::string fingerprint);

  // Raises the counters in `families` to their marks and moves the marks up. `epochs` has the clusters that
  // are on the page; a series of one of these that has gone missing comes back with its last value. Samples
  // are told apart by their label values, the first of which is the cluster.
  void Apply(std::vector<prometheus::MetricFamily>& families,
             const std::map<std::string, std::int64_t>& epochs);

  // Writes the file when something changed. Throws std::runtime_error.
  void Save();

 private:
  struct Mark {
    std::int64_t epoch = 0;
    double value = 0;
    double held = 0;  // by how much it stands above the sum
    bool seen = false;
  };
  struct FamilyMarks {
    std::vector<std::string> labels;              // their names
    std::unordered_map<std::string, Mark> marks;  // by label values, joined
  };

  void Load();
  void Lock();
  void Hold(prometheus::MetricFamily& family, const std::map<std::string, std::int64_t>& epochs);
  void HoldHistograms(prometheus::MetricFamily& family, const std::map<std::string, std::int64_t>& epochs);

  std::filesystem::path directory_;
  std::filesystem::path file_;
  std::string fingerprint_;
  int lock_ = -1;
  bool changed_ = false;
  std::map<std::string, FamilyMarks> families_;
  // Held back so far, by cluster and TRES.
  std::map<std::pair<std::string, std::string>, double> corrections_;
};

}  // namespace exporter
