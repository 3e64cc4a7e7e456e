// Trackable resources: the strings that carry their counts and the table that names them.
//
//   TresCounts counts = ParseTres("1=4,2=8000,4=1,1001=2");
//   catalog.Label(1001)   // "gres/gpu"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slurmdb {

// Ids below 1000 are the same in every database (slurmdb.h, TRES_*).
inline constexpr std::uint32_t kTresCpu = 1;
inline constexpr std::uint32_t kTresMem = 2;
inline constexpr std::uint32_t kTresEnergy = 3;
inline constexpr std::uint32_t kTresNode = 4;
inline constexpr std::uint32_t kTresBilling = 5;

struct TresCount {
  std::uint32_t id;
  std::uint64_t count;

  bool operator==(const TresCount&) const = default;
};
using TresCounts = std::vector<TresCount>;

// Reads "<id>=<count>,…" as Slurm's own parsers do: stray commas are skipped, the first of a repeated id
// counts, reading stops at malformed text. Counts that mean "not set" (NO_VAL64, INFINITE64, …) are left out.
// Appends nothing for an empty text. The order is the text's.
void ParseTres(std::string_view text, TresCounts& out);
TresCounts ParseTres(std::string_view text);

// tres_table of one database.
class TresCatalog {
 public:
  void Add(std::uint32_t id, std::string type, const std::string& name);

  // "cpu", "gres/gpu:a100", "license/matlab"; "tres/<id>" for an id that the table does not hold.
  std::string Label(std::uint32_t id) const;
  // How many base units one counted unit is: 2^20 for mem and burst buffers (Slurm counts MiB), else 1.
  double UnitScale(std::uint32_t id) const;
  // The one with this label; 0 for none.
  std::uint32_t IdOf(std::string_view label) const;
  // All, in order.
  std::vector<std::uint32_t> ids() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string type;
    std::string label;
  };
  std::map<std::uint32_t, Entry> entries_;
};

}  // namespace slurmdb
