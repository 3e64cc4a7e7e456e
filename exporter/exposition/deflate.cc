#include "exporter/exposition/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

namespace exporter {

struct Deflater::Stream : z_stream {};

Deflater::Deflater(int level) : stream_(std::make_unique<Stream>()) {
  constexpr int kRaw = -15;  // a 32 KiB window, without zlib's header and trailer
  constexpr int kMemory = 8;
  const int status = deflateInit2(stream_.get(), level, Z_DEFLATED, kRaw, kMemory, Z_DEFAULT_STRATEGY);
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  if (status != Z_OK) throw std::invalid_argument("deflate: bad level");
}

Deflater::~Deflater() { deflateEnd(stream_.get()); }

Piece Deflater::MakePiece(std::string plain) {
  Piece piece;
  piece.plain = std::move(plain);
  if (piece.plain.empty()) return piece;
  const Bytef* const bytes = reinterpret_cast<const Bytef*>(piece.plain.data());
  piece.crc = static_cast<std::uint32_t>(crc32_z(0, bytes, piece.plain.size()));

  // The start and flush of a stream cost more than a small piece's bytes: it becomes one stored block (RFC
  // 1951, 3.2.4), which begins on a byte boundary because the piece before it ends on one.
  constexpr std::size_t kStored = 512;
  if (piece.plain.size() <= kStored) {
    const auto size = static_cast<unsigned>(piece.plain.size());
    for (const unsigned byte : {0U, size & 0xFFU, size >> 8U, ~size & 0xFFU, (~size >> 8U) & 0xFFU}) {
      piece.deflated.push_back(static_cast<char>(byte));
    }
    piece.deflated += piece.plain;
    return piece;
  }

  // A fresh stream a piece: no history, so no reference back across its start.
  deflateReset(stream_.get());
  constexpr std::size_t kMaxIn = std::size_t{1} << 30;  // zlib counts input in 32 bits
  constexpr std::size_t kOut = 65536;
  stream_->next_in = const_cast<Bytef*>(bytes);
  std::size_t left = piece.plain.size();
  std::string& out = piece.deflated;
  do {
    const std::size_t in = std::min(left, kMaxIn);
    left -= in;
    stream_->avail_in = static_cast<uInt>(in);
    do {
      // A tenth of the input is the usual result.
      const std::size_t used = out.size();
      out.resize(used + std::min(kOut, std::max<std::size_t>(piece.plain.size() / 8, 256)));
      stream_->next_out = reinterpret_cast<Bytef*>(out.data() + used);
      stream_->avail_out = static_cast<uInt>(out.size() - used);
      deflate(stream_.get(), left == 0 ? Z_FULL_FLUSH : Z_NO_FLUSH);
      out.resize(out.size() - stream_->avail_out);
    } while (stream_->avail_out == 0);
  } while (left > 0);
  out.shrink_to_fit();
  return piece;
}

}  // namespace exporter
