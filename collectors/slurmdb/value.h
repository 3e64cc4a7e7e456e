// One column of one row, and the numbers Slurm uses to say "no number".
//
//   std::uint64_t end = row[3].AsU64();        // throws DatabaseError(kParse) on NULL or text
//   std::uint64_t limit = row[4].AsU64Or(0);   // NULL gives 0, text still throws
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slurmdb {

__extension__ using Uint128 = unsigned __int128;

// slurm.h: the values that stand for "not set" and "no limit", in both widths.
inline constexpr std::uint64_t kNoVal = 0xfffffffe;
inline constexpr std::uint64_t kInfinite = 0xffffffff;
inline constexpr std::uint64_t kNoConsumeVal64 = 0xfffffffffffffffd;
inline constexpr std::uint64_t kNoVal64 = 0xfffffffffffffffe;
inline constexpr std::uint64_t kInfinite64 = 0xffffffffffffffff;

// True for a 64-bit count that means "not gathered" or "no limit".
constexpr bool IsUnset64(std::uint64_t value) { return value >= kNoConsumeVal64; }

// True for a 32-bit column's value that means "not set" or "no limit", in either width: the same column is 32
// bits wide in one release and 64 in another.
constexpr bool IsUnset32(std::uint64_t value) {
  return value == kNoVal || value == kInfinite || IsUnset64(value);
}

// A time column as an instant, or nothing: 0 is "not set", and the 32-bit specials stand for "throttled" (an
// array held back by %N) or come from a repair of such a row.
constexpr bool IsInstant(std::uint64_t time) { return time != 0 && !IsUnset32(time); }

// A view of one column; valid until the next row is fetched.
class Field {
 public:
  Field() = default;
  Field(const char* data, std::size_t size)
      : text_(data == nullptr ? "" : data, size), null_(data == nullptr) {}

  bool is_null() const { return null_; }
  // The bytes as they are; empty for NULL, since Slurm means the same by both.
  std::string_view raw() const { return text_; }
  // The text as UTF-8; empty for NULL.
  std::string Text() const;

  // Unsigned decimal up to 2^64-1. Throws DatabaseError(kParse) on NULL, sign, garbage or overflow.
  std::uint64_t AsU64() const;
  std::uint64_t AsU64Or(std::uint64_t if_null) const { return null_ ? if_null : AsU64(); }
  std::uint32_t AsU32() const;
  std::uint32_t AsU32Or(std::uint32_t if_null) const { return null_ ? if_null : AsU32(); }
  // Signed decimal. Same errors.
  std::int64_t AsI64() const;
  // The number that the text begins with; `otherwise` for NULL and text without one.
  double AsDoubleOr(double otherwise) const;

 private:
  std::string_view text_;
  bool null_ = true;
};

}  // namespace slurmdb
