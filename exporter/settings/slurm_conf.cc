#include "exporter/settings/slurm_conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "collectors/slurmdb/lower_case.h"
#include "exporter/log.h"

namespace exporter {
namespace {

using slurmdb::LowerCase;

constexpr int kDeepest = 8;  // of files that include files

constexpr std::string_view kBlanks = " \t\r";

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// "name=value" pairs of a line, names in lower case. Values may be quoted.
std::vector<std::pair<std::string, std::string>> Pairs(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (true) {
    line = Trim(line);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return pairs;
    std::string name = LowerCase(Trim(line.substr(0, equals)));
    if (name.ends_with('+') || name.ends_with('-')) name.pop_back();  // "AccountingStorageEnforce+=…"
    line = Trim(line.substr(equals + 1));
    std::size_t end = 0;
    std::string value;
    if (line.starts_with('"')) {
      end = std::min(line.find('"', 1), line.size());
      value = line.substr(1, end - 1);
      end = std::min(end + 1, line.size());
    } else {
      end = std::min(line.find_first_of(kBlanks), line.size());
      value = line.substr(0, end);
    }
    pairs.emplace_back(std::move(name), std::move(value));
    line = line.substr(end);
  }
}

// Slurm keeps such times in minutes, and rounds up.
std::int64_t WholeMinutes(std::int64_t seconds) { return (seconds + 59) / 60 * 60; }

class Reader {
 public:
  void Read(const std::string& path, int depth) {
    std::ifstream file(path, std::ios::binary);
    const auto fail = [&] {
      throw std::runtime_error("cannot read " + log::Quote(path) + ": " +
                               std::generic_category().message(errno));
    };
    if (!file) fail();
    std::string whole;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      line.resize(CommentAt(line));
      const std::string_view text = Trim(line);
      if (text.ends_with('\\')) {
        whole += text.substr(0, text.size() - 1);
        continue;
      }
      whole += text;
      Take(std::exchange(whole, ""), path, number, depth);
    }
    if (file.bad()) fail();
  }

  SlurmConf Take() {
    conf_.counts_usage = multifactor_ && limits_;
    return std::move(conf_);
  }

 private:
  // A '#' that no backslash precedes begins a comment.
  static std::size_t CommentAt(const std::string& line) {
    for (std::size_t at = line.find('#'); at != std::string::npos; at = line.find('#', at + 1)) {
      if (at == 0 || line[at - 1] != '\\') return at;
    }
    return line.size();
  }

  void Take(const std::string& line, const std::string& path, int number, int depth) {
    const auto fail = [&](const std::string& what, const std::string& value) {
      throw std::runtime_error(fmt::format("{}:{}: {} {}", path, number, what, log::Quote(value)));
    };
    constexpr std::string_view kInclude = "include";
    if (LowerCase(line).starts_with(kInclude) && line.size() > kInclude.size() &&
        kBlanks.find(line[kInclude.size()]) != std::string_view::npos) {
      if (depth >= kDeepest) fail("too many files include each other:", line);
      const std::filesystem::path other(Trim(std::string_view(line).substr(kInclude.size())));
      Read(other.is_absolute() ? other : std::filesystem::path(path).parent_path() / other, depth + 1);
      return;
    }
    const auto pairs = Pairs(line);
    if (pairs.empty()) return;
    const auto& [name, value] = pairs.front();
    if (name == "prioritydecayhalflife") {
      const auto seconds = SlurmTime(value);
      if (!seconds) fail("PriorityDecayHalfLife is no time:", value);
      conf_.half_life = *seconds;
    } else if (name == "priorityusageresetperiod") {
      conf_.reset_is_known = LowerCase(value) != "now";
      const auto period = conf_.reset_is_known ? ResetPeriodOf(value) : slurmdb::ResetPeriod::kNone;
      if (!period) fail("PriorityUsageResetPeriod is none that is known:", value);
      conf_.reset = *period;
    } else if (name == "prioritytype") {
      multifactor_ = LowerCase(value) == "priority/multifactor";
    } else if (name == "accountingstorageenforce") {
      const std::string words = LowerCase(value);
      // "all" and "safe" hold limits too.
      limits_ |= words == "1" || words.find("limits") != std::string::npos ||
                 words.find("safe") != std::string::npos || words.find("all") != std::string::npos;
    } else if (name == "partitionname") {
      for (const auto& [key, qos] : pairs) {
        if (key == "qos" && !qos.empty() && LowerCase(qos) != "n/a") conf_.partition_qos[value] = qos;
      }
    }
  }

  SlurmConf conf_;
  bool multifactor_ = false;  // what it is without a line depends on the release
  bool limits_ = false;
};

}  // namespace

SlurmConf ReadSlurmConf(const std::string& path) {
  Reader reader;
  reader.Read(path, 0);
  return reader.Take();
}

std::optional<slurmdb::ResetPeriod> ResetPeriodOf(std::string_view text) {
  using slurmdb::ResetPeriod;
  static constexpr std::array<std::pair<std::string_view, ResetPeriod>, 6> kNames = {
      {{"none", ResetPeriod::kNone},
       {"daily", ResetPeriod::kDaily},
       {"weekly", ResetPeriod::kWeekly},
       {"monthly", ResetPeriod::kMonthly},
       {"quarterly", ResetPeriod::kQuarterly},
       {"yearly", ResetPeriod::kYearly}}};
  const std::string name = LowerCase(text);
  for (const auto& [known, period] : kNames) {
    if (known == name) return period;
  }
  return std::nullopt;
}

std::optional<std::int64_t> SlurmTime(std::string_view text) {
  if (const std::string word = LowerCase(text); word == "unlimited" || word == "infinite") return 0;
  std::int64_t days = -1;
  const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto read = number(text.substr(0, dash));
    if (!read) return std::nullopt;
    days = *read;
    text.remove_prefix(dash + 1);
  }
  std::vector<std::int64_t> parts;
  while (true) {
    const std::size_t colon = text.find(':');
    const auto read = number(text.substr(0, colon));
    if (!read || parts.size() == 3) return std::nullopt;
    parts.push_back(*read);
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  // With days: hours first. Without: the last of three, or the second of two, are seconds.
  if (days >= 0 || parts.size() == 3) {
    parts.resize(3);
    return WholeMinutes(std::max<std::int64_t>(days, 0) * 86400 + parts[0] * 3600 + parts[1] * 60 + parts[2]);
  }
  return WholeMinutes(parts[0] * 60 + (parts.size() == 2 ? parts[1] : 0));
}

}  // namespace exporter
