#include "exporter/high_water.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "exporter/log.h"

namespace exporter {
namespace {

constexpr char kSeparator = '\x1f';  // cannot be part of a name in Slurm
constexpr char kConsumption[] = "slurmdbd_account_tres_seconds_total";
constexpr char kCorrections[] = "slurmdbd_corrections_tres_seconds_total";
constexpr char kSum[] = "sum";  // in place of a bound
constexpr int kFormat = 1;

std::string KeyOf(const prometheus::ClientMetric& metric) {
  std::string key;
  for (const auto& label : metric.label) {
    key += label.value;
    key += kSeparator;
  }
  return key;
}

std::vector<std::string> ValuesOf(const std::string& key) {
  std::vector<std::string> values;
  for (std::size_t from = 0; from < key.size();) {
    const std::size_t to = key.find(kSeparator, from);
    values.push_back(key.substr(from, to - from));
    from = to + 1;
  }
  return values;
}

std::string ClusterOf(const std::string& key) { return key.substr(0, key.find(kSeparator)); }

}  // namespace

HighWater::HighWater(std::filesystem::path directory, std::string fingerprint)
    : directory_(std::move(directory)), fingerprint_(std::move(fingerprint)) {
  if (directory_.empty()) return;
  Lock();
  file_ = directory_ / "high-water.jsonl";
  try {
    Load();
  } catch (const std::exception& error) {
    const std::filesystem::path aside = file_.string() + ".unreadable";
    std::error_code ignored;
    std::filesystem::rename(file_, aside, ignored);
    log::Warn("the high-water file is not understood; counters may fall once",
              {{"file", file_.string()}, {"kept_as", aside.string()}, {"error", error.what()}});
    families_.clear();
    corrections_.clear();
  }
}

HighWater::~HighWater() {
  if (lock_ >= 0) close(lock_);
}

void HighWater::SetFingerprint(std::string fingerprint) {
  if (fingerprint == fingerprint_) return;
  log::Info("series are shown in another way than before; the old high-water marks are dropped");
  fingerprint_ = std::move(fingerprint);
  families_.clear();
  changed_ = true;
}

void HighWater::Lock() {
  const std::string path = directory_ / "lock";
  lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    throw std::runtime_error(fmt::format("--state.directory: {}: {}", path, std::strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    close(lock_);
    lock_ = -1;
    throw std::runtime_error(
        fmt::format("--state.directory: {}: {}", path,
                    error == EWOULDBLOCK ? "in use by another process" : std::strerror(error)));
  }
}

// A line of JSON each: first what the file is, then [family, epoch, value, held, [label values]].
void HighWater::Load() {
  std::ifstream in(file_);
  std::string line;
  if (!std::getline(in, line)) return;
  const auto header = nlohmann::json::parse(line);
  if (header.at("format") != kFormat) throw std::runtime_error("unknown format");
  if (header.at("fingerprint") != fingerprint_) {
    log::Info("series are shown in another way than before; the old high-water marks are dropped");
    return;
  }
  for (const auto& [cluster, by_tres] : header.at("corrections").items()) {
    for (const auto& [tres, amount] : by_tres.items()) corrections_[{cluster, tres}] = amount;
  }
  for (const auto& [family, labels] : header.at("labels").items()) families_[family].labels = labels;
  while (std::getline(in, line)) {
    const auto row = nlohmann::json::parse(line);
    std::string key;
    for (const auto& value : row.at(4)) key += value.get<std::string>() + kSeparator;
    families_[row.at(0)].marks[key] = {row.at(1), row.at(2), row.at(3), false};
  }
}

void HighWater::Save() {
  if (file_.empty() || !changed_) return;
  nlohmann::json header = {
      {"format", kFormat}, {"fingerprint", fingerprint_}, {"corrections", nlohmann::json::object()}};
  for (const auto& [labels, amount] : corrections_)
    header["corrections"][labels.first][labels.second] = amount;
  header["labels"] = nlohmann::json::object();
  for (const auto& [family, marks] : families_) header["labels"][family] = marks.labels;
  const std::filesystem::path fresh = file_.string() + ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << header.dump() << '\n';
    for (const auto& [family, marks] : families_) {
      for (const auto& [key, mark] : marks.marks) {
        out << nlohmann::json::array({family, mark.epoch, mark.value, mark.held, ValuesOf(key)}).dump()
            << '\n';
      }
    }
    out.close();
    if (!out) throw std::runtime_error("cannot write " + fresh.string() + ": " + std::strerror(errno));
  }
  // The old file is whole until the new one is: being killed here loses nothing.
  std::filesystem::rename(fresh, file_);
  changed_ = false;
}

void HighWater::Hold(prometheus::MetricFamily& family, const std::map<std::string, std::int64_t>& epochs) {
  FamilyMarks& known = families_[family.name];
  if (!family.metric.empty()) {
    known.labels.clear();
    for (const auto& label : family.metric[0].label) known.labels.push_back(label.name);
  }
  auto& marks = known.marks;
  const bool consumption = family.name == kConsumption;
  for (auto& [key, mark] : marks) mark.seen = false;
  const auto held_back = [&](const std::string& key, double amount) {
    if (consumption && amount > 0) corrections_[{ClusterOf(key), ValuesOf(key).back()}] += amount;
  };
  for (prometheus::ClientMetric& metric : family.metric) {
    const std::string key = KeyOf(metric);
    const auto epoch = epochs.find(ClusterOf(key));
    if (epoch == epochs.end()) continue;
    const auto [at, fresh] = marks.try_emplace(key);
    Mark& mark = at->second;
    const bool begins = fresh || mark.epoch != epoch->second;
    changed_ |= begins;  // a mark of 0 has to be remembered too
    if (begins) mark = {epoch->second, 0, 0, false};
    mark.seen = true;
    if (consumption) corrections_.try_emplace({ClusterOf(key), ValuesOf(key).back()}, 0.0);
    double& value = metric.counter.value;
    if (value >= mark.value) {
      changed_ |= value > mark.value || mark.held != 0;
      mark.value = value;
      mark.held = 0;
      continue;
    }
    const double held = mark.value - value;
    held_back(key, held - mark.held);
    changed_ |= held != mark.held;
    mark.held = held;
    value = mark.value;
  }
  for (auto at = marks.begin(); at != marks.end();) {
    auto& [key, mark] = *at;
    const auto epoch = epochs.find(ClusterOf(key));
    if (mark.seen || epoch == epochs.end()) {
      ++at;
      continue;
    }
    std::vector<std::string> values = ValuesOf(key);
    if (mark.epoch != epoch->second || values.size() != known.labels.size()) {
      changed_ = true;
      at = marks.erase(at);
      continue;
    }
    held_back(key, mark.value - mark.held);
    changed_ |= mark.held != mark.value;
    mark.held = mark.value;
    prometheus::ClientMetric metric;
    for (std::size_t i = 0; i < values.size(); ++i) {
      metric.label.push_back({known.labels[i], std::move(values[i])});
    }
    metric.counter.value = mark.value;
    family.metric.push_back(std::move(metric));
    ++at;
  }
}

// A histogram is as many counters as it has lines.
void HighWater::HoldHistograms(prometheus::MetricFamily& family,
                               const std::map<std::string, std::int64_t>& epochs) {
  prometheus::MetricFamily lines{family.name, "", prometheus::MetricType::Counter, {}};
  const auto add = [&](const prometheus::ClientMetric& metric, const std::string& le, double value) {
    prometheus::ClientMetric& line = lines.metric.emplace_back();
    line.label = metric.label;
    line.label.push_back({"le", le});
    line.counter.value = value;
  };
  for (const prometheus::ClientMetric& metric : family.metric) {
    for (const auto& bucket : metric.histogram.bucket)
      add(metric, fmt::format("{}", bucket.upper_bound), static_cast<double>(bucket.cumulative_count));
    add(metric, kSum, metric.histogram.sample_sum);
  }
  Hold(lines, epochs);
  std::map<std::string, prometheus::ClientMetric> held;  // by label values
  for (prometheus::ClientMetric& line : lines.metric) {
    const std::string le = std::move(line.label.back().value);
    line.label.pop_back();
    prometheus::ClientMetric& metric = held[KeyOf(line)];
    metric.label = line.label;
    if (le == kSum) {
      metric.histogram.sample_sum = line.counter.value;
    } else {
      metric.histogram.bucket.push_back(
          {static_cast<std::uint64_t>(line.counter.value), std::strtod(le.c_str(), nullptr)});
    }
  }
  family.metric.clear();
  for (auto& [key, metric] : held) {
    auto& buckets = metric.histogram.bucket;
    std::sort(buckets.begin(), buckets.end(),
              [](const auto& a, const auto& b) { return a.upper_bound < b.upper_bound; });
    if (!buckets.empty()) metric.histogram.sample_count = buckets.back().cumulative_count;
    family.metric.push_back(std::move(metric));
  }
}

void HighWater::Apply(std::vector<prometheus::MetricFamily>& families,
                      const std::map<std::string, std::int64_t>& epochs) {
  bool consumption = false;
  for (prometheus::MetricFamily& family : families) {
    if (family.type == prometheus::MetricType::Counter) Hold(family, epochs);
    if (family.type == prometheus::MetricType::Histogram) HoldHistograms(family, epochs);
    consumption |= family.name == kConsumption;
  }
  if (!consumption) return;
  prometheus::MetricFamily corrections;
  corrections.name = kCorrections;
  corrections.help =
      "TRES-seconds by which consumption was corrected downwards and slurmdbd_account_tres_seconds_total was "
      "held "
      "back; mem in byte-seconds.";
  corrections.type = prometheus::MetricType::Counter;
  for (const auto& [labels, amount] : corrections_) {
    if (!epochs.contains(labels.first)) continue;
    prometheus::ClientMetric& metric = corrections.metric.emplace_back();
    metric.label = {{"cluster", labels.first}, {"tres", labels.second}};
    metric.counter.value = amount;
  }
  families.push_back(std::move(corrections));
}

}  // namespace exporter
