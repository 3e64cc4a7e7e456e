// The page at "/" for people who open the exporter in a browser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exporter {

struct WebLink {
  std::string url;
  std::string text;
};

// A complete HTML document; all arguments are escaped.
std::string LandingPage(std::string_view version, const std::vector<WebLink>& links);

}  // namespace exporter
