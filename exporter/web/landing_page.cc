#include "exporter/web/landing_page.h"

namespace exporter {
namespace {

std::string HtmlEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string LandingPage(std::string_view version, const std::vector<WebLink>& links) {
  std::string html =
      "<!DOCTYPE html>\n"
      "<html lang=\"en\">\n"
      "<head><meta charset=\"utf-8\"><title>slurmdbd exporter</title></head>\n"
      "<body>\n"
      "<h1>slurmdbd exporter</h1>\n"
      "<p>Prometheus exporter for the Slurm accounting database";
  if (!version.empty()) html += ", version " + HtmlEscaped(version);
  html += ".</p>\n<ul>\n";
  for (const WebLink& link : links) {
    html += "<li><a href=\"" + HtmlEscaped(link.url) + "\">" + HtmlEscaped(link.text) + "</a></li>\n";
  }
  return html + "</ul>\n</body>\n</html>\n";
}

}  // namespace exporter
