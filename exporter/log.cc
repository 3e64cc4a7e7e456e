#include "exporter/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>

#include "collectors/slurmdb/utf8.h"

namespace exporter::log {
namespace {

// Control characters, line and paragraph separators, and the marks that reorder or hide text on a terminal.
bool IsInvisible(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

// True when a logfmt reader takes the text as one value without quotes.
bool IsBare(std::string_view text) {
  if (text.empty()) return false;
  while (!text.empty()) {
    const slurmdb::Utf8Sequence rune = slurmdb::NextUtf8(text);
    if (!rune.valid || rune.code <= ' ' || rune.code == '=' || rune.code == '"' || rune.code == '\\' ||
        rune.code == 0xA0 || IsInvisible(rune.code)) {
      return false;
    }
    text.remove_prefix(rune.length);
  }
  return true;
}

std::string JsonText(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct LogfmtValue {
  std::string operator()(const std::string& text) const { return IsBare(text) ? text : Quote(text); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(auto number) const { return fmt::format("{}", number); }
};

struct JsonValue {
  std::string operator()(const std::string& text) const { return JsonText(text); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  // JSON has no word for these; null would lose which one it was.
  std::string operator()(double value) const {
    return std::isfinite(value) ? fmt::format("{}", value) : fmt::format("\"{}\"", value);
  }
  std::string operator()(auto number) const { return fmt::format("{}", number); }
};

// A key is one word in both formats, and never hides the three that every record has.
std::string SafeKey(std::string_view key) {
  std::string out(key);
  for (char& c : out) {
    if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c == '\x7F' || static_cast<unsigned char>(c) >= 0x80)
      c = '_';
  }
  if (out.empty() || out == "time" || out == "level" || out == "msg") out += '_';
  return out;
}

const char* LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO";
    case Level::kWarn:
      return "WARN";
    case Level::kError:
      return "ERROR";
  }
  return "ERROR";
}

std::string TimeText(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(ms - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

struct State {
  State() : logger("slurmdbd_exporter", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger.set_pattern("%v");
    logger.set_level(spdlog::level::trace);
    // A closed stderr must not turn into more writes to stderr.
    logger.set_error_handler([](const std::string&) {});
  }
  spdlog::logger logger;
  std::atomic<Level> level = Level::kInfo;
  std::atomic<Format> format = Format::kLogfmt;
};

// Never destroyed: other threads may still log while the process exits.
State& GlobalState() {
  static State& state = *new State;
  return state;
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const slurmdb::Utf8Sequence rune = slurmdb::NextUtf8(text);
    if (!rune.valid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (rune.code == '"' || rune.code == '\\') {
      out += '\\';
      out += text.front();
    } else if (rune.code == '\n') {
      out += "\\n";
    } else if (rune.code == '\r') {
      out += "\\r";
    } else if (rune.code == '\t') {
      out += "\\t";
    } else if (rune.code < 0x20 || rune.code == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(rune.code));
    } else if (IsInvisible(rune.code)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(rune.code));
    } else {
      out += text.substr(0, rune.length);
    }
    text.remove_prefix(rune.length);
  }
  out += '"';
  return out;
}

std::string FormatRecord(Format format, std::chrono::system_clock::time_point time, Level level,
                         std::string_view message, std::span<const Field> fields) {
  std::string out;
  if (format == Format::kJson) {
    out = fmt::format(R"({{"time":"{}","level":"{}","msg":{})", TimeText(time), LevelName(level),
                      JsonText(std::string(message)));
    for (const Field& field : fields) {
      out += fmt::format(R"(,"{}":{})", SafeKey(field.key), std::visit(JsonValue{}, field.value.data()));
    }
    out += '}';
    return out;
  }
  out = fmt::format("time={} level={} msg={}", TimeText(time), LevelName(level),
                    LogfmtValue{}(std::string(message)));
  for (const Field& field : fields) {
    out += fmt::format(" {}={}", SafeKey(field.key), std::visit(LogfmtValue{}, field.value.data()));
  }
  return out;
}

void Configure(Level level, Format format) {
  GlobalState().format = format;
  GlobalState().level = level;
}

void SetLevel(Level level) { GlobalState().level = level; }

Level GetLevel() { return GlobalState().level; }

bool Enabled(Level level) { return level >= GetLevel(); }

void Write(Level level, std::string_view message, std::span<const Field> fields) {
  if (!Enabled(level)) return;
  State& state = GlobalState();
  const std::string line =
      FormatRecord(state.format, std::chrono::system_clock::now(), level, message, fields);
  // The overload for ready-made text: braces in it are not format fields.
  state.logger.log(spdlog::level::info, spdlog::string_view_t(line));
}

}  // namespace exporter::log
