#pragma once

// Which names (of clusters, of users) are measured: one regular expression to include, one to exclude.
//
//   NameFilter filter;
//   filter.SetExclude("test|tmp-.*");
//   filter.Allows("tmp-3");  // false

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace exporter {

// Expressions are RE2's and must match the whole name, with upper and lower case kept apart. An empty include
// allows every name, an empty exclude refuses none; exclude wins. Cheap to copy; const use is thread-safe.
class NameFilter {
 public:
  // Throw std::invalid_argument when the expression cannot be compiled, and then change nothing.
  void SetInclude(const std::string& expression);
  void SetExclude(const std::string& expression);

  bool Allows(std::string_view name) const;
  bool AllowsAll() const { return !include_ && !exclude_; }

  // As given; empty when not set.
  std::string include() const;
  std::string exclude() const;

 private:
  std::shared_ptr<const re2::RE2> include_;
  std::shared_ptr<const re2::RE2> exclude_;
};

}  // namespace exporter
