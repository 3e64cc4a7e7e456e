#include "exporter/exposition/escape.h"

#include <array>
#include <cstddef>

#include "collectors/slurmdb/utf8.h"

namespace exporter {
namespace {

// Bytes that cannot be copied without a look at them.
constexpr std::array<bool, 256> MakeSpecial() {
  std::array<bool, 256> special{};
  for (std::size_t byte = 0x80; byte < 256; ++byte) special[byte] = true;
  for (unsigned char byte : {'\0', '\n', '"', '\\'}) special[byte] = true;
  return special;
}
constexpr std::array<bool, 256> kSpecial = MakeSpecial();

}  // namespace

void AppendEscaped(std::string_view raw, Quotes quotes, std::string* out) {
  std::size_t copied = 0;
  std::size_t at = 0;
  const auto flush = [&] { out->append(raw, copied, at - copied); };
  while (at < raw.size()) {
    const auto byte = static_cast<unsigned char>(raw[at]);
    if (!kSpecial[byte] || (byte == '"' && quotes == Quotes::kKeep)) {
      ++at;
      continue;
    }
    if (byte < 0x80) {
      flush();
      if (byte == '\0') {
        out->append(slurmdb::kUtf8Replacement);
      } else {
        out->push_back('\\');
        out->push_back(byte == '\n' ? 'n' : static_cast<char>(byte));
      }
      copied = ++at;
      continue;
    }
    const slurmdb::Utf8Sequence sequence = slurmdb::NextUtf8(raw.substr(at));
    if (!sequence.valid) {
      flush();
      out->append(slurmdb::kUtf8Replacement);
      copied = at + sequence.length;
    }
    at += sequence.length;
  }
  flush();
}

}  // namespace exporter
