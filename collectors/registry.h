// The one list of collectors. Flags, --help, documentation, the collect[] filter and the tests walk it.
#pragma once

#include <span>
#include <string_view>

#include "collectors/collector.h"
#include "collectors/slurmdb/accounting_source.h"

namespace collectors {

struct CollectorInfo {
  std::string_view name;  // [a-z_]+
  bool enabled_by_default;
  std::string_view help;  // one sentence
  slurmdb::Book book;     // what it is made from
  CollectFunction collect;
  std::string_view needs = "";  // the setting without which it has nothing to say; "": none
};

// Sorted by name.
std::span<const CollectorInfo> Registry();

}  // namespace collectors
