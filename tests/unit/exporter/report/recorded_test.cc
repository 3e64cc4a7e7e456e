#include "exporter/report/recorded.h"

#include <gtest/gtest.h>

#include "exporter/report/sheet.h"
#include "exporter/report/writers.h"

namespace exporter::report {
namespace {

Request SomeRequest() {
  Request request;
  request.report = "usage";
  request.window = {100, 200};
  request.by = {Dimension::kCluster, Dimension::kUser};
  request.only[Dimension::kAccount] = {"physics", "geo"};
  request.tree = true;
  request.source = Source::kJobs;
  request.tres = {"cpu"};
  request.as_of = 300;
  return request;
}

const std::vector<Line> kLines = {{"alpha", "a\"b,\nc", std::uint64_t{1}},
                                  {"alpha", "=x", std::uint64_t{2}},
                                  {"alpha", "#y", std::uint64_t{2}}};

Head SomeHead() {
  Head head;
  head.title = "Usage 2025";
  head.columns = {{"cluster", ColumnKind::kText, ""},
                  {"user", ColumnKind::kText, ""},
                  {"cpu", ColumnKind::kInteger, "s"}};
  return head;
}

void Make(Writer& writer, const std::vector<Line>& lines) {
  Sheet sheet(writer);
  sheet.Begin(SomeHead());
  for (const Line& line : lines) sheet.Add(line);
  sheet.End({{"request", ToJson(SomeRequest())}, {"note", "\"quotes\""}});
}

std::string Written(const char* format) {
  std::string text;
  const auto writer = MakeWriter(format, [&](std::string_view bytes) { text += bytes; });
  Make(*writer, kLines);
  return text;
}

TEST(RecordedTest, TheRequestComesBackAsItWas) {
  EXPECT_EQ(RequestOf(nlohmann::json::parse(ToJson(SomeRequest()).dump())), SomeRequest());
  for (const char* format : {"json", "csv"})
    EXPECT_EQ(ReadRecorded(Written(format)).request, SomeRequest()) << format;
}

TEST(RecordedTest, HoldsWhenNothingHasChanged) {
  for (const char* format : {"json", "csv"}) {
    const Recorded recorded = ReadRecorded(Written(format));
    EXPECT_EQ(recorded.number_of_lines, 3U) << format;
    Comparison comparison(recorded);
    Make(comparison, kLines);
    EXPECT_TRUE(comparison.holds()) << format;
    EXPECT_TRUE(comparison.differences().empty()) << format;
  }
}

TEST(RecordedTest, NamesLinesThatDiffer) {
  for (const char* format : {"json", "csv"}) {
    const Recorded recorded = ReadRecorded(Written(format));
    Comparison comparison(recorded);
    std::vector<Line> lines = kLines;
    lines[1][2] = std::uint64_t{3};
    lines.push_back(lines[0]);
    Make(comparison, lines);
    EXPECT_FALSE(comparison.holds()) << format;
    EXPECT_EQ(comparison.gone(), 1U) << format;
    EXPECT_EQ(comparison.added(), 2U) << format;
    EXPECT_EQ(comparison.differences().size(), 5U) << "three lines and the totals, " << format;
  }
}

TEST(RecordedTest, NoticesOtherColumns) {
  const Recorded recorded = ReadRecorded(Written("json"));
  Comparison comparison(recorded);
  Head head = SomeHead();
  head.columns[2].name = "mem";
  comparison.Begin(head);
  for (const Line& line : kLines) comparison.Add(line);
  comparison.End({}, {});
  EXPECT_FALSE(comparison.holds());
}

TEST(RecordedTest, NoticesAnotherTitleAndOtherUnits) {
  for (const auto& [was, is] :
       {std::pair("\"Usage 2025\"", "\"Usage 2024\""), std::pair("\"unit\":\"s\"", "\"unit\":\"h\"")}) {
    std::string text = Written("json");
    text.replace(text.find(was), std::string_view(was).size(), is);
    const Recorded recorded = ReadRecorded(text);
    Comparison comparison(recorded);
    Make(comparison, kLines);
    EXPECT_FALSE(comparison.holds()) << is;
    EXPECT_EQ(comparison.differences().size(), 2U) << is;
  }
}

TEST(RecordedTest, NoticesAFileThatWasChanged) {
  std::string text = Written("json");
  text.replace(text.find("alpha"), 5, "ALPHA");
  EXPECT_NE(ReadRecorded(text).altered, "");
  EXPECT_EQ(ReadRecorded(Written("json")).altered, "");
  std::string csv = Written("csv");
  csv.insert(csv.find("alpha"), "alpha,z,1\r\n");
  EXPECT_NE(ReadRecorded(csv).altered, "");
}

TEST(RecordedTest, NoticesOtherTotals) {
  for (const char* format : {"json", "csv"}) {
    std::string text = Written(format);
    text.replace(text.find("[\"Total\",null,5]"), 16, "[\"Total\",null,9]");
    const Recorded recorded = ReadRecorded(text);
    Comparison comparison(recorded);
    Make(comparison, kLines);
    EXPECT_FALSE(comparison.holds()) << format;
    EXPECT_EQ(comparison.differences(),
              (std::vector<std::string>{"- totals: [\"Total\",null,9]", "+ totals: [\"Total\",null,5]"}))
        << format;
  }
}

TEST(RecordedTest, SaysWhatIsWrongWithOtherFiles) {
  for (const char* text : {"", "hello\n", "{}", "{\"columns\":[],\"lines\":[],\"provenance\":{}}",
                           "a,b\r\n1,2\r\n# provenance {}\r\n", "a\r\n# provenance {\"request\":{}}\r\n",
                           "a\r\n# provenance nothing\r\n"})
    EXPECT_THROW(ReadRecorded(text), std::runtime_error) << text;
}

}  // namespace
}  // namespace exporter::report
