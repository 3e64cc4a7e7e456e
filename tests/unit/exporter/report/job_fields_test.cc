#include "exporter/report/job_fields.h"

#include <gtest/gtest.h>

namespace exporter::report {
namespace {

TEST(JobFieldsTest, Durations) {
  EXPECT_EQ(Duration(0), "00:00:00");
  EXPECT_EQ(Duration(86'399), "23:59:59");
  EXPECT_EQ(Duration(93'784), "1-02:03:04");
}

TEST(JobFieldsTest, ArrayTasksOfAMask) {
  EXPECT_EQ(ArrayTasks("0x3E", 0), "1-5");
  EXPECT_EQ(ArrayTasks("0x72", 2), "1,4-6%2");
  EXPECT_EQ(ArrayTasks("0x2AA", 0), "1-9:2");
  EXPECT_EQ(ArrayTasks("0x1", 0), "0");
  EXPECT_EQ(ArrayTasks("1-3", 0), "1-3");
}

TEST(JobFieldsTest, TresByNameWithWholeUnits) {
  slurmdb::TresCatalog catalog;
  catalog.Add(1, "cpu", "");
  catalog.Add(2, "mem", "");
  catalog.Add(4, "node", "");
  catalog.Add(1001, "gres", "gpu");
  EXPECT_EQ(TresText("1=4,2=8192,4=1,1001=2", catalog), "cpu=4,gres/gpu=2,mem=8G,node=1");
  EXPECT_EQ(TresText("2=8000", catalog), "mem=8000M");
  EXPECT_EQ(TresText("2=512", catalog), "mem=512M");
  EXPECT_EQ(TresText("2=691712", catalog), "mem=675.50G");
  EXPECT_EQ(TresText("2=1048576", catalog), "mem=1T");
  EXPECT_EQ(TresText("1=4,3=18446744073709551614", catalog), "cpu=4");
  EXPECT_EQ(TresText("", catalog), "");
}

TEST(JobFieldsTest, FieldsAreFoundWhateverTheirCase) {
  ASSERT_NE(FindJobField("jobidraw"), nullptr);
  EXPECT_EQ(FindJobField("jobidraw")->name, "JobIDRaw");
  EXPECT_EQ(FindJobField("nonsense"), nullptr);
  for (const std::string& name : DefaultJobFields()) EXPECT_NE(FindJobField(name), nullptr) << name;
}

}  // namespace
}  // namespace exporter::report
