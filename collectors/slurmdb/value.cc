#include "collectors/slurmdb/value.h"

#include <fmt/core.h>

#include <charconv>

#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/utf8.h"

namespace slurmdb {
namespace {

template <typename T>
T Parse(std::string_view text, bool null, const char* kind) {
  T value{};
  if (null) throw DatabaseError(Reason::kParse, fmt::format("NULL where {} was expected", kind));
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw DatabaseError(Reason::kParse,
                        fmt::format("\"{}\" where {} was expected", RepairUtf8(text.substr(0, 40)), kind));
  }
  return value;
}

}  // namespace

std::string Field::Text() const { return RepairUtf8(text_); }

std::uint64_t Field::AsU64() const { return Parse<std::uint64_t>(text_, null_, "an unsigned 64-bit number"); }

std::uint32_t Field::AsU32() const { return Parse<std::uint32_t>(text_, null_, "an unsigned 32-bit number"); }

double Field::AsDoubleOr(double otherwise) const {
  double value = otherwise;
  const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  return error == std::errc{} ? value : otherwise;
}

std::int64_t Field::AsI64() const { return Parse<std::int64_t>(text_, null_, "a signed 64-bit number"); }

}  // namespace slurmdb
