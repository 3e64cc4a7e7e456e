// Text from the database is bytes; text on a metrics page is UTF-8. This is where one becomes the other.
#pragma once

#include <string>
#include <string_view>

namespace slurmdb {

// True when all of `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool IsUtf8(std::string_view text);

// `text` with each maximal ill-formed sequence replaced by U+FFFD, as the Unicode standard (3.9, U+FFFD
// Substitution of Maximal Subparts) has it. Well-formed text comes back as it is.
std::string RepairUtf8(std::string_view text);

}  // namespace slurmdb
