// Text from the database is bytes; text on a metrics page is UTF-8. This is where one becomes the other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slurmdb {

// The first character of a text, or its first ill-formed part.
struct Utf8Sequence {
  std::size_t length = 0;  // bytes, at least 1
  bool valid = false;
  char32_t code = 0;  // when valid
};

// Well-formed is what table 3-7 of the Unicode standard says: no overlong forms, no surrogates, nothing above
// U+10FFFF. An ill-formed part is a maximal one (3.9, U+FFFD Substitution of Maximal Subparts). `text` is not
// empty.
constexpr Utf8Sequence NextUtf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true, lead};
  std::size_t wanted = 0;
  char32_t code = 0;
  // Only the second byte has a range that depends on the first.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    wanted = 2;
    code = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    wanted = 3;
    code = lead & 0x0FU;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    wanted = 4;
    code = lead & 0x07U;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false, 0};
  }
  std::size_t length = 1;
  while (length < wanted && length < text.size() && byte(length) >= low && byte(length) <= high) {
    code = (code << 6U) | (byte(length) & 0x3FU);
    ++length;
    low = 0x80;
    high = 0xBF;
  }
  return {length, length == wanted, code};
}

// What takes the place of an ill-formed part: U+FFFD.
inline constexpr std::string_view kUtf8Replacement = "\xEF\xBF\xBD";

// True when all of `text` is well-formed UTF-8.
bool IsUtf8(std::string_view text);

// `text` with each ill-formed part replaced by U+FFFD. Well-formed text comes back as it is.
std::string RepairUtf8(std::string_view text);

}  // namespace slurmdb
