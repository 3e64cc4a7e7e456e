#include "exporter/settings/config_file.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "exporter/log.h"

namespace exporter {
namespace {

constexpr std::size_t kLargestFile = std::size_t{1024} * 1024;

// Where in the file, counted from 1 as editors do.
struct Place {
  int line = 1;
  int column = 1;
};

Place PlaceOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

struct YamlNode {
  enum class Type { kNull, kScalar, kList, kMap };
  Type type = Type::kNull;
  Place place;
  std::string text;                                                                      // of a scalar
  std::vector<std::unique_ptr<YamlNode>> items;                                          // of a list
  std::vector<std::pair<std::unique_ptr<YamlNode>, std::unique_ptr<YamlNode>>> entries;  // of a map, in order
};

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  std::string At(Place place) const {
    return path_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
  [[noreturn]] void Fail(Place place, const std::string& message) const {
    throw ConfigError(At(place) + ": " + message);
  }

 private:
  std::string path_;
};

// Builds the tree from the parser's events rather than from YAML::Node, which hides duplicate keys, resolves
// anchors and forgets tags.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const Reader& reader) : reader_(reader) {}

  std::unique_ptr<YamlNode> TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnAnchor(const YAML::Mark& mark, const std::string&) override { RefuseAnchor(mark); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { RefuseAnchor(mark); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(Make(YamlNode::Type::kNull, mark)); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    Check(mark, tag);
    auto node = Make(YamlNode::Type::kScalar, mark);
    node->text = value;
    Add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Check(mark, tag);
    Open(Make(YamlNode::Type::kList, mark));
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Check(mark, tag);
    Open(Make(YamlNode::Type::kMap, mark));
  }
  void OnMapEnd() override { Close(); }

 private:
  static std::unique_ptr<YamlNode> Make(YamlNode::Type type, const YAML::Mark& mark) {
    auto node = std::make_unique<YamlNode>();
    node->type = type;
    node->place = PlaceOf(mark);
    return node;
  }

  [[noreturn]] void RefuseAnchor(const YAML::Mark& mark) const {
    reader_.Fail(PlaceOf(mark), "anchors (&) and aliases (*) are not allowed");
  }

  void Check(const YAML::Mark& mark, const std::string& tag) const {
    // "?" and "!" are yaml-cpp's words for plain and quoted text without a tag.
    if (!tag.empty() && tag != "?" && tag != "!") {
      reader_.Fail(PlaceOf(mark), "tags such as " + log::Quote(tag) + " are not allowed");
    }
  }

  YamlNode* Add(std::unique_ptr<YamlNode> node) {
    YamlNode* added = node.get();
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (YamlNode& parent = *open_.back(); parent.type == YamlNode::Type::kList) {
      parent.items.push_back(std::move(node));
    } else if (parent.entries.empty() || parent.entries.back().second) {
      parent.entries.emplace_back(std::move(node), nullptr);
    } else {
      parent.entries.back().second = std::move(node);
    }
    return added;
  }

  void Open(std::unique_ptr<YamlNode> node) { open_.push_back(Add(std::move(node))); }
  void Close() { open_.pop_back(); }

  const Reader& reader_;
  std::unique_ptr<YamlNode> root_;
  std::vector<YamlNode*> open_;
};

// Turns the tree into assignments.
class Walker {
 public:
  Walker(const Reader& reader, const std::vector<Setting>& table) : reader_(reader), table_(table) {
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
      reader_.Fail(value.place, name + " must be a map of settings, not " + Describe(value));
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
                       name + " must be a list of plain values; one of them is " + Describe(*item));
        }
        assignment.values.push_back(item->text);
      }
    } else if (value.type == YamlNode::Type::kNull) {
      reader_.Fail(key.place,
                   name + " has no value" + (setting.kind == Kind::kString ? "; write \"\" for none" : ""));
    } else {
      reader_.Fail(value.place, name + " must be " + (is_list ? "a value or a list" : "one value") +
                                    ", not " + Describe(value));
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

  static std::string Describe(const YamlNode& node) {
    switch (node.type) {
      case YamlNode::Type::kNull:
        return "empty";
      case YamlNode::Type::kScalar:
        return log::Quote(node.text);
      case YamlNode::Type::kList:
        return "a list";
      case YamlNode::Type::kMap:
        return "a map";
    }
    return "";
  }

  const Reader& reader_;
  const std::vector<Setting>& table_;
  std::set<std::string> sections_;
  std::vector<std::string> suggestions_;
  std::map<const Setting*, Place> seen_;
  std::vector<Assignment> out_;
};

}  // namespace

std::vector<Assignment> ParseConfigText(const std::string& text, const std::string& path,
                                        const std::vector<Setting>& table) {
  const Reader reader(path);
  std::istringstream stream(text);
  TreeBuilder builder(reader);
  std::unique_ptr<YamlNode> root;
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    root = builder.TakeRoot();
    TreeBuilder second(reader);
    if (parser.HandleNextDocument(second)) {
      const auto extra = second.TakeRoot();
      reader.Fail(extra ? extra->place : Place{}, "there must be only one document in the file");
    }
  } catch (const YAML::Exception& error) {
    reader.Fail(error.mark.is_null() ? Place{} : PlaceOf(error.mark), "this is not valid YAML: " + error.msg);
  }

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
