// The settings in README.md are those of the program. After a change of settings, run this test with
// SLURMDBD_UPDATE_DOCS=1 to write them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "exporter/settings/settings.h"
#include "exporter/wiring.h"

namespace exporter {
namespace {

TEST(DocsTest, TheReadmeListsTheSettings) {
  const std::string path = std::string(SLURMDBD_SOURCE_FOLDER) + "/README.md";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  std::string readme = text.str();
  const std::size_t begin = readme.find("-->\n", readme.find("<!-- settings:")) + 4;
  const std::size_t end = readme.find("<!-- end of settings -->");
  ASSERT_LE(begin, end) << path;
  const std::string wanted = SettingsMarkdown(KnownCollectors());
  if (std::getenv("SLURMDBD_UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << readme.replace(begin, end - begin, wanted);
    return;
  }
  EXPECT_EQ(readme.substr(begin, end - begin), wanted);
}

}  // namespace
}  // namespace exporter
