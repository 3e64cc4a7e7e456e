#include "exporter/exposition/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

namespace exporter {
namespace {

// Room for the longest double (24 characters) and the longest 64 bit integer (20).
using Buffer = std::array<char, 40>;

template <typename Value, typename... How>
void AppendChars(std::string* out, Value value, How... how) {
  Buffer buffer;
  const std::to_chars_result result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, how...);
  out->append(buffer.data(), result.ptr);
}

bool AppendIfNotFinite(double value, std::string* out) {
  if (std::isfinite(value)) return false;
  out->append(std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
  return true;
}

}  // namespace

void AppendNumber(double value, std::string* out) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (AppendIfNotFinite(value, out)) return;
  if (std::abs(value) < kExact && value == std::trunc(value)) {
    AppendChars(out, static_cast<std::int64_t>(value));
  } else {
    AppendChars(out, value);
  }
}

void AppendNumber(std::uint64_t value, std::string* out) { AppendChars(out, value); }

void AppendBound(double bound, std::string* out) {
  if (AppendIfNotFinite(bound, out)) return;
  const double size = std::abs(bound);
  // Go's 'g' with the shortest precision turns to an exponent below 1e-4 and from 1e6 on.
  if (size != 0 && (size < 1e-4 || size >= 1e6)) {
    AppendChars(out, bound, std::chars_format::scientific);
    return;
  }
  const std::size_t start = out->size();
  AppendChars(out, size == 0 ? 0.0 : bound, std::chars_format::fixed);
  if (std::string_view(*out).find('.', start) == std::string_view::npos) out->append(".0");
}

}  // namespace exporter
