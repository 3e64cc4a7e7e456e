// The flags of a command such as alertmanager-routes, taken out from among the exporter's own, which every
// command has as well.
//
//   OwnFlags flags("report", {{"format", &format}}, {{"truncate", &truncate}});
//   flags.Take(arguments);                        // "--format=csv", "--format csv", "--truncate"
//   const Config config = flags.Rest(warnings);   // --database.host, --config.file and all the others
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exporter/settings/settings.h"

namespace exporter {

class OwnFlags {
 public:
  // Names are without dashes. What they point to gets the values and has to outlive this.
  OwnFlags(std::string command, std::map<std::string, std::string*> texts,
           std::map<std::string, bool*> switches = {},
           std::map<std::string, std::vector<std::string>*> lists = {});

  // Throws std::runtime_error for a flag given twice unless it is a list, and for one without its value.
  void Take(const std::vector<std::string>& arguments);
  // --help or -h was among them.
  bool help() const { return help_; }
  // What the others say. Throws std::runtime_error when they are wrong, or ask for another command.
  Config Rest(std::vector<std::string>& warnings) const;

 private:
  std::string command_;
  std::map<std::string, std::string*> texts_;
  std::map<std::string, bool*> switches_;
  std::map<std::string, std::vector<std::string>*> lists_;
  bool help_ = false;
  std::vector<std::string> others_;
};

}  // namespace exporter
