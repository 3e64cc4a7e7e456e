// The query string of a scrape: which collectors it wants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exporter {

// Undoes %XX and '+'. A '%' that two hexadecimal digits do not follow stands for itself.
std::string PercentDecode(std::string_view text);

struct CollectorFilter {
  std::vector<std::string> collect;  // of collect[]=
  std::vector<std::string> exclude;  // of exclude[]=

  // Whether the scrape shows this collector. With both lists empty it shows all.
  bool Wants(std::string_view collector) const;
};

// Reads collect[] and exclude[], as often as they occur, from the part of the URL behind '?'; other keys are
// ignored.
CollectorFilter ParseCollectorFilter(std::string_view query);

}  // namespace exporter
