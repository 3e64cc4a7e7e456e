#pragma once

// The one ordered table of settings. A new setting is one entry here and one member of Config.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/settings/config.h"
#include "exporter/settings/settings.h"

namespace exporter {

enum class Kind { kBool, kString, kList, kInt, kDuration, kRegex, kTime };

struct Setting {
  std::string name;      // dotted; the flag without "--"
  std::string shown_as;  // the name in help and documentation; differs where each collector has the setting
  Kind kind = Kind::kString;
  std::string default_text;  // "" = none
  std::string help;          // one sentence, with its full stop
  // Puts parsed text into the Config: one text, or at least one for a list. Throws std::invalid_argument.
  std::function<void(Config&, const std::vector<std::string>&)> set;
  bool flag_only = false;  // not a key of the file

  bool is_switch() const { return kind == Kind::kBool; }
  // `--no-NAME` exists, to undo what the file or a default says.
  bool has_negation() const { return is_switch() && !flag_only; }
};

// Collector settings write into config.collectors[i], which must exist for each of `collectors` in that
// order.
std::vector<Setting> SettingsTable(const std::vector<CollectorInfo>& collectors);

// nullptr when there is none. `collector.NAME.enabled` is another name for `collector.NAME`.
const Setting* FindSetting(const std::vector<Setting>& table, std::string_view name);

// ", did you mean X?" with the nearest of the names, or "" when none is near. A name's last part counts as
// near, so `interval` leads to `poll.interval`.
std::string DidYouMean(std::string_view given, const std::vector<std::string>& names,
                       std::string_view prefix = "");

// One value as it was given, not parsed yet.
struct Assignment {
  const Setting* setting = nullptr;
  std::vector<std::string> values;  // one, or more for a list
  std::string origin;               // "--poll.interval", "file.yml:3:5"
};

}  // namespace exporter
