#include "exporter/exposition/page.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>

namespace exporter {
namespace {

using namespace std::string_view_literals;

// No file name, no time: the same page always gives the same bytes. 0xFF: unknown system.
constexpr std::string_view kGzipHeader = "\x1F\x8B\x08\0\0\0\0\0\0\xFF"sv;
constexpr std::size_t kGzipTrailerSize = 8;

// How the page ends, plain and as the final deflate block: an empty one, and for OpenMetrics a stored one
// (final bit, length and its complement, bytes).
struct Ending {
  std::string_view plain;
  std::string_view deflated;
};
constexpr Ending kTextEnding = {""sv, "\x03\x00"sv};
constexpr Ending kOpenMetricsEnding = {"# EOF\n"sv, "\x01\x06\x00\xF9\xFF# EOF\n"sv};

const Ending& EndingOf(Format format) { return format == Format::kText ? kTextEnding : kOpenMetricsEnding; }

void AppendLittleEndian(std::uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>((value >> shift) & 0xFF));
}

// CRC and length of what has been put together so far.
class Checksum {
 public:
  void Add(std::uint32_t crc, std::size_t size) {
    crc_ = crc32_combine(crc_, crc, static_cast<z_off_t>(size));
    size_ += size;
  }
  std::string Trailer() const {
    std::string trailer;
    AppendLittleEndian(static_cast<std::uint32_t>(crc_), &trailer);
    AppendLittleEndian(static_cast<std::uint32_t>(size_), &trailer);  // modulo 2^32, as gzip has it
    return trailer;
  }

 private:
  uLong crc_ = 0;  // of nothing
  std::size_t size_ = 0;
};

}  // namespace

Page::Page(FamilyList families, Format format) : format_(format) {
  std::unordered_set<std::string_view> names;
  families_.reserve(families.size());
  for (std::shared_ptr<const RenderedFamily>& family : families) {
    if (family != nullptr && names.insert(family->OpenMetricsName()).second)
      families_.push_back(std::move(family));
  }
  std::sort(families_.begin(), families_.end(),
            [](const auto& a, const auto& b) { return a->name < b->name; });
}

std::size_t Page::Size(Coding coding) const {
  const bool gzip = coding == Coding::kGzip;
  const auto size = [gzip](const Piece& piece) { return gzip ? piece.deflated.size() : piece.plain.size(); };
  const Ending& ending = EndingOf(format_);
  std::size_t total =
      gzip ? kGzipHeader.size() + ending.deflated.size() + kGzipTrailerSize : ending.plain.size();
  for (const auto& family : families_) total += size(family->Head(format_)) + size(family->body);
  return total;
}

bool Page::Write(Coding coding, const ByteSink& sink) const {
  const Ending& ending = EndingOf(format_);
  if (coding == Coding::kIdentity) {
    for (const auto& family : families_) {
      if (!sink(family->Head(format_).plain) || !sink(family->body.plain)) return false;
    }
    return sink(ending.plain);
  }

  if (!sink(kGzipHeader)) return false;
  Checksum checksum;
  for (const auto& family : families_) {
    for (const Piece* piece : {&family->Head(format_), &family->body}) {
      if (!sink(piece->deflated)) return false;
      checksum.Add(piece->crc, piece->plain.size());
    }
  }
  const Bytef* const last = reinterpret_cast<const Bytef*>(ending.plain.data());
  checksum.Add(static_cast<std::uint32_t>(crc32_z(0, last, ending.plain.size())), ending.plain.size());
  return sink(ending.deflated) && sink(checksum.Trailer());
}

std::string Page::ToString(Coding coding) const {
  std::string text;
  text.reserve(Size(coding));
  Write(coding, [&text](std::string_view bytes) {
    text.append(bytes);
    return true;
  });
  return text;
}

}  // namespace exporter
