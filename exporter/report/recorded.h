// A report that was written to a file, and whether it still says what the database says.
//
//   const Recorded recorded = ReadRecorded(text);
//   Comparison comparison(recorded);
//   … make recorded.request anew with `comparison` as the writer …
//   comparison.differences();
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/report/request.h"
#include "exporter/report/table.h"

namespace exporter::report {

// NOLINTNEXTLINE(bugprone-exception-escape): moving JSON checks itself, and would say so by an exception
struct Recorded {
  enum class Form { kJson, kCsv };

  Form form = Form::kJson;
  Request request;
  nlohmann::json provenance;
  std::string title;                          // empty when the form has none
  std::vector<std::string> columns;           // with their units, when the form has them
  std::map<std::string, std::int64_t> lines;  // as the form has them, and how often
  std::uint64_t number_of_lines = 0;
  std::string totals;   // as JSON; empty when it has none
  std::string altered;  // what in the file itself does not hold together; empty when nothing
};

// Of the JSON or CSV form. Throws std::runtime_error that says what is wrong with it.
Recorded ReadRecorded(std::string_view text);

// Takes the report made anew.
class Comparison : public Writer {
 public:
  // `recorded` is kept by reference.
  explicit Comparison(const Recorded& recorded);

  void Begin(const Head& head) override;
  void Add(const Line& line) override;
  void End(const std::optional<Line>& totals, const nlohmann::ordered_json& provenance) override;

  // "- " and a line that is only in the file, "+ " and one that is only in the database. At most `kShown` are
  // kept of the many there may be. After End.
  const std::vector<std::string>& differences() const { return differences_; }
  std::uint64_t gone() const { return gone_; }
  std::uint64_t added() const { return added_; }
  bool holds() const {
    return gone_ == 0 && added_ == 0 && same_head_ && same_totals_ && recorded_.altered.empty();
  }

 private:
  static constexpr std::size_t kShown = 40;

  const Recorded& recorded_;
  std::map<std::string, std::int64_t> left_;
  std::vector<std::string> differences_;
  std::uint64_t gone_ = 0;
  std::uint64_t added_ = 0;
  bool same_head_ = true;
  bool same_totals_ = true;
};

}  // namespace exporter::report
