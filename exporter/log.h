#pragma once

// One-line structured log to stderr, as logfmt (the look of Go's slog) or JSON.
//
//   log::Configure(log::Level::kInfo, log::Format::kLogfmt);
//   log::Info("Listening", {{"address", ":19341"}, {"tls", false}});
//   // time=2025-01-02T03:04:05.678Z level=INFO msg=Listening address=:19341 tls=false
//
// Whatever the text holds (line breaks, control bytes, broken UTF-8), a record is exactly one line.
// Everything here may be called from any thread at any time, also before Configure (then: info, logfmt).

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace exporter::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kLogfmt, kJson };

// The value of a field; converts from what it can hold. Text is copied.
class Value {
 public:
  // NOLINTBEGIN(google-explicit-constructor): {"key", value} is the point.
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(std::same_as<bool> auto value) : data_(value) {}
  Value(std::floating_point auto value) : data_(static_cast<double>(value)) {}
  template <std::signed_integral T>
  Value(T value) : data_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Value(T value) : data_(static_cast<std::uint64_t>(value)) {}
  // NOLINTEND(google-explicit-constructor)

  using Data = std::variant<std::string, std::int64_t, std::uint64_t, double, bool>;
  const Data& data() const { return data_; }

 private:
  Data data_;
};

struct Field {
  std::string key;
  Value value;
};

void Configure(Level level, Format format);
void SetLevel(Level level);
Level GetLevel();

// True when a record of this level would be written; lets callers skip building costly fields.
bool Enabled(Level level);

void Write(Level level, std::string_view message, std::span<const Field> fields);

inline void Debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kDebug, message, {fields.begin(), fields.size()});
}
inline void Info(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kInfo, message, {fields.begin(), fields.size()});
}
inline void Warn(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kWarn, message, {fields.begin(), fields.size()});
}
inline void Error(std::string_view message, std::initializer_list<Field> fields = {}) {
  Write(Level::kError, message, {fields.begin(), fields.size()});
}

// The line that Write puts out, without its line break.
std::string FormatRecord(Format format, std::chrono::system_clock::time_point time, Level level,
                         std::string_view message, std::span<const Field> fields);

// `text` between double quotes, on one line and in valid UTF-8 whatever it holds: \" \\ \n \r \t, \xNN for
// bytes that are not UTF-8, \uNNNN for characters that cannot be seen. Also used to quote input in messages.
std::string Quote(std::string_view text);

}  // namespace exporter::log
