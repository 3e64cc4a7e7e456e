#include "exporter/web/landing_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(LandingPageTest, EscapesWhatItIsGiven) {
  const std::string page = LandingPage("<1.0>", {{"/a?b=\"c\"&d='e'", "<script>"}});
  EXPECT_THAT(page, HasSubstr("version &lt;1.0&gt;."));
  EXPECT_THAT(page, HasSubstr("<a href=\"/a?b=&quot;c&quot;&amp;d=&#39;e&#39;\">&lt;script&gt;</a>"));
}

TEST(LandingPageTest, DoesWithoutAVersion) { EXPECT_THAT(LandingPage("", {}), Not(HasSubstr("version"))); }

}  // namespace
}  // namespace exporter
