#include "exporter/settings/slurm_conf.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "temp_folder.h"

namespace exporter {
namespace {

using slurmdb::ResetPeriod;

class SlurmConfTest : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) const { folder_.Write(name, text); }
  SlurmConf Read(const std::string& text) const { return ReadSlurmConf(folder_.Write("slurm.conf", text)); }
  std::string ErrorOf(const std::string& text) const {
    try {
      Read(text);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no error";
  }

  TempFolder folder_;
};

TEST_F(SlurmConfTest, DefaultsAreSlurms) {
  const SlurmConf conf = Read("ClusterName=alpha\n");
  EXPECT_EQ(conf.half_life, 7 * 86400);
  EXPECT_EQ(conf.reset, ResetPeriod::kNone);
  EXPECT_TRUE(conf.reset_is_known);
  EXPECT_FALSE(conf.counts_usage);
  EXPECT_TRUE(conf.partition_qos.empty());
}

TEST_F(SlurmConfTest, ReadsWhatDecidesAndNothingElse) {
  const SlurmConf conf = Read(
      "# PriorityDecayHalfLife=1-0\n"
      "  prioritydecayhalflife = 14-0   # two weeks\n"
      "PriorityUsageResetPeriod=Monthly\r\n"
      "PriorityType=priority/multifactor\n"
      "AccountingStorageEnforce=associations,\\\n"
      "  safe\n"
      "Prolog=\"/bin/x a=b # c\n"
      "NodeName=n[1-4] CPUs=4\n"
      "PartitionName=gpu Nodes=ALL QOS=gpu-qos State=UP\n"
      "PartitionName=cpu Nodes=ALL\n"
      "PriorityDecayHalfLife\n");
  EXPECT_EQ(conf.half_life, 14 * 86400);
  EXPECT_EQ(conf.reset, ResetPeriod::kMonthly);
  EXPECT_TRUE(conf.counts_usage);
  EXPECT_EQ(conf.partition_qos, (std::map<std::string, std::string>{{"gpu", "gpu-qos"}}));
}

TEST_F(SlurmConfTest, UsageIsCountedOnlyWithMultifactorAndLimits) {
  const auto counts = [&](const std::string& type, const std::string& enforce) {
    return Read("PriorityType=" + type + "\nAccountingStorageEnforce=" + enforce + "\n").counts_usage;
  };
  EXPECT_TRUE(counts("priority/multifactor", "limits"));
  EXPECT_TRUE(counts("priority/multifactor", "all"));
  EXPECT_TRUE(counts("priority/multifactor", "qos,safe"));
  EXPECT_FALSE(counts("priority/multifactor", "associations"));
  EXPECT_FALSE(counts("priority/basic", "limits"));
}

TEST_F(SlurmConfTest, ResetsAtEachStartAreNotKnown) {
  const SlurmConf conf = Read("PriorityUsageResetPeriod=NOW\n");
  EXPECT_FALSE(conf.reset_is_known);
  EXPECT_EQ(conf.reset, ResetPeriod::kNone);
}

TEST_F(SlurmConfTest, FollowsIncludes) {
  Write("more.conf", "PriorityDecayHalfLife=0\ninclude deeper.conf\n");
  Write("deeper.conf", "PriorityUsageResetPeriod=DAILY\n");
  const SlurmConf conf = Read("Include more.conf\n");
  EXPECT_EQ(conf.half_life, 0);
  EXPECT_EQ(conf.reset, ResetPeriod::kDaily);
}

TEST_F(SlurmConfTest, ErrorsNameTheFileAndLine) {
  EXPECT_NE(ErrorOf("ClusterName=a\nPriorityDecayHalfLife=soon\n").find("slurm.conf:2: "), std::string::npos);
  EXPECT_NE(ErrorOf("PriorityUsageResetPeriod=hourly\n").find("hourly"), std::string::npos);
  EXPECT_NE(ErrorOf("Include slurm.conf\n").find("include each other"), std::string::npos);
  EXPECT_NE(ErrorOf("Include nowhere.conf\n").find("nowhere.conf"), std::string::npos);
  EXPECT_THROW(ReadSlurmConf(folder_.path() / "none"), std::runtime_error);
}

TEST(SlurmTimeTest, ReadsEverySpelling) {
  EXPECT_EQ(SlurmTime("10"), 600);
  EXPECT_EQ(SlurmTime("0"), 0);
  EXPECT_EQ(SlurmTime("10:30"), 660);  // whole minutes, rounded up
  EXPECT_EQ(SlurmTime("1:10:00"), 4200);
  EXPECT_EQ(SlurmTime("2-12"), 216000);
  EXPECT_EQ(SlurmTime("2-12:30"), 217800);
  EXPECT_EQ(SlurmTime("2-12:30:01"), 217860);
  EXPECT_EQ(SlurmTime("UNLIMITED"), 0);
  for (const char* wrong : {"", "-", "1-", "x", "1:", "1:2:3:4", "-5", "7d", "99999999999"}) {
    EXPECT_FALSE(SlurmTime(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace exporter
