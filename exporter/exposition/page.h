// A page: a selection of rendered families in one format, written out piece by piece.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "exporter/exposition/family.h"

namespace exporter {

enum class Coding { kIdentity, kGzip };

// Takes bytes; false to stop.
using ByteSink = std::function<bool(std::string_view)>;

// Immutable; keeps its families alive. Any thread may call the const methods.
class Page {
 public:
  // Puts the families in name order. Of two with the same name (or the same OpenMetrics name, such as a gauge
  // x and a counter x_total) the first given stays, for a page that names a family twice is refused whole.
  // Nulls are skipped.
  Page(FamilyList families, Format format);

  // Exactly how many bytes Write will pass on.
  std::size_t Size(Coding coding) const;

  // Passes the page to `sink`, piece by piece, without copying or compressing any. False if the sink stopped
  // it.
  bool Write(Coding coding, const ByteSink& sink) const;

  std::string ToString(Coding coding = Coding::kIdentity) const;

 private:
  FamilyList families_;
  Format format_;
};

}  // namespace exporter
