#include "exporter/web/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/web/server.h"

namespace exporter {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  try {
    return "no error: " + ParseListenAddress(text).ToString();
  } catch (const WebError& error) {
    return error.what();
  }
}

TEST(ListenAddressTest, ReadsAllForms) {
  EXPECT_EQ(ParseListenAddress(":19341").ToString(), "0.0.0.0:19341");
  EXPECT_EQ(ParseListenAddress("19341").ToString(), "0.0.0.0:19341");
  EXPECT_EQ(ParseListenAddress("*:1").ToString(), "0.0.0.0:1");
  EXPECT_EQ(ParseListenAddress("127.0.0.1:0").ToString(), "127.0.0.1:0");
  EXPECT_EQ(ParseListenAddress("localhost:65535").ToString(), "127.0.0.1:65535");
}

TEST(ListenAddressTest, RefusesIpv6InWords) {
  for (const char* text : {"[::1]:19341", "[::]:0", "::1:19341", "::", "fe80::1%eth0:1"}) {
    EXPECT_THAT(ErrorOf(text), AllOf(HasSubstr(text), HasSubstr("IPv6 is not available"))) << text;
  }
}

TEST(ListenAddressTest, RefusesWhatIsNoPort) {
  for (const char* text :
       {"", ":", "localhost", "localhost:", ":65536", ":-1", ":+1", ":1s", ":1r", ": 1", ":1 ", "1,2"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("port from 0 to 65535")) << text;
  }
}

TEST(ListenAddressTest, RefusesHostsThatDoNotExist) {
  EXPECT_THAT(ErrorOf("no-such-host.invalid:1"), HasSubstr("no-such-host.invalid:1"));
}

}  // namespace
}  // namespace exporter
