#include "exporter/commands/own_flags.h"

#include <iterator>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include "exporter/wiring.h"

namespace exporter {

OwnFlags::OwnFlags(std::string command, std::map<std::string, std::string*> texts,
                   std::map<std::string, bool*> switches,
                   std::map<std::string, std::vector<std::string>*> lists)
    : command_(std::move(command)),
      texts_(std::move(texts)),
      switches_(std::move(switches)),
      lists_(std::move(lists)) {}

void OwnFlags::Take(const std::vector<std::string>& arguments) {
  std::set<std::string> seen;
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    const std::size_t equals = at->find('=');
    const std::string name = at->starts_with("--") ? at->substr(2, equals - 2) : "";
    const auto text = texts_.find(name);
    const auto list = lists_.find(name);
    const auto on = switches_.find(name);
    if (*at == "--help" || *at == "-h") {
      help_ = true;
    } else if (text == texts_.end() && list == lists_.end() && on == switches_.end()) {
      others_.push_back(*at);
    } else if (list == lists_.end() && !seen.insert(name).second) {
      throw std::runtime_error("--" + name + " is given twice");
    } else if (on != switches_.end()) {
      if (equals != std::string::npos) throw std::runtime_error("--" + name + " takes no value");
      *on->second = true;
    } else {
      std::string value;
      if (equals != std::string::npos) {
        value = at->substr(equals + 1);
      } else if (std::next(at) != arguments.end() && !std::next(at)->starts_with("--")) {
        value = *++at;
      }
      if (value.empty()) throw std::runtime_error("--" + name + " needs a value");
      if (text != texts_.end()) {
        *text->second = value;
      } else {
        list->second->push_back(value);
      }
    }
  }
}

Config OwnFlags::Rest(std::vector<std::string>& warnings) const {
  std::vector<const char*> argv = {"slurmdbd_exporter"};
  for (const std::string& flag : others_) argv.push_back(flag.c_str());
  const ParseResult result = ParseCommandLine(static_cast<int>(argv.size()), argv.data(), KnownCollectors());
  if (const auto* error = std::get_if<UsageError>(&result)) throw std::runtime_error(error->message);
  const auto* run = std::get_if<RunProgram>(&result);
  if (run == nullptr || run->config.once || run->config.as_of)
    throw std::runtime_error("a flag does not go together with " + command_);
  warnings = run->warnings;
  return run->config;
}

}  // namespace exporter
