// A report while it is being made: lines go to a writer, and are counted and summed up on their way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "exporter/report/table.h"

namespace exporter::report {

class Sheet {
 public:
  // `writer` is kept by reference.
  explicit Sheet(Writer& writer);
  ~Sheet();
  Sheet(const Sheet&) = delete;
  Sheet& operator=(const Sheet&) = delete;

  void Begin(const Head& head);
  void Add(const Line& line);
  // Lines have a sum unless this is called with nothing.
  void SetTotals(std::optional<Line> totals);
  // Adds the lines' number and SHA-256 to the provenance and finishes the report.
  void End(nlohmann::ordered_json provenance);

  std::uint64_t lines() const { return lines_; }
  // Of each line as compact JSON and a line break, in hexadecimal. After End.
  const std::string& sha256() const { return sha256_; }

 private:
  struct Digest;

  Writer& writer_;
  std::unique_ptr<Digest> digest_;
  std::optional<Line> totals_;
  std::optional<Totals> sums_;
  bool totals_set_ = false;
  std::uint64_t lines_ = 0;
  std::string sha256_;
};

}  // namespace exporter::report
