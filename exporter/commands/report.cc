#include "exporter/commands/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/history.h"
#include "collectors/slurmdb/lower_case.h"
#include "exporter/commands/own_flags.h"
#include "exporter/files.h"
#include "exporter/log.h"
#include "exporter/report/checks.h"
#include "exporter/report/cost_report.h"
#include "exporter/report/efficiency_report.h"
#include "exporter/report/job_fields.h"
#include "exporter/report/jobs_report.h"
#include "exporter/report/quota_report.h"
#include "exporter/report/recorded.h"
#include "exporter/report/sheet.h"
#include "exporter/report/usage_report.h"
#include "exporter/report/writers.h"
#include "exporter/version.h"
#include "exporter/wiring.h"

namespace exporter {
namespace {

using namespace report;

constexpr const char* kHelp =
    "usage: slurmdbd_exporter report usage|cost|efficiency|quota|jobs|transactions [<flags>]\n"
    "       slurmdbd_exporter report verify FILE [<flags>]\n\n"
    "Usage as sreport, job rows as sacct and changes as sacctmgr have them, what jobs cost and how well they "
    "used\nwhat they had, of any period; and what is used of quotas now. With what is needed to trust it; "
    "and whether a report that was "
    "kept, as JSON\nor CSV, still holds.\n\n"
    "Flags, besides those of slurmdbd_exporter for the database, clusters, the time zone and --config.file:\n"
    "  --period=PERIOD      2025, 2025-Q1, 2025-03, 2025-03-14; year, quarter, month, day, or last-month and "
    "so on.\n"
    "                       Without it and --from: last-month, of jobs day.\n"
    "  -S, --from=TIME      Instead of a period: 2025-03-14, 2025-03-14T12:30 by --timezone, RFC 3339.\n"
    "  -E, --to=TIME        Where it ends, not included; without it, now.\n"
    "  --by=WHAT            cluster, department, account, user, partition, qos, wckey, day, month, with "
    "commas.\n"
    "  -M, --cluster=NAME   Just these, with commas (a name with a comma in \"double quotes\"); likewise:\n"
    "  --department=NAME, -A --account=NAME, -u --user=NAME, -r --partition=NAME, -q --qos=NAME, -W "
    "--wckey=NAME\n"
    "  --tree               Accounts with what is below them.\n"
    "  --tres=NAME          Just these TRES, with commas.\n"
    "  --source=SOURCE      rollups (sreport's) or jobs (sacct's); without it roll-ups where they can tell.\n"
    "  -o, --fields=NAME    Of jobs: sacct's fields, with commas.\n"
    "  -T, --truncate       Of jobs: cut times at the period, as sacct does.\n"
    "  --format=FORM        table, csv, json, markdown or html; of cost also focus.\n"
    "  --output=FILE        Where it goes; without it, standard output.\n";

constexpr std::array kReports = {"usage", "cost", "efficiency", "quota", "jobs", "transactions"};

// Names with commas between them; one with a comma in it is in double quotes, as in CSV.
std::vector<std::string> Split(const std::string& flag, const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    std::string part;
    std::size_t end = begin;
    if (begin < text.size() && text[begin] == '"') {
      for (end = begin + 1;; ++end) {
        const std::size_t quote = text.find('"', end);
        if (quote == std::string::npos)
          throw std::runtime_error("--" + flag + ": a quote is not closed in " + log::Quote(text));
        part += text.substr(end, quote - end);
        end = quote + 1;
        if (end == text.size() || text[end] != '"') break;
        part += '"';
      }
      if (end < text.size() && text[end] != ',')
        throw std::runtime_error("--" + flag + ": after a quote a comma has to follow in " +
                                 log::Quote(text));
    } else {
      end = std::min(text.find(',', begin), text.size());
      part = text.substr(begin, end - begin);
    }
    if (part.empty())
      throw std::runtime_error("--" + flag + ": there is an empty name in " + log::Quote(text));
    parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

// What is after the command's name, as text.
struct Flags {
  std::string period;
  std::string from;
  std::string to;
  std::string by;
  std::string tres;
  std::string source;
  std::string fields;
  std::string format = "table";
  std::string output;
  std::map<Dimension, std::vector<std::string>> only;
  bool tree = false;
  bool truncate = false;
  bool help = false;
  Config config;

  explicit Flags(std::vector<std::string> arguments) {
    static const std::map<std::string, std::string> kShort = {
        {"-S", "--from"}, {"-E", "--to"},    {"-u", "--user"},    {"-A", "--account"}, {"-r", "--partition"},
        {"-q", "--qos"},  {"-W", "--wckey"}, {"-M", "--cluster"}, {"-o", "--fields"},  {"-T", "--truncate"}};
    for (std::string& argument : arguments) {
      if (const auto name = kShort.find(argument); name != kShort.end()) argument = name->second;
    }
    std::map<std::string, std::vector<std::string>*> lists;
    for (const Dimension dimension : kAllDimensions) {
      if (dimension == Dimension::kDay || dimension == Dimension::kMonth) continue;
      lists.emplace(DimensionName(dimension), &only[dimension]);
    }
    OwnFlags own(std::string(kReport),
                 {{"period", &period},
                  {"from", &from},
                  {"to", &to},
                  {"by", &by},
                  {"tres", &tres},
                  {"source", &source},
                  {"fields", &fields},
                  {"format", &format},
                  {"output", &output}},
                 {{"tree", &tree}, {"truncate", &truncate}}, lists);
    own.Take(arguments);
    help = own.help();
    if (help) return;
    for (auto& [dimension, names] : only) {
      std::vector<std::string> split;
      for (const std::string& text : names) {
        for (const std::string& name : Split(std::string(DimensionName(dimension)), text))
          split.push_back(slurmdb::LowerCase(name));
      }
      names = std::move(split);
    }
    std::erase_if(only, [](const auto& entry) { return entry.second.empty(); });
    std::vector<std::string> warnings;
    config = own.Rest(warnings);
    log::Configure(config.log.level, config.log.format);
    for (const std::string& warning : warnings) log::Warn(warning);
  }
};

Window WindowOf(const Flags& flags, const std::string& report, const slurmdb::Calendar& calendar,
                std::int64_t now) {
  const auto parse = [](const char* flag, const auto& parser) {
    try {
      return parser();
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(std::string("--") + flag + ": " + error.what());
    }
  };
  Window window;
  if (!flags.from.empty()) {
    if (!flags.period.empty()) throw std::runtime_error("--period and --from say both where it begins");
    window.from = parse("from", [&] { return ParseInstant(flags.from, calendar, now); });
    window.to = parse("to", [&] { return flags.to.empty() ? now : ParseInstant(flags.to, calendar, now); });
  } else {
    if (!flags.to.empty()) throw std::runtime_error("--to needs --from");
    const std::string period = !flags.period.empty() ? flags.period : report == "jobs" ? "day" : "last-month";
    window = parse("period", [&] { return ParsePeriod(period, calendar, now); });
  }
  if (window.from >= window.to) throw std::runtime_error("--to: the period would end before it begins");
  if (window.from >= now) throw std::runtime_error("--from: the period has not begun");
  return window;
}

// What does not go together with a report, so that nobody takes it for heeded.
void Refuse(const Flags& flags, const std::string& report) {
  const auto only_of = [&](bool given, const char* flag, std::initializer_list<std::string_view> reports) {
    if (given && std::find(reports.begin(), reports.end(), report) == reports.end())
      throw std::runtime_error(fmt::format("--{} does not go together with report {}", flag, report));
  };
  only_of(!flags.period.empty(), "period", {"usage", "cost", "efficiency", "jobs", "transactions"});
  only_of(!flags.from.empty(), "from", {"usage", "cost", "efficiency", "jobs", "transactions"});
  only_of(!flags.to.empty(), "to", {"usage", "cost", "efficiency", "jobs", "transactions"});
  only_of(!flags.by.empty(), "by", {"usage", "cost", "efficiency"});
  only_of(!flags.tres.empty(), "tres", {"usage"});
  only_of(!flags.source.empty(), "source", {"usage"});
  only_of(!flags.fields.empty(), "fields", {"jobs"});
  only_of(flags.truncate, "truncate", {"jobs"});
  only_of(flags.tree, "tree", {"usage", "jobs", "cost", "efficiency"});
  for (const auto& [dimension, names] : flags.only) {
    const std::string name(DimensionName(dimension));
    if (dimension == Dimension::kDepartment) {
      only_of(true, name.c_str(), {"usage", "cost", "efficiency"});
    } else if (dimension == Dimension::kAccount || dimension == Dimension::kQos) {
      only_of(true, name.c_str(), {"usage", "jobs", "cost", "efficiency", "quota"});
    } else if (dimension == Dimension::kPartition) {
      only_of(true, name.c_str(), {"usage", "jobs", "cost", "efficiency"});
    } else if (dimension != Dimension::kCluster && dimension != Dimension::kUser) {
      only_of(true, name.c_str(), {"usage", "jobs", "cost"});
    }
  }
}

Request RequestOf(const Flags& flags, const std::string& report, slurmdb::History& history) {
  Request request;
  request.report = report;
  request.as_of = history.now();
  request.window = report == "quota" ? Window{history.now(), history.now()}
                                     : WindowOf(flags, report, history.calendar(), history.now());
  request.only = flags.only;
  request.tree = flags.tree;
  request.truncate = flags.truncate;
  if (report == "usage" || report == "cost" || report == "efficiency") {
    const std::string by = report == "cost" ? "department,account" : "cluster,account,user";
    for (const std::string& name : Split("by", flags.by.empty() ? by : flags.by)) {
      const std::optional<Dimension> dimension = DimensionOf(name);
      if (!dimension) throw std::runtime_error("--by: nothing is parted by " + log::Quote(name));
      if (request.By(*dimension)) throw std::runtime_error("--by: " + name + " is there twice");
      if (report == "efficiency" && (*dimension == Dimension::kWckey || *dimension == Dimension::kDay ||
                                     *dimension == Dimension::kMonth))
        throw std::runtime_error("--by: efficiency is not parted by " + name);
      request.by.push_back(*dimension);
    }
    if (report != "usage") request.source = Source::kJobs;
    if (!flags.source.empty()) {
      if (flags.source != "rollups" && flags.source != "jobs")
        throw std::runtime_error("--source: " + log::Quote(flags.source) + " is neither rollups nor jobs");
      request.source = flags.source == "jobs" ? Source::kJobs : Source::kRollUps;
    }
    if (!flags.tres.empty()) {
      std::set<std::string> known;
      for (const std::uint32_t id : history.tres().ids())
        known.insert(slurmdb::LowerCase(history.tres().Label(id)));
      for (const std::string& name : Split("tres", flags.tres)) {
        request.tres.push_back(slurmdb::LowerCase(name));
        if (!known.contains(request.tres.back()))
          throw std::runtime_error("--tres: the database has no TRES " + log::Quote(name));
      }
    }
  } else if (report == "jobs") {
    request.source = Source::kJobs;
    request.fields = flags.fields.empty() ? DefaultJobFields() : Split("fields", flags.fields);
    for (std::string& name : request.fields) {
      const JobField* field = FindJobField(name);
      if (field == nullptr) {
        std::string known;
        for (const JobField& one : JobFields()) known += (known.empty() ? "" : ", ") + one.name;
        throw std::runtime_error(fmt::format("--fields: {} is none of {}", log::Quote(name), known));
      }
      name = field->name;
    }
  }
  if (const auto clusters = request.only.find(Dimension::kCluster); clusters != request.only.end()) {
    for (const std::string& name : clusters->second) {
      if (std::none_of(history.clusters().begin(), history.clusters().end(),
                       [&](const std::string& one) { return slurmdb::LowerCase(one) == name; }))
        throw std::runtime_error("--cluster: the database has no cluster " + log::Quote(name));
    }
  }
  return request;
}

// On a terminal, a line that tells how far a long reading has come.
class ProgressLine {
 public:
  ~ProgressLine() { Stop(); }
  // Wiped away, for good.
  void Stop() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
    stopped_ = true;
  }
  slurmdb::HistoryProgress Show() {
    if (isatty(STDERR_FILENO) == 0) return {};
    return [this](double share, std::uint64_t rows) {
      if (stopped_) return;
      constexpr int kWidth = 30;
      const int done = static_cast<int>(std::clamp(share, 0.0, 1.0) * kWidth);
      shown_ = true;
      std::fputs(fmt::format("\r[{:<{}}] {:3.0f} %, {} job rows\x1b[K",
                             std::string(static_cast<std::size_t>(done), '#'), kWidth, share * 100, rows)
                     .c_str(),
                 stderr);
    };
  }

 private:
  bool shown_ = false;
  bool stopped_ = false;
};

// Standard output, or a file that is there once it is whole.
class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)) {
    if (path_.empty()) return;
    // A device or a pipe is written to, not replaced.
    std::error_code unknown;
    const auto status = std::filesystem::status(path_, unknown);
    const bool is_special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
    open_path_ = is_special ? path_ : path_ + ".part";
    file_ = std::fopen(open_path_.c_str(), "wb");
    if (file_ == nullptr) throw std::runtime_error("--output: " + open_path_ + " cannot be written");
  }
  ~Output() {
    if (path_.empty() || whole_) return;
    if (file_ != nullptr) std::fclose(file_);
    if (open_path_ != path_) std::remove(open_path_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // `progress` gives way where both are on a terminal.
  Emit emit(ProgressLine& progress) {
    const bool gives_way = path_.empty() && isatty(STDOUT_FILENO) != 0;
    return [this, gives_way, &progress](std::string_view bytes) {
      if (gives_way) progress.Stop();
      if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) Fail();
    };
  }
  void Finish() {
    if (std::fflush(file_) != 0) Fail();
    if (path_.empty()) return;
    std::FILE* const file = std::exchange(file_, nullptr);
    if (std::fclose(file) != 0) Fail();
    if (open_path_ != path_ && std::rename(open_path_.c_str(), path_.c_str()) != 0) Fail();
    whole_ = true;
  }

 private:
  [[noreturn]] void Fail() {
    throw std::runtime_error((path_.empty() ? "standard output" : path_) + " cannot be written");
  }

  std::string path_;
  std::string open_path_;
  std::FILE* file_ = stdout;
  bool whole_ = false;
};

