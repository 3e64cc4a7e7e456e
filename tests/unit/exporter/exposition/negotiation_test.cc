#include "exporter/exposition/negotiation.h"

#include <gtest/gtest.h>

namespace exporter {
namespace {

constexpr Format kText = Format::kText;
constexpr Format kOpenMetrics = Format::kOpenMetrics;

TEST(NegotiationTest, ChoosesTheFormat) {
  struct Case {
    std::string_view accept;
    Format format;
  };
  for (const Case& c : {
           // Nothing said, nothing acceptable, nothing sensible.
           Case{"", kText},
           Case{"   ", kText},
           Case{",,;,", kText},
           Case{"image/png", kText},
           Case{"text/plain;q=0, application/openmetrics-text;q=0", kText},
           Case{"*/*;q=0", kText},
           // curl, a browser.
           Case{"*/*", kText},
           Case{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", kText},
           // Prometheus 2.42, 3.x without and with native histograms, one that was told to ask for text.
           Case{
               "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
               "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
               kOpenMetrics},
           Case{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,text/"
                "plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                kOpenMetrics},
           Case{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
                "escaping=allow-utf-8;q=0.6,application/"
                "openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "application/openmetrics-text;version=0.0.1;q=0.4,text/"
                "plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
                "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                kOpenMetrics},
           Case{"text/plain;version=0.0.4;q=0.6,*/*;q=0.5", kText},
           // Old Prometheus, Telegraf, VictoriaMetrics.
           Case{"application/"
                "vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
                "text/plain;version=0.0.4;q=0.3",
                kText},
           Case{"text/plain;version=0.0.4;q=1,*/*;q=0.1", kText},
           // Types, versions.
           Case{"text/plain", kText},
           Case{"text/*", kText},
           Case{"application/*", kOpenMetrics},
           Case{"application/openmetrics-text", kOpenMetrics},
           Case{"APPLICATION/OpenMetrics-Text; Version=1.0.0", kOpenMetrics},
           Case{"application/openmetrics-text; version=\"1.0.0\"", kOpenMetrics},
           Case{"application/openmetrics-text;version=0.0.1", kOpenMetrics},
           Case{"application/openmetrics-text;version=2.0.0", kText},
           Case{"application/openmetrics-text;version=2.0.0, text/plain;q=0.1", kText},
           // Weights.
           Case{"application/openmetrics-text;q=0.4,text/plain;q=0.5", kText},
           Case{"application/openmetrics-text;q=0.5,text/plain;q=0.4", kOpenMetrics},
           Case{"text/plain;q=0.5,application/openmetrics-text;q=0.501", kOpenMetrics},
           Case{"application/openmetrics-text;q=0,*/*", kText},
           Case{"application/openmetrics-text;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5",
                kOpenMetrics},
           Case{"text/plain;q=0,*/*", kOpenMetrics},
           Case{"text/plain;q=0,application/openmetrics-text;q=0.001", kOpenMetrics},
           Case{"application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text;version=0.0.1",
                kText},
           Case{"application/openmetrics-text , */*", kOpenMetrics},
           Case{"*/*, application/openmetrics-text", kOpenMetrics},
           Case{"application/openmetrics-text,text/plain", kOpenMetrics},
           Case{"text/plain,application/openmetrics-text", kText},
           // Malformed weights: that element does not count.
           Case{"application/openmetrics-text;q=2,text/plain;q=0.1", kText},
           Case{"application/openmetrics-text;q=-1", kText},
           Case{"application/openmetrics-text;q=", kText},
           Case{"application/openmetrics-text;q=0.1234", kText},
           Case{"application/openmetrics-text;q=1.001", kText},
           Case{"application/openmetrics-text;q=1.", kOpenMetrics},
           Case{"application/openmetrics-text; q = 1.000 ;;", kOpenMetrics},
           // A comma and a semicolon within quotes, a quote that never ends.
           Case{"application/openmetrics-text;x=\"a,text/plain;q=0\";q=0.5,text/plain;q=0.4", kOpenMetrics},
           Case{"text/plain;q=0.4,application/openmetrics-text;x=\"a\\\"", kOpenMetrics},
           Case{"application/openmetrics-text;x=\"\\", kOpenMetrics},
       }) {
    EXPECT_EQ(NegotiateFormat(c.accept), c.format) << c.accept;
  }
}

TEST(NegotiationTest, ChoosesTheCoding) {
  struct Case {
    std::string_view accept_encoding;
    bool gzip;
  };
  for (const Case& c : {
           Case{"", false},
           Case{"gzip", true},
           Case{"GZIP", true},
           Case{"x-gzip", true},
           Case{"gzip, deflate, br", true},
           Case{"deflate, br", false},
           Case{"notgzip", false},
           Case{"identity", false},
           Case{"gzip;q=0", false},
           Case{"gzip;q=0.0", false},
           Case{"gzip;q=0.000", false},
           Case{"gzip;q=0.001", true},
           Case{"gzip ; q = 0", false},
           Case{"*", true},
           Case{"*;q=0", false},
           Case{"gzip;q=0, *", false},
           Case{"*;q=0, gzip", true},
           Case{"identity, *;q=0.5", false},
           Case{"identity;q=0.5, gzip;q=0.4", false},
           Case{"identity;q=0.5, gzip;q=0.5", true},
           Case{"identity;q=0", false},
       }) {
    EXPECT_EQ(NegotiateCoding(c.accept_encoding) == Coding::kGzip, c.gzip) << c.accept_encoding;
  }
}

TEST(NegotiationTest, NamesTheContentTypesExactly) {
  EXPECT_EQ(ContentType(kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(ContentType(kOpenMetrics), "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

// No header may make the parser run on or read past its end; the sanitizers watch.
TEST(NegotiationTest, SurvivesAnyCutOfAHeader) {
  const std::string_view header =
      "application/openmetrics-text;version=\"1.0\\.0\";q=0.5, text/plain ; q=0.25,*/*;q=0";
  for (std::size_t begin = 0; begin <= header.size(); ++begin) {
    for (std::size_t size = 0; begin + size <= header.size(); ++size) {
      NegotiateFormat(header.substr(begin, size));
      NegotiateCoding(header.substr(begin, size));
    }
  }
}

}  // namespace
}  // namespace exporter
