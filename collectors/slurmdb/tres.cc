#include "collectors/slurmdb/tres.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "collectors/slurmdb/value.h"

namespace slurmdb {

void ParseTres(std::string_view text, TresCounts& out) {
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at == ',') {
      ++at;
      continue;
    }
    TresCount read{};
    const auto id = std::from_chars(at, end, read.id);
    if (id.ec != std::errc{} || id.ptr == end || *id.ptr != '=') break;
    const auto count = std::from_chars(id.ptr + 1, end, read.count);
    if (count.ec != std::errc{} || (count.ptr != end && *count.ptr != ',')) break;
    at = count.ptr;
    const bool repeated = std::any_of(out.begin() + first, out.end(),
                                      [&](const TresCount& seen) { return seen.id == read.id; });
    if (!repeated) out.push_back(read);
  }
  // Only now: an id's first mention counts even when it says "not set".
  out.erase(std::remove_if(out.begin() + first, out.end(),
                           [](const TresCount& seen) { return IsUnset64(seen.count); }),
            out.end());
}

TresCounts ParseTres(std::string_view text) {
  TresCounts out;
  ParseTres(text, out);
  return out;
}

void TresCatalog::Add(std::uint32_t id, std::string type, const std::string& name) {
  std::string label = name.empty() ? type : type + "/" + name;
  entries_[id] = {std::move(type), std::move(label)};
}

std::string TresCatalog::Label(std::uint32_t id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? "tres/" + std::to_string(id) : found->second.label;
}

double TresCatalog::UnitScale(std::uint32_t id) const {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  const auto found = entries_.find(id);
  if (found == entries_.end()) return id == kTresMem ? kMebibyte : 1.0;
  return found->second.type == "mem" || found->second.type == "bb" ? kMebibyte : 1.0;
}

std::uint32_t TresCatalog::IdOf(std::string_view label) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry.second.label == label; });
  return found == entries_.end() ? 0 : found->first;
}

std::vector<std::uint32_t> TresCatalog::ids() const {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  return ids;
}

}  // namespace slurmdb
