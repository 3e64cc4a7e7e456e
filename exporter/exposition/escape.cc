#include "exporter/exposition/escape.h"

#include <array>
#include <cstddef>

namespace exporter {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned char ByteAt(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// Bytes that cannot be copied without a look at them.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (std::size_t byte = 0x80; byte < 256; ++byte) special[byte] = true;
  for (unsigned char byte : {'\0', '\n', '"', '\\'}) special[byte] = true;
  return special;
}
constexpr std::array<bool, 256> kSpecial = MakeSpecial();

struct Sequence {
  std::size_t length;  // bytes looked at and used, at least 1
  bool valid;
};

// Table 3-7 of the Unicode standard: only the second byte has a range that depends on the first.
Sequence NextSequence(std::string_view text) {
  const unsigned char lead = ByteAt(text, 0);
  std::size_t wanted = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    wanted = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    wanted = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    wanted = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  std::size_t length = 1;
  while (length < wanted && length < text.size() && ByteAt(text, length) >= low &&
         ByteAt(text, length) <= high) {
    ++length;
    low = 0x80;
    high = 0xBF;
  }
  return {length, length == wanted};
}

}  // namespace

void AppendEscaped(std::string_view raw, Quotes quotes, std::string* out) {
  std::size_t copied = 0;
  std::size_t at = 0;
  const auto flush = [&] { out->append(raw, copied, at - copied); };
  while (at < raw.size()) {
    const unsigned char byte = ByteAt(raw, at);
    if (!kSpecial[byte] || (byte == '"' && quotes == Quotes::kKeep)) {
      ++at;
      continue;
    }
    if (byte < 0x80) {
      flush();
      if (byte == '\0') {
        out->append(kReplacement);
      } else {
        out->push_back('\\');
        out->push_back(byte == '\n' ? 'n' : static_cast<char>(byte));
      }
      copied = ++at;
      continue;
    }
    const Sequence sequence = NextSequence(raw.substr(at));
    if (!sequence.valid) {
      flush();
      out->append(kReplacement);
      copied = at + sequence.length;
    }
    at += sequence.length;
  }
  flush();
}

}  // namespace exporter