std::string TitleOf(const Request& request, const slurmdb::Calendar& calendar) {
  static const std::map<std::string, std::string> kNames = {
      {"usage", "Usage"},  {"cost", "Cost"}, {"efficiency", "Efficiency"},
      {"quota", "Quotas"}, {"jobs", "Jobs"}, {"transactions", "Changes"}};
  const std::string& name = kNames.at(request.report);
  if (request.report == "quota") return fmt::format("{} {}", name, calendar.Text(request.as_of));
  // Both ends at midnight: the days tell it.
  const std::string from = calendar.Text(request.window.from);
  const std::string to = calendar.Text(request.window.to);
  const bool days = from.ends_with("T00:00:00") && to.ends_with("T00:00:00");
  if (!days) return fmt::format("{} {} to {}", name, from, to);
  const std::string last = calendar.Text(request.window.to - 1).substr(0, 10);
  if (last == from.substr(0, 10)) return fmt::format("{} {}", name, last);
  return fmt::format("{} {} to {}", name, from.substr(0, 10), last);
}

Head HeadOf(const Request& request, const slurmdb::History& history) {
  Head head;
  head.report = request.report;
  head.from = request.window.from;
  head.to = request.window.to;
  head.title = TitleOf(request, history.calendar());
  if (request.report != "quota")
    head.facts.emplace_back(
        "Period", fmt::format("{} to {}, {}", history.calendar().Text(request.window.from),
                              history.calendar().Text(request.window.to), history.calendar().zone()));
  if (request.report == "usage") {
    head.facts.emplace_back("Source", request.source == Source::kRollUps
                                          ? "what slurmdbd has rolled up, as sreport"
                                          : "job rows cut at the period, as sacct -D --truncate");
    head.facts.emplace_back("Amounts", "TRES-seconds in Slurm's units (mem in MiB), energy in joules");
    if (request.tree)
      head.facts.emplace_back("Accounts", "with all accounts below them; the total counts each once");
  } else if (request.report == "cost") {
    head.facts.emplace_back("Source", "job rows cut at the period, priced by the price book");
    if (request.tree)
      head.facts.emplace_back("Accounts", "with all accounts below them; the total counts each once");
  } else if (request.report == "efficiency") {
    head.facts.emplace_back("Source", "job rows that ended in the period, and their steps, as seff");
    head.facts.emplace_back(
        "Amounts", "CPU in core-seconds; memory in byte-seconds, as if the peak had been used all the time");
    if (request.tree)
      head.facts.emplace_back("Accounts", "with all accounts below them; the total counts each once");
  } else if (request.report == "quota") {
    head.facts.emplace_back("Source", "GrpTRESMins and GrpWall, against job rows as slurmctld counts them");
    head.facts.emplace_back("Amounts", "TRES-seconds in Slurm's units (mem in MiB); wall in seconds");
  } else if (request.report == "jobs") {
    head.facts.emplace_back("Source", request.truncate
                                          ? "job rows cut at the period, as sacct -D -X --truncate"
                                          : "job rows, as sacct -D -X");
  } else {
    head.facts.emplace_back("Source", "what sacctmgr has recorded");
  }
  for (const auto& [dimension, names] : request.only)
    head.facts.emplace_back(fmt::format("Only {}", DimensionName(dimension)),
                            fmt::format("{}", fmt::join(names, ", ")));
  head.facts.emplace_back("Database", fmt::format("{} on {}", history.database(), history.server()));
  return head;
}

