#include "exporter/backfill/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "../settings/temp_folder.h"
#include "exporter/files.h"

namespace exporter {
namespace {

using testing::HasSubstr;

std::string Refused(const std::string& folder, const Parameters& parameters) {
  try {
    AgreeOnManifest(folder, parameters);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Manifest, IsWrittenOnceAndAgreedOnLater) {
  const TempFolder temp;
  const std::string folder = temp.path() / "new" / "one";
  EXPECT_FALSE(ReadManifest(folder));
  const Parameters parameters = {{"step", "60"}, {"label", "a=\"b\""}};
  AgreeOnManifest(folder, parameters);
  EXPECT_EQ(ReadManifest(folder), parameters);
  AgreeOnManifest(folder, parameters);
  EXPECT_THAT(Refused(folder, {{"step", "61"}, {"label", "a=\"b\""}}), HasSubstr(R"(step "60", not "61")"));
  EXPECT_THAT(Refused(folder, {{"step", "60"}}), HasSubstr("label"));
  EXPECT_THAT(Refused(folder, {{"step", "60"}, {"label", "a=\"b\""}, {"more", "1"}}),
              HasSubstr(R"(more "", not "1")"));
}

TEST(Manifest, OnlyAnEmptyFolderIsBegunIn) {
  const TempFolder temp;
  std::ofstream(temp.path() / "letter") << "Dear";
  EXPECT_THAT(Refused(temp.path(), {}), HasSubstr("is not empty"));
}

TEST(Manifest, WhatIsNoneIsNotRead) {
  const TempFolder temp;
  for (const char* text : {"", "[]", "{\"step\": 60}", "{"}) {
    ReplaceFile(temp.path() / "backfill.json", text);
    EXPECT_THROW(ReadManifest(temp.path()), std::runtime_error) << text;
  }
}

TEST(NewFile, HasItsNameOnlyWhenItIsWhole) {
  const TempFolder temp;
  const std::string path = temp.path() / "file";
  {
    NewFile file(path);
    file.Write("lost");
  }
  EXPECT_TRUE(std::filesystem::is_empty(temp.path()));
  NewFile file(path);
  file.Write("a");
  EXPECT_FALSE(std::filesystem::exists(path));
  file.Write("b");
  file.Commit();
  EXPECT_EQ(ReadFile(path), "ab");
}

}  // namespace
}  // namespace exporter
