#include "collectors/pricing/money.h"

#include <algorithm>

namespace pricing {

std::optional<std::uint64_t> ParseDecimal(std::string_view text, int places) {
  constexpr std::uint64_t kMost = 1'000'000'000'000'000'000;
  std::uint64_t value = 0;
  int behind = -1;  // places behind the point so far; -1: before it
  bool any = false;
  const auto append = [&](std::uint64_t digit) {
    if (value > (kMost - digit) / 10) return false;
    value = value * 10 + digit;
    return true;
  };
  for (const char c : text) {
    if (c == '.' && behind < 0 && any) {
      behind = 0;
      any = false;
    } else if (c >= '0' && c <= '9') {
      if (behind >= 0 && ++behind > places) return std::nullopt;
      if (!append(static_cast<std::uint64_t>(c - '0'))) return std::nullopt;
      any = true;
    } else {
      return std::nullopt;
    }
  }
  if (!any) return std::nullopt;
  for (behind = std::max(behind, 0); behind < places; ++behind) {
    if (!append(0)) return std::nullopt;
  }
  return value;
}

Money RoundHalfEven(const Exact& numerator, const Exact& denominator) {
  // The usual case in the machine's own arithmetic, which is many times as fast.
  __extension__ using Narrow = unsigned __int128;
  static const Exact kNarrow = (Exact(1) << 126) - 1;
  const auto round = [](const auto& above, const auto& below) {
    auto whole = above / below;
    const auto rest = above % below;
    const auto twice = rest + rest;
    if (twice > below || (twice == below && whole % 2 == 1)) whole += 1;
    return whole;
  };
  if (numerator <= kNarrow && denominator <= kNarrow)
    return static_cast<Money>(std::min<Narrow>(
        round(static_cast<Narrow>(numerator), static_cast<Narrow>(denominator)), Narrow{kMostMoney}));
  const Exact rounded = round(numerator, denominator);
  return rounded > Exact(Narrow{kMostMoney}) ? kMostMoney : static_cast<Money>(rounded);
}

std::string FormatMoney(Money amount, int digits) {
  const bool negative = amount < 0;
  std::string text;
  // Digit by digit from the end; the remainder of a negative number is not positive.
  for (int place = 0; amount != 0 || place <= digits; ++place) {
    if (place == digits && digits != 0) text += '.';
    const auto digit = static_cast<int>(amount % 10);
    text += static_cast<char>('0' + (digit < 0 ? -digit : digit));
    amount /= 10;
  }
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

double MoneyAsDouble(Money amount, int digits) {
  return static_cast<double>(amount) / static_cast<double>(PowerOfTen(digits));
}

}  // namespace pricing