const pricing::PriceBook& PriceBookOf(const Config& config) {
  if (config.cost.price_book == nullptr) throw std::runtime_error("report cost needs --cost.price-book");
  return *config.cost.price_book;
}

// The price book knows better than accounts' organizations, when there is one.
pricing::Departments DepartmentsOf(const Config& config) {
  return config.cost.price_book != nullptr ? config.cost.price_book->departments
                                           : pricing::Departments::ByOrganization();
}

// Without organizations all would be in the department without a name, and prices might be others.
void RefuseUnknownDepartments(const Request& request, const Config& config, const slurmdb::History& history) {
  const bool counts = request.report == "cost" || request.Uses(Dimension::kDepartment);
  if (counts && DepartmentsOf(config).by_organization() && !history.HasOrganizations())
    throw std::runtime_error("acct_table: not there, or not granted; it has the departments");
}

// Returns what was found out about its completeness on the way.
std::vector<Check> Make(const Request& request, const Config& config, slurmdb::History& history,
                        ProgressLine& progress, Sheet& sheet) {
  Head head = HeadOf(request, history);
  if (request.report == "usage") {
    MakeUsage(request, history, DepartmentsOf(config), progress.Show(), head, sheet);
  } else if (request.report == "cost") {
    const pricing::PriceBook& book = PriceBookOf(config);
    head.facts.emplace_back("Price book", fmt::format("{}, {}", book.version, book.currency));
    if (!book.free_quotas.empty() && !WhyNoCredits(request).empty())
      head.facts.emplace_back("Free quotas", "not taken off: " + WhyNoCredits(request));
    return MakeCost(request, book, history, progress.Show(), head, sheet);
  } else if (request.report == "jobs") {
    MakeJobs(request, history, progress.Show(), head, sheet);
  } else if (request.report == "efficiency") {
    MakeEfficiency(request, AccountingOptionsOf(config), history, DepartmentsOf(config), head, sheet);
  } else if (request.report == "quota") {
    return MakeQuota(request, AccountingOptionsOf(config), head, sheet);
  } else {
    MakeTransactions(request, history, head, sheet);
  }
  return {};
}

