#include "collectors/slurmdb/utf8.h"

namespace slurmdb {

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const Utf8Sequence next = NextUtf8(text);
    if (!next.valid) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::string RepairUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Sequence next = NextUtf8(text);
    out.append(next.valid ? text.substr(0, next.length) : kUtf8Replacement);
    text.remove_prefix(next.length);
  }
  return out;
}

}  // namespace slurmdb
