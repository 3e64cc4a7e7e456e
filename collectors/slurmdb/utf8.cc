#include "collectors/slurmdb/utf8.h"

#include <cstddef>
#include <cstdint>

namespace slurmdb {
namespace {

struct Sequence {
  std::size_t length;  // bytes to take: the whole character, or the ill-formed part to replace
  bool valid;
};

// Table 3-7 of the Unicode standard: the second byte's range depends on the first.
Sequence Next(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {1, true};
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Sequence next = Next(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string RepairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Sequence next = Next(text);
    if (next.valid) {
      out.append(text.substr(0, next.length));
    } else {
      out.append("\xEF\xBF\xBD");
    }
    text.remove_prefix(next.length);
  }
  return out;
}

}  // namespace slurmdb