std::vector<Check> ChecksOf(const Request& request, std::int64_t asked_to, const Config& config,
                            slurmdb::History& history) {
  if (request.report == "transactions") return {};
  std::vector<Check> checks;
  if (request.report != "quota") checks = CheckHistory(request, asked_to, history);
  const std::vector<Check> audit = CheckAudit(request, AccountingOptionsOf(config), history.now());
  checks.insert(checks.end(), audit.begin(), audit.end());
  return checks;
}

int Write(const std::string& report, const Flags& flags) {
  Refuse(flags, report);
  if (MakeWriter(flags.format, [](std::string_view) {}) == nullptr)
    throw std::runtime_error(
        fmt::format("--format: {} is none of {}", log::Quote(flags.format), fmt::join(WriterNames(), ", ")));
  if (report == "cost") PriceBookOf(flags.config);
  slurmdb::History history(AccountingOptionsOf(flags.config));
  Request request = RequestOf(flags, report, history);
  const std::int64_t asked_to = request.window.to;
  if (report == "usage") {
    SettleUsage(request, history);
  } else {
    request.window.to = std::min(request.window.to, request.as_of);
  }
  RefuseUnknownDepartments(request, flags.config, history);
  ProgressLine progress;
  Output output(flags.output);
  const std::unique_ptr<Writer> writer = MakeWriter(flags.format, output.emit(progress));
  Sheet sheet(*writer);
  std::vector<Check> checks = Make(request, flags.config, history, progress, sheet);
  for (Check& check : ChecksOf(request, asked_to, flags.config, history)) checks.push_back(std::move(check));
  nlohmann::ordered_json provenance;
  provenance["verdict"] = Verdict(checks);
  provenance["checks"] = ToJson(checks);
  provenance["database"] = history.database();
  provenance["server"] = history.server();
  provenance["server_version"] = history.server_version();
  provenance["time_zone"] = history.calendar().zone();
  provenance["from"] = history.calendar().Text(request.window.from);
  provenance["to"] = history.calendar().Text(request.window.to);
  provenance["made_at"] = history.calendar().Text(history.now());
  provenance["exporter_version"] = kVersion;
  provenance["exporter_revision"] = kRevision;
  if (report == "cost") {
    const pricing::PriceBook& book = PriceBookOf(flags.config);
    provenance["price_book"] = {{"version", book.version}, {"sha256", book.sha256}};
  }
  provenance["request"] = ToJson(request);
  sheet.End(std::move(provenance));
  output.Finish();
  if (sheet.lines() == 0 && !request.only.empty())
    log::Warn("nothing was found of what was selected: are the names right?");
  return 0;
}

