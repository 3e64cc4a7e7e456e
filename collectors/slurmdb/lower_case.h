#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace slurmdb {

// ASCII letters in lower case: the database compares names of accounts, users and tables so.
inline std::string LowerCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace slurmdb
