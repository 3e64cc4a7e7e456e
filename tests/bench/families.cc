#include "tests/bench/families.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bench {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<const char*, 5> kTres = {"cpu", "mem", "node", "billing", "gres/gpu"};
constexpr std::array<const char*, 4> kPartitions = {"cpu", "gpu", "large", "short"};
constexpr std::array<const char*, 2> kQos = {"high", "normal"};
constexpr std::array<const char*, 3> kStates = {"pending", "running", "suspended"};
constexpr std::size_t kUsersOfAccount = 8;

std::string Numbered(std::string_view word, std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(word) + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

// Takes the digits of one number in a mixed base: which value each label has.
class Digits {
 public:
  explicit Digits(std::size_t number) : rest_(number) {}
  std::size_t Next(std::size_t base) {
    const std::size_t digit = rest_ % base;
    rest_ /= base;
    return digit;
  }
  std::size_t Rest() const { return rest_; }

 private:
  std::size_t rest_;
};

struct Shape {
  const char* name;
  const char* help;
  MetricType type;
  std::size_t percent;
  bool partition, qos, user, state, tres;
};

constexpr std::array<Shape, 5> kShapes = {{
    {"slurmdbd_account_tres_seconds_total", "Allocated TRES times run time of all jobs since the epoch.",
     MetricType::Counter, 30, true, true, false, false, true},
    {"slurmdbd_user_tres_seconds_total", "Allocated TRES times run time of the user's jobs since the epoch.",
     MetricType::Counter, 30, false, false, true, false, true},
    {"slurmdbd_jobs", "Jobs that are pending, running or suspended.", MetricType::Gauge, 10, true, true,
     false, true, false},
    {"slurmdbd_jobs_tres", "What these jobs hold, or ask for while they are pending.", MetricType::Gauge, 20,
     true, true, false, true, true},
    {"slurmdbd_user_jobs", "Jobs of the user that are pending, running or suspended.", MetricType::Gauge, 10,
     false, false, true, true, false},
}};

ClientMetric MakeMetric(const Shape& shape, std::size_t number, std::uint64_t random) {
  ClientMetric metric;
  Digits digits(number);
  const std::size_t tres = shape.tres ? digits.Next(kTres.size()) : 0;
  const std::size_t state = shape.state ? digits.Next(kStates.size()) : 0;
  const std::size_t qos = shape.qos ? digits.Next(kQos.size()) : 0;
  const std::size_t partition = shape.partition ? digits.Next(kPartitions.size()) : 0;
  const std::size_t user = shape.user ? digits.Next(kUsersOfAccount) : 0;
  const std::size_t account = digits.Rest();
  const auto label = [&metric](const char* name, std::string value) {
    metric.label.push_back({name, std::move(value)});
  };
  label("cluster", "alpine");
  label("account", Numbered("project", account));
  if (shape.user) label("user", Numbered("user", account * kUsersOfAccount + user));
  if (shape.partition) label("partition", kPartitions.at(partition));
  if (shape.qos) label("qos", kQos.at(qos));
  if (shape.state) label("state", kStates.at(state));
  if (shape.tres) label("tres", kTres.at(tres));
  if (shape.type == MetricType::Counter) {
    // Core-seconds fit a double exactly, byte-seconds do not.
    metric.counter.value = static_cast<double>(tres == 1 ? random >> 2 : random >> 32);
  } else {
    metric.gauge.value = static_cast<double>(random >> 54);
  }
  return metric;
}

}  // namespace

std::vector<MetricFamily> MakeFamilies(std::size_t series) {
  std::vector<MetricFamily> families;
  std::uint64_t random = 1;
  std::size_t left = series;
  for (const Shape& shape : kShapes) {
    MetricFamily& family = families.emplace_back();
    family.name = shape.name;
    family.help = shape.help;
    family.type = shape.type;
    const bool last = &shape == &kShapes.back();
    const std::size_t count = last ? left : std::min(left, series * shape.percent / 100);
    left -= count;
    family.metric.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      random = random * 6364136223846793005U + 1442695040888963407U;
      family.metric.push_back(MakeMetric(shape, i, random));
    }
  }
  return families;
}

}  // namespace bench