int Verify(const std::string& path, const Flags& flags) {
  std::string text = ReadFile(path);
  const Recorded recorded = [&] {
    try {
      return ReadRecorded(text);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(path + ": " + error.what());
    }
  }();
  text.clear();
  Config config = flags.config;
  config.timezone = recorded.provenance.value("time_zone", config.timezone);
  slurmdb::History history(AccountingOptionsOf(config));
  const std::string database = recorded.provenance.value("database", "");
  if (database != history.database())
    log::Warn("the report is of another database", {{"report", database}, {"now", history.database()}});
  if (recorded.request.report == "cost" &&
      recorded.provenance.value("price_book", nlohmann::json::object()).value("sha256", "") !=
          PriceBookOf(config).sha256)
    std::fputs("the price book is another one now\n", stdout);
  RefuseUnknownDepartments(recorded.request, config, history);
  Comparison comparison(recorded);
  Sheet sheet(comparison);
  ProgressLine progress;
  Make(recorded.request, config, history, progress, sheet);
  progress.Stop();
  sheet.End({});
  if (comparison.holds()) {
    std::fputs(fmt::format("holds: {} lines, SHA-256 {}\n", sheet.lines(), sheet.sha256()).c_str(), stdout);
    return 0;
  }
  if (!recorded.altered.empty())
    std::fputs(("the file was altered: " + recorded.altered + "\n").c_str(), stdout);
  std::fputs(
      fmt::format("does not hold: of {} lines {} are not what the database says now, and {} of those are "
                  "not in the report\n",
                  recorded.number_of_lines, comparison.gone(), comparison.added())
          .c_str(),
      stdout);
  for (const std::string& difference : comparison.differences())
    std::fputs((difference + "\n").c_str(), stdout);
  return 1;
}

}  // namespace

int RunReport(const std::vector<std::string>& arguments) {
  const std::string report = arguments.empty() ? "" : arguments[0];
  std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (report == "--help" || report == "-h") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::string file;
  if (report == "verify") {
    if (!rest.empty() && rest[0] != "--help" && rest[0] != "-h") {
      file = rest[0];
      rest.erase(rest.begin());
    }
  } else if (std::find(kReports.begin(), kReports.end(), report) == kReports.end()) {
    throw std::runtime_error(fmt::format("report needs one of {} and verify first; report --help tells more",
                                         fmt::join(kReports, ", ")));
  }
  const Flags flags(std::move(rest));
  if (flags.help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (report != "verify") return Write(report, flags);
  if (file.empty() || file.starts_with('-')) throw std::runtime_error("report verify needs a file first");
  // 1 is the answer that it does not hold.
  try {
    return Verify(file, flags);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "slurmdbd_exporter: %s\n", error.what());
    return 2;
  }
}

}  // namespace exporter
