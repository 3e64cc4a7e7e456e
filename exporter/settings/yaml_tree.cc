#include "exporter/settings/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "exporter/log.h"
#include "exporter/settings/config_error.h"

namespace exporter {
namespace {

Place PlaceOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Builds the tree from the parser's events rather than from YAML::Node, which hides duplicate keys, resolves
// anchors and forgets tags.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const YamlReader& reader) : reader_(reader) {}

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

  const YamlReader& reader_;
  std::unique_ptr<YamlNode> root_;
  std::vector<YamlNode*> open_;
};

}  // namespace

std::string YamlNode::Describe() const {
  switch (type) {
    case Type::kNull:
      return "empty";
    case Type::kScalar:
      return log::Quote(text);
    case Type::kList:
      return "a list";
    case Type::kMap:
      return "a map";
  }
  return "";
}

std::string YamlReader::At(Place place) const {
  return path_ + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

void YamlReader::Fail(Place place, const std::string& message) const {
  throw ConfigError(At(place) + ": " + message);
}

std::unique_ptr<YamlNode> YamlReader::Parse(const std::string& text) const {
  std::istringstream stream(text);
  TreeBuilder builder(*this);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return nullptr;
    std::unique_ptr<YamlNode> root = builder.TakeRoot();
    TreeBuilder second(*this);
    if (parser.HandleNextDocument(second)) {
      const auto extra = second.TakeRoot();
      Fail(extra ? extra->place : Place{}, "there must be only one document in the file");
    }
    return root;
  } catch (const YAML::Exception& error) {
    Fail(error.mark.is_null() ? Place{} : PlaceOf(error.mark), "this is not valid YAML: " + error.msg);
  }
}

}  // namespace exporter
