#include "exporter/report/writers.h"

#include <gtest/gtest.h>

#include "exporter/report/sheet.h"

namespace exporter::report {
namespace {

Head SomeHead() {
  Head head;
  head.report = "usage";
  head.title = "Usage 2025-03";
  head.facts = {{"Period", "a|b"}};
  head.columns = {{"department", ColumnKind::kText, ""},
                  {"user", ColumnKind::kText, ""},
                  {"cpu", ColumnKind::kInteger, "s"}};
  head.pages = {{"arts", {{}, {}, std::uint64_t{1'234'572}}}, {"<b>|", {{}, {}, std::uint64_t{7}}}};
  return head;
}

std::string Written(std::string_view format) {
  std::string text;
  const auto writer = MakeWriter(format, [&](std::string_view bytes) { text += bytes; });
  Sheet sheet(*writer);
  sheet.Begin(SomeHead());
  sheet.Add({"arts", "=a,\"b\"", std::uint64_t{5}});
  sheet.Add({"arts", "日本", std::uint64_t{1'234'567}});
  sheet.Add({"<b>|", "z", std::uint64_t{18'446'744'073'709'000'000U}});
  sheet.End({{"verdict", "complete"}});
  return text;
}

TEST(WritersTest, CsvQuotesAndDefusesFormulas) {
  EXPECT_EQ(CsvField("plain"), "plain");
  EXPECT_EQ(CsvField("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvField("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(CsvField("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(CsvField("#no comment"), "\"#no comment\"");
  for (const char* formula : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx"})
    EXPECT_EQ(CsvField(formula), std::string("'") + formula) << formula;
  EXPECT_EQ(CsvField(std::uint64_t{7}), "7");
  EXPECT_EQ(CsvField(Decimal{"-1.50"}), "-1.50");
  EXPECT_EQ(CsvField(Value()), "");
}

TEST(WritersTest, CsvHasTotalsBesidesItsLines) {
  const std::string text = Written("csv");
  EXPECT_TRUE(
      text.starts_with("department,user,cpu\r\n"
                       "arts,\"'=a,\"\"b\"\"\",5\r\n"
                       "arts,日本,1234567\r\n"
                       "<b>|,z,18446744073709000000\r\n"
                       "# totals [\"Total\",null,"))
      << text;
}

TEST(WritersTest, JsonIsWhatTheHashIsMadeOf) {
  const nlohmann::json json = nlohmann::json::parse(Written("json"));
  EXPECT_EQ(json["lines"].size(), 3U);
  EXPECT_EQ(json["lines"][2][2], 18'446'744'073'709'000'000U);
  EXPECT_EQ(json["columns"][2]["unit"], "s");
  EXPECT_EQ(json["provenance"]["lines"], 3);
  // printf '%s\n' '["arts","=a,\"b\"",5]' '["arts","日本",1234567]' '["<b>|","z",18446744073709000000]' |
  // sha256sum
  EXPECT_EQ(json["provenance"]["lines_sha256"],
            "8e00976d87ba9874878cf5bfeb4586df6aff7d9c27f9b2c6e33a771fb30a6ac0");
}

TEST(WritersTest, TotalsAreTheSumsOfLinesModulo2To64) {
  const nlohmann::json json = nlohmann::json::parse(Written("json"));
  EXPECT_EQ(json["totals"][0], "Total");
  EXPECT_EQ(json["totals"][2], std::uint64_t{5} + 1'234'567 + 18'446'744'073'709'000'000U);
}

TEST(WritersTest, TextLinesUpWideCharacters) {
  const std::string text = Written("table");
  EXPECT_NE(text.find("arts        日本                 1234567\n"), std::string::npos) << text;
  EXPECT_NE(text.find("verdict: complete\n"), std::string::npos) << text;
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("日本"), 4U);
  EXPECT_EQ(DisplayWidth("é"), 1U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U);
  EXPECT_EQ(DisplayWidth("\xff"), 1U);
}

TEST(WritersTest, TextHasNothingThatATerminalObeys) {
  std::string text;
  const auto writer = MakeTextWriter([&](std::string_view bytes) { text += bytes; });
  writer->Begin(SomeHead());
  // An escape, a CSI of one character, text from right to left; and what is harmless.
  writer->Add({"a\x1b[31m", "b\u009b31mc\u202ed\u2066e", std::uint64_t{1}});
  writer->Add({"\u00a0é", "\u2068", std::uint64_t{2}});
  writer->End({}, {});
  EXPECT_NE(text.find("a [31m"), std::string::npos) << text;
  EXPECT_NE(text.find("b 31mc d e"), std::string::npos) << text;
  EXPECT_NE(text.find("\u00a0é"), std::string::npos) << text;
  EXPECT_EQ(text.find("\u2068"), std::string::npos) << text;
}

TEST(WritersTest, TextStreamsBeyondTheFirstLines) {
  std::string text;
  const auto writer = MakeTextWriter([&](std::string_view bytes) { text += bytes; });
  writer->Begin(SomeHead());
  for (int i = 0; i < 5000; ++i) writer->Add({"d", "u", static_cast<std::uint64_t>(i)});
  EXPECT_NE(text.find(" 4999\n"), std::string::npos) << "the last line is not out before the end";
}

TEST(WritersTest, MarkdownEscapesWhatItWouldRead) {
  EXPECT_EQ(MarkdownCell("a|b"), "a\\|b");
  EXPECT_EQ(MarkdownCell("line\nbreak"), "line break");
  EXPECT_EQ(MarkdownCell("<script>"), "\\<script\\>");
  const std::string text = Written("markdown");
  EXPECT_NE(text.find("| --- | --- | ---: |"), std::string::npos) << text;
  EXPECT_NE(text.find("| \\<b\\>\\| | z | 18446744073709000000 |"), std::string::npos) << text;
}

TEST(WritersTest, HtmlEscapes) {
  EXPECT_EQ(HtmlText("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

TEST(WritersTest, HtmlHasAPageForEachDepartmentWithItsTotal) {
  const std::string text = Written("html");
  std::size_t pages = 0;
  for (std::size_t at = text.find("<section>"); at != std::string::npos; at = text.find("<section>", at + 1))
    ++pages;
  EXPECT_EQ(pages, 3U) << "two departments and all";
  EXPECT_NE(text.find("<h2>arts</h2>"), std::string::npos);
  EXPECT_NE(text.find("<h2>&lt;b&gt;|</h2>"), std::string::npos);
  EXPECT_NE(text.find("<tfoot><tr><td>Total</td><td class=\"n\">" + Grouped("1234572") + "</td></tr>"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("<tfoot><tr><td>Total</td><td class=\"n\">7</td></tr>"), std::string::npos)
      << "the page's total is what the report says it is, lines may be parts of one another\n"
      << text;
}

TEST(WritersTest, HtmlOfManyColumnsIsPrintedAcross) {
  for (const std::size_t columns : {std::size_t{9}, std::size_t{10}}) {
    std::string text;
    const auto writer = MakeHtmlWriter([&](std::string_view bytes) { text += bytes; });
    Head head;
    head.columns.resize(columns);
    writer->Begin(head);
    EXPECT_EQ(text.find("landscape") != std::string::npos, columns == 10) << columns;
  }
}

TEST(WritersTest, GroupsDigits) {
  EXPECT_EQ(Grouped("123"), "123");
  EXPECT_EQ(Grouped("1234"), "1\u202f234");
  EXPECT_EQ(Grouped("-1234567.25"), "-1\u202f234\u202f567.25");
  EXPECT_EQ(Grouped(""), "");
}

TEST(WritersTest, AmountsAddUpExactly) {
  EXPECT_EQ(Sum({"0.10"}, {"0.20"}).digits, "0.30");
  EXPECT_EQ(Sum({"0.10"}, {"-1.255"}).digits, "-1.155");
  EXPECT_EQ(Sum({"0"}, {"-0.05"}).digits, "-0.05");
  EXPECT_EQ(Sum({"99999999999999999.99"}, {"0.01"}).digits, "100000000000000000.00");
}

TEST(WritersTest, FocusIsOfCostsByDepartment) {
  std::string text;
  const auto writer = MakeFocusWriter([&](std::string_view bytes) { text += bytes; });
  EXPECT_THROW(writer->Begin(SomeHead()), std::runtime_error);
  Head head;
  head.columns = {{"department", ColumnKind::kText, ""}, {"account", ColumnKind::kText, ""},
                  {"user", ColumnKind::kText, ""},       {"charge", ColumnKind::kText, ""},
                  {"list", ColumnKind::kDecimal, "EUR"}, {"billed", ColumnKind::kDecimal, "EUR"},
                  {"free", ColumnKind::kDecimal, "EUR"}};
  head.from = 0;
  head.to = 86400;
  writer->Begin(head);
  writer->Add({"arts", "music", "ada", "usage", Decimal{"2.00"}, Decimal{"1.50"}, Decimal{"0.00"}});
  writer->Add({"arts", "music", "", "free quota", Decimal{"0.00"}, Decimal{"0.00"}, Decimal{"0.40"}});
  EXPECT_NE(text.find("1.50,arts,arts,EUR,1970-01-02T00:00:00Z,1970-01-01T00:00:00Z,Usage,,Compute jobs,"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(",Slurm,2.00,1,Charges,Slurm,"), std::string::npos) << text;
  EXPECT_NE(text.find("music,music,\"{\"\"user\"\":\"\"ada\"\"}\""), std::string::npos) << text;
  EXPECT_NE(text.find("-0.40,arts,arts,EUR,1970-01-02T00:00:00Z,1970-01-01T00:00:00Z,Credit,,Free quota,"),
            std::string::npos)
      << text;
}

TEST(WritersTest, UnknownFormsAreNone) {
  EXPECT_EQ(MakeWriter("xml", [](std::string_view) {}), nullptr);
}

}  // namespace
}  // namespace exporter::report
