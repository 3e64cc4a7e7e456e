// Raw deflate in pieces that can be strung together in any selection and order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace exporter {

// Some text, and the same as raw deflate blocks, none of them final, that end on a byte boundary and refer to
// nothing before them. Such pieces one after the other, closed by a final block, are one valid deflate
// stream; its CRC follows from theirs by crc32_combine.
struct Piece {
  std::string plain;
  std::string deflated;
  std::uint32_t crc = 0;
};

// Makes pieces. Holds zlib's state of about 260 KiB between calls, so keep one for a batch.
// Not thread safe: one for each thread.
class Deflater {
 public:
  // Of a page of 100,000 series level 4 makes 10% of its bytes in 60 ms; level 1 makes 12% in 35, level
  // 6 9.7% in 100.
  static constexpr int kDefaultLevel = 4;

  explicit Deflater(int level = kDefaultLevel);  // zlib's 1 (fast) to 9 (small)
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Throws std::bad_alloc.
  Piece MakePiece(std::string plain);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace exporter
