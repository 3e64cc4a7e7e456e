#include "collectors/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

namespace collectors {
namespace {

TEST(RegistryTest, IsSortedNamedAndExplained) {
  std::string_view last;
  for (const CollectorInfo& collector : Registry()) {
    EXPECT_LT(last, collector.name);
    last = collector.name;
    EXPECT_TRUE(std::all_of(collector.name.begin(), collector.name.end(), [](char c) {
      return c == '_' || (c >= 'a' && c <= 'z');
    })) << collector.name;
    EXPECT_EQ(collector.help.back(), '.') << collector.name;
    EXPECT_NE(collector.collect, nullptr);
  }
}

}  // namespace
}  // namespace collectors
