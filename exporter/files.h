// Whole files, in and out.
#pragma once

#include <string>

namespace exporter {

// Throws std::runtime_error that names the path and says why.
std::string ReadFile(const std::string& path);

// Writes a new file beside `path`, to the disk, and renames it: the old one is whole until the new one is. A
// file that says the same already is left alone. Throws std::runtime_error that names the path and says why.
void ReplaceFile(const std::string& path, const std::string& text);

}  // namespace exporter
