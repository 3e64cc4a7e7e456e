// Escaping and UTF-8 repair of what goes between quotes or behind HELP.
//
// Slurm keeps user, account and job names as whatever bytes it was given; one byte that is not UTF-8 makes a
// scraper refuse the whole page. So every string passes through here before it becomes part of one.
#pragma once

#include <string>
#include <string_view>

namespace exporter {

enum class Quotes { kEscape, kKeep };

// Appends `raw` to `out` with `\` and newline escaped, and `"` too if asked: label values and OpenMetrics
// HELP escape it, HELP of the text format must not.
//
// Each maximal ill-formed subsequence (overlong, surrogate, above U+10FFFF, truncated, stray) becomes one
// U+FFFD, and so does NUL, which is valid UTF-8 but ends the input for Prometheus' lexers.
void AppendEscaped(std::string_view raw, Quotes quotes, std::string* out);

}  // namespace exporter
