// Names of nodes in ranges, as Slurm writes them.
//
//   ExpandHosts("n[1-3,08],gpu1")          // n1 n2 n3 n08 gpu1
//   FoldHosts({"n1", "n2", "n3", "gpu1"})  // "gpu1,n[1-3]"
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slurmdb {

// In the order of the text; a name may have several ranges ("r[1-2]n[1-4]"). None when the text is malformed
// or stands for more than `most` names.
std::optional<std::vector<std::string>> ExpandHosts(std::string_view text, std::size_t most = 1'000'000);

// Names that differ in their last number only become one range each. Sorted, each name once.
std::string FoldHosts(std::vector<std::string> names);

}  // namespace slurmdb
