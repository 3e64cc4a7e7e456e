// The page at "/" for people who open the exporter in a browser.

#ifndef EXPORTER_WEB_LANDING_PAGE_H_
#define EXPORTER_WEB_LANDING_PAGE_H_

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

#endif  // EXPORTER_WEB_LANDING_PAGE_H_
