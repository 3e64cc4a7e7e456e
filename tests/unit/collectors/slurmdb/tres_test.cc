#include "collectors/slurmdb/tres.h"

#include <gtest/gtest.h>

namespace slurmdb {
namespace {

TEST(ParseTresTest, OrdinaryAndOddStrings) {
  const struct {
    const char* text;
    TresCounts counts;
  } cases[] = {
      {"", {}},
      {"1=4", {{1, 4}}},
      {"1=4,2=8000,4=1,1001=2", {{1, 4}, {2, 8000}, {4, 1}, {1001, 2}}},
      {"1001=2,1=4", {{1001, 2}, {1, 4}}},  // "1=" inside "1001=" is not cpu
      {",1=4,", {{1, 4}}},
      {",,1=4,,2=1", {{1, 4}, {2, 1}}},
      {"1=4,1=8", {{1, 4}}},  // the first counts
      {"1=0", {{1, 0}}},
      {"3=18446744073709551614,1=2", {{1, 2}}},  // energy not gathered
      {"3=18446744073709551614,3=7", {}},        // and that was the first mention
      {"1=18446744073709551615", {}},
      {"1=18446744073709551613", {}},
      {"1=18446744073709551612", {{1, 18446744073709551612ULL}}},
      {"1=9223372036854775808", {{1, 9223372036854775808ULL}}},  // 2^63
      {"1=4294967294", {{1, 4294967294}}},                       // a plain count at 64 bits
      {"1=4,garbage,2=3", {{1, 4}}},                             // reading stops there
      {"1=4,2=", {{1, 4}}},
      {"1=4,2", {{1, 4}}},
      {"1=4 ,2=3", {}},
      {"=4", {}},
      {"-1=4", {}},
      {"1=-4", {}},
      {"1=4.5,2=3", {}},
      {"1=18446744073709551616", {}},  // 2^64
      {"4294967296=1", {}},            // no id
      {"1:4", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(ParseTres(c.text), c.counts) << c.text;
}

TEST(ParseTresTest, AppendsBehindWhatIsThere) {
  TresCounts counts = {{1, 7}, {3, 18446744073709551614ULL}};
  ParseTres("1=4", counts);
  EXPECT_EQ(counts, (TresCounts{{1, 7}, {3, 18446744073709551614ULL}, {1, 4}}));
}

TEST(TresCatalogTest, LabelsAndUnits) {
  TresCatalog catalog;
  catalog.Add(1, "cpu", "");
  catalog.Add(2, "mem", "");
  catalog.Add(6, "fs", "disk");
  catalog.Add(1001, "gres", "gpu");
  catalog.Add(1002, "gres", "gpu:a100");
  catalog.Add(1003, "bb", "datawarp");
  EXPECT_EQ(catalog.Label(1), "cpu");
  EXPECT_EQ(catalog.Label(6), "fs/disk");
  EXPECT_EQ(catalog.Label(1001), "gres/gpu");
  EXPECT_EQ(catalog.Label(1002), "gres/gpu:a100");
  EXPECT_EQ(catalog.Label(4000), "tres/4000");
  EXPECT_EQ(catalog.UnitScale(1), 1.0);
  EXPECT_EQ(catalog.UnitScale(2), 1048576.0);
  EXPECT_EQ(catalog.UnitScale(1003), 1048576.0);
  EXPECT_EQ(catalog.UnitScale(1001), 1.0);
  EXPECT_EQ(TresCatalog().UnitScale(2), 1048576.0);
}

}  // namespace
}  // namespace slurmdb
