#include "exporter/settings/config_file.h"

#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "exporter/log.h"
#include "exporter/settings/yaml_tree.h"

namespace exporter {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1024} * 1024;

// Turns the tree into assignments.
class Walker {
 public:
  Walker(const YamlReader& reader, const std::vector<Setting>& table) : reader_(reader), table_(table) {
    for (const Setting& setting : table) {
      if (setting.flag_only) continue;
      suggestions_.push_back(setting.name);
      for (std::size_t dot = setting.name.find('.'); dot != std::string::npos;
           dot = setting.name.find('.', dot + 1)) {
        sections_.insert(setting.name.substr(0, dot));
      }
    }
    suggestions_.insert(suggestions_.end(), sections_.begin(), sections_.end());
    for (const std::string& section : sections_) {
      if (FindSetting(table, section) != nullptr) suggestions_.push_back(section + ".enabled");
    }
  }

  void WalkMap(const YamlNode& map, const std::string& prefix) {
    std::map<std::string, Place> keys;
    for (const auto& [key, value] : map.entries) {
      if (key->type != YamlNode::Type::kScalar || key->text.empty()) {
        reader_.Fail(key->place, "a key must be the name of a setting");
      }
      if (key->text == "<<") reader_.Fail(key->place, "merge keys (<<) are not allowed");
      const std::string name = prefix + key->text;
      const auto [earlier, is_new] = keys.try_emplace(key->text, key->place);
      if (!is_new) FailTwice(key->place, name, earlier->second);
      WalkEntry(name, *key, *value);
    }
  }

  std::vector<Assignment> Take() { return std::move(out_); }

 private:
  void WalkEntry(const std::string& name, const YamlNode& key, const YamlNode& value) {
    const bool is_section = sections_.contains(name);
    const Setting* setting = FindSetting(table_, name);
    if (setting != nullptr && setting->flag_only) {
      reader_.Fail(key.place, name + " can be given only as a flag, --" + name);
    }
    if (is_section && value.type == YamlNode::Type::kMap) {
      WalkMap(value, name + ".");
    } else if (setting != nullptr) {
      Assign(*setting, name, key, value);
    } else if (!is_section) {
      FailUnknown(key.place, name);
    } else if (value.type != YamlNode::Type::kNull) {  // a section with nothing in it is fine
      reader_.Fail(value.place, name + " must be a map of settings, not " + value.Describe());
    }
  }

  void Assign(const Setting& setting, const std::string& name, const YamlNode& key, const YamlNode& value) {
    const auto [earlier, is_new] = seen_.try_emplace(&setting, key.place);
    if (!is_new) FailTwice(key.place, name, earlier->second);

    Assignment assignment{&setting, {}, reader_.At(value.place)};
    const bool is_list = setting.kind == Kind::kList;
    if (value.type == YamlNode::Type::kScalar) {
      assignment.values.push_back(value.text);
    } else if (value.type == YamlNode::Type::kList && is_list) {
      if (value.items.empty()) reader_.Fail(value.place, name + " must have at least one value");
      for (const auto& item : value.items) {
        if (item->type != YamlNode::Type::kScalar) {
          reader_.Fail(item->place,
                       name + " must be a list of plain values; one of them is " + item->Describe());
        }
        assignment.values.push_back(item->text);
      }
    } else if (value.type == YamlNode::Type::kNull) {
      reader_.Fail(key.place,
                   name + " has no value" + (setting.kind == Kind::kString ? "; write \"\" for none" : ""));
    } else {
      reader_.Fail(value.place, name + " must be " + (is_list ? "a value or a list" : "one value") +
                                    ", not " + value.Describe());
    }
    out_.push_back(std::move(assignment));
  }

  [[noreturn]] void FailTwice(Place place, const std::string& name, Place earlier) const {
    reader_.Fail(place, name + " is given twice, first at line " + std::to_string(earlier.line));
  }

  [[noreturn]] void FailUnknown(Place place, const std::string& name) const {
    if (name == "database.password") {
      reader_.Fail(place,
                   "database.password is not a setting: keep the password out of this file and use "
                   "database.password-file");
    }
    const bool is_word =
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
        std::string::npos;
    reader_.Fail(place,
                 "unknown key " + (is_word ? name : log::Quote(name)) + DidYouMean(name, suggestions_));
  }

  const YamlReader& reader_;
  const std::vector<Setting>& table_;
  std::set<std::string> sections_;
  std::vector<std::string> suggestions_;
  std::map<const Setting*, Place> seen_;
  std::vector<Assignment> out_;
};

}  // namespace

std::vector<Assignment> ParseConfigText(const std::string& text, const std::string& path,
                                        const std::vector<Setting>& table) {
  const YamlReader reader(path);
  const std::unique_ptr<YamlNode> root = reader.Parse(text);
  if (!root || root->type == YamlNode::Type::kNull) return {};
  if (root->type != YamlNode::Type::kMap) reader.Fail(root->place, "the file must be a map of settings");
  Walker walker(reader, table);
  walker.WalkMap(*root, "");
  return walker.Take();
}

std::vector<Assignment> ReadConfigFile(const std::string& path, const std::vector<Setting>& table) {
  const auto fail = [&](const std::string& why) {
    throw ConfigError("--config.file: cannot read " + log::Quote(path) + ": " + why);
  };
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(std::generic_category().message(errno));
  std::string text;
  char buffer[4096];
  while (file.read(buffer, sizeof buffer) || file.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
    if (text.size() > kLargestFile) fail("it is larger than 1 MiB");
  }
  // Reading a folder fails only here.
  if (file.bad()) fail(std::generic_category().message(errno));
  return ParseConfigText(text, path, table);
}

}  // namespace exporter
