#pragma once

// YAML as a tree that knows where everything stands, read strictly: anchors, aliases, tags, and more than one
// document are refused.
//
//   const YamlReader reader(path);
//   const std::unique_ptr<YamlNode> root = reader.Parse(text);
//   reader.Fail(root->place, "there is something wrong here");

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace exporter {

// Where in the file, counted from 1 as editors do.
struct Place {
  int line = 1;
  int column = 1;
};

struct YamlNode {
  enum class Type { kNull, kScalar, kList, kMap };
  Type type = Type::kNull;
  Place place;
  std::string text;                                                                      // of a scalar
  std::vector<std::unique_ptr<YamlNode>> items;                                          // of a list
  std::vector<std::pair<std::unique_ptr<YamlNode>, std::unique_ptr<YamlNode>>> entries;  // of a map, in order

  // For messages: "empty", "\"text\"", "a list", "a map".
  std::string Describe() const;
};

class YamlReader {
 public:
  // `path` is only for messages.
  explicit YamlReader(std::string path) : path_(std::move(path)) {}

  // Nothing in it: nullptr. Throws ConfigError.
  std::unique_ptr<YamlNode> Parse(const std::string& text) const;

  // "file:line:column".
  std::string At(Place place) const;
  // Throws ConfigError.
  [[noreturn]] void Fail(Place place, const std::string& message) const;

 private:
  std::string path_;
};

}  // namespace exporter
