#include "exporter/settings/name_filter.h"

#include <re2/re2.h>

#include <stdexcept>

#include "exporter/log.h"

namespace exporter {
namespace {

std::shared_ptr<const re2::RE2> Compile(const std::string& expression) {
  if (expression.empty()) return nullptr;
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const re2::RE2>(expression, options);
  if (!compiled->ok()) {
    throw std::invalid_argument(log::Quote(expression) +
                                " is not a regular expression: " + compiled->error());
  }
  return compiled;
}

bool Matches(const re2::RE2& expression, std::string_view name) {
  return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), expression);
}

}  // namespace

void NameFilter::SetInclude(const std::string& expression) { include_ = Compile(expression); }
void NameFilter::SetExclude(const std::string& expression) { exclude_ = Compile(expression); }

bool NameFilter::Allows(std::string_view name) const {
  if (exclude_ && Matches(*exclude_, name)) return false;
  return !include_ || Matches(*include_, name);
}

std::string NameFilter::include() const { return include_ ? include_->pattern() : std::string(); }
std::string NameFilter::exclude() const { return exclude_ ? exclude_->pattern() : std::string(); }

}  // namespace exporter
