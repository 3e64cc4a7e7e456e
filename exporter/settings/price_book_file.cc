#include "exporter/settings/price_book_file.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include "collectors/slurmdb/job_state.h"
#include "collectors/slurmdb/lower_case.h"
#include "exporter/duration.h"
#include "exporter/files.h"
#include "exporter/log.h"
#include "exporter/settings/config_error.h"
#include "exporter/settings/settings_table.h"
#include "exporter/settings/time_text.h"
#include "exporter/settings/yaml_tree.h"

namespace exporter {
namespace {

using pricing::Match;
using slurmdb::LowerCase;
using Names = std::vector<std::string>;

std::string Sha256(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

// A map of which every key has to be asked for.
class Keys {
 public:
  Keys(const YamlReader& reader, const YamlNode& node, const std::string& what)
      : reader_(reader), place_(node.place) {
    if (node.type != YamlNode::Type::kMap)
      reader.Fail(node.place, what + " must be a map, not " + node.Describe());
    for (const auto& [key, value] : node.entries) {
      if (key->type != YamlNode::Type::kScalar) reader.Fail(key->place, "a key must be a word");
      if (!values_.emplace(key->text, Entry{key->place, value.get()}).second)
        reader.Fail(key->place, key->text + " is given twice");
    }
  }

  // Not there: nullptr.
  const YamlNode* Find(const std::string& key) {
    known_.push_back(key);
    const auto found = values_.find(key);
    if (found == values_.end()) return nullptr;
    if (found->second.value->type == YamlNode::Type::kNull)
      reader_.Fail(found->second.place, key + " has no value");
    return found->second.value;
  }
  const YamlNode& Get(const std::string& key) {
    const YamlNode* value = Find(key);
    if (value == nullptr) reader_.Fail(place_, key + " is missing");
    return *value;
  }
  // All have been asked for.
  void Done() const {
    for (const auto& [key, entry] : values_) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        reader_.Fail(entry.place, "unknown key " + log::Quote(key) + DidYouMean(key, known_));
    }
  }
  Place place() const { return place_; }

 private:
  struct Entry {
    Place place;
    const YamlNode* value;
  };
  const YamlReader& reader_;
  Place place_;
  std::map<std::string, Entry> values_;
  Names known_;
};

class BookReader {
 public:
  BookReader(const YamlReader& reader, const slurmdb::Calendar& calendar, std::string folder)
      : reader_(reader), calendar_(calendar), folder_(std::move(folder)) {}

  pricing::PriceBook Read(const YamlNode& root) {
    Keys keys(reader_, root, "the price book");
    book_.version = Text(keys.Get("version"));
    book_.currency = Text(keys.Get("currency"));
    if (book_.currency.empty() || book_.currency.size() > 16 ||
        !std::all_of(book_.currency.begin(), book_.currency.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); })) {
      reader_.Fail(keys.Get("currency").place, "currency must be a word such as EUR");
    }
    if (const YamlNode* digits = keys.Find("digits"))
      book_.digits = static_cast<int>(Number(*digits, 0, pricing::kMostDigits));
    if (const YamlNode* month = keys.Find("year-begins"))
      book_.first_month = static_cast<unsigned>(Number(*month, 1, 12));
    if (const YamlNode* free = keys.Find("free-of-charge")) {
      for (const auto& [name, place] : List(*free)) book_.free_tres.push_back(Tres(name, place));
    }
    if (const YamlNode* departments = keys.Find("departments")) ReadDepartments(*departments);
    ReadRules<pricing::Rate>(keys.Get("rates"), book_.rates, [&](Keys& of) { return ReadRate(of); });
    if (book_.rates.empty()) reader_.Fail(keys.Get("rates").place, "rates must have at least one");
    if (const YamlNode* rules = keys.Find("outcomes"))
      ReadRules<pricing::Outcome>(*rules, book_.outcomes, [&](Keys& of) { return ReadOutcome(of); });
    const auto reduction = [&](Keys& of) {
      pricing::Reduction made;
      made.share = Percent(of.Get("percent"));
      return made;
    };
    if (const YamlNode* rules = keys.Find("discounts"))
      ReadRules<pricing::Reduction>(*rules, book_.discounts, reduction);
    if (const YamlNode* rules = keys.Find("subsidies"))
      ReadRules<pricing::Reduction>(*rules, book_.subsidies, reduction);
    if (const YamlNode* quotas = keys.Find("free-quotas")) ReadAllowances(*quotas, book_.free_quotas);
    if (const YamlNode* budgets = keys.Find("budgets")) ReadAllowances(*budgets, book_.budgets);
    keys.Done();
    return std::move(book_);
  }

  // What was read besides the book itself.
  const std::string& more() const { return more_; }

 private:
  using Item = std::pair<std::string, Place>;

  std::string Text(const YamlNode& node) const {
    if (node.type != YamlNode::Type::kScalar)
      reader_.Fail(node.place, "this must be one value, not " + node.Describe());
    return node.text;
  }

  // One value is a list of one.
  std::vector<Item> List(const YamlNode& node) const {
    std::vector<Item> items;
    if (node.type != YamlNode::Type::kList) {
      items.emplace_back(Text(node), node.place);
      return items;
    }
    for (const auto& item : node.items) items.emplace_back(Text(*item), item->place);
    if (items.empty()) reader_.Fail(node.place, "this list must have at least one value");
    return items;
  }

  std::uint64_t Decimal(const YamlNode& node, int places) const {
    const auto value = pricing::ParseDecimal(Text(node), places);
    if (!value)
      reader_.Fail(node.place, log::Quote(node.text) + " is not a number such as 0.05, with at most " +
                                   std::to_string(places) + " places");
    return *value;
  }

  std::uint64_t Number(const YamlNode& node, std::uint64_t least, std::uint64_t most) const {
    const auto value = pricing::ParseDecimal(Text(node), 0);
    if (!value || *value < least || *value > most)
      reader_.Fail(node.place,
                   fmt::format("{} is not a whole number from {} to {}", log::Quote(node.text), least, most));
    return *value;
  }

  std::uint32_t Percent(const YamlNode& node) const {
    constexpr int kOfPercent = pricing::kSharePlaces - 2;
    const std::uint64_t value = Decimal(node, kOfPercent);
    if (value > pricing::kWhole)
      reader_.Fail(node.place, log::Quote(node.text) + " is more than 100 percent");
    return static_cast<std::uint32_t>(value);
  }

  // A day or an instant.
  std::int64_t Time(const std::string& text, Place place) const {
    try {
      const Epoch epoch = ParseEpoch(text);
      if (const auto* day = std::get_if<std::chrono::year_month_day>(&epoch.start)) {
        return calendar_.Midnight(static_cast<int>(day->year()), static_cast<unsigned>(day->month()),
                                  static_cast<unsigned>(day->day()));
      }
      if (const auto* instant = std::get_if<std::chrono::sys_seconds>(&epoch.start))
        return instant->time_since_epoch().count();
    } catch (const std::invalid_argument&) {  // said below
    }
    reader_.Fail(
        place, log::Quote(text) + " is not a day such as 2025-01-31, or a time such as 2025-01-31T12:00:00Z");
  }

  pricing::Span ReadSpan(Keys& keys) const {
    pricing::Span span;
    if (const YamlNode* from = keys.Find("from")) span.from = Time(Text(*from), from->place);
    if (const YamlNode* to = keys.Find("to")) {
      span.to = Time(Text(*to), to->place);
      if (span.to <= span.from) reader_.Fail(to->place, "to must be later than from");
    }
    return span;
  }

  Names NamesOf(Keys& keys, const std::string& key, bool lower) const {
    Names names;
    const YamlNode* node = keys.Find(key);
    if (node == nullptr) return names;
    for (const auto& [name, place] : List(*node)) {
      if (name.empty() && key != "department") reader_.Fail(place, "a name must not be empty");
      names.push_back(lower ? LowerCase(name) : name);
    }
    return names;
  }

  Match ReadMatch(Keys& keys) const {
    return {NamesOf(keys, "cluster", true), NamesOf(keys, "partition", false),  NamesOf(keys, "qos", true),
            NamesOf(keys, "account", true), NamesOf(keys, "department", false), ReadSpan(keys)};
  }

  // `read` makes a rule, but for its match.
  template <typename Rule>
  void ReadRules(const YamlNode& node, std::vector<Rule>& rules, const std::function<Rule(Keys&)>& read) {
    if (node.type != YamlNode::Type::kList)
      reader_.Fail(node.place, "this must be a list of rules, not " + node.Describe());
    std::vector<Place> places;
    for (const auto& item : node.items) {
      Keys keys(reader_, *item, "a rule");
      Match match = ReadMatch(keys);
      Rule rule = read(keys);
      rule.match = std::move(match);
      keys.Done();
      for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!Hides(rules[i], rule)) continue;
        reader_.Fail(item->place,
                     fmt::format("this never holds: the one at line {} comes first, and is for all "
                                 "that this one is for",
                                 places[i].line));
      }
      rules.push_back(std::move(rule));
      places.push_back(item->place);
    }
  }

  template <typename Rule>
  static bool Hides(const Rule& earlier, const Rule& later) {
    return earlier.match.Covers(later.match);
  }
  static bool Hides(const pricing::Outcome& earlier, const pricing::Outcome& later) {
    const auto is_of_earlier = [&](slurmdb::JobState state) {
      return std::find(earlier.states.begin(), earlier.states.end(), state) != earlier.states.end();
    };
    const bool states =
        earlier.states.empty() ||
        (!later.states.empty() && std::all_of(later.states.begin(), later.states.end(), is_of_earlier));
    const bool lengths =
        !earlier.shorter_than || (later.shorter_than && *later.shorter_than <= *earlier.shorter_than);
    return states && lengths && earlier.match.Covers(later.match);
  }

  std::string Tres(const std::string& name, Place place) const {
    static const std::set<std::string> kPlain = {"cpu", "mem", "energy", "node", "billing", "vmem", "pages"};
    for (const char* type : {"gres/", "license/", "bb/", "fs/", "ic/"}) {
      if (name.starts_with(type) && name.size() > std::string_view(type).size()) return name;
    }
    if (!kPlain.contains(name))
      reader_.Fail(place, log::Quote(name) +
                              " is not a TRES such as cpu, mem, gres/gpu, gres/gpu:a100 or license/matlab" +
                              DidYouMean(name, {kPlain.begin(), kPlain.end()}));
    return name;
  }

  pricing::Rate ReadRate(Keys& keys) const {
    pricing::Rate rate;
    std::set<std::string> priced;
    const std::pair<const char*, pricing::Combine> kinds[] = {
        {"sum", pricing::Combine::kSum}, {"max", pricing::Combine::kMax}, {"min", pricing::Combine::kMin}};
    for (const auto& [kind, combine] : kinds) {
      const YamlNode* prices = keys.Find(kind);
      if (prices == nullptr) continue;
      if (prices->type != YamlNode::Type::kMap)
        reader_.Fail(prices->place,
                     std::string(kind) + " must be a map of TRES to prices, not " + prices->Describe());
      for (const auto& [key, value] : prices->entries) {
        const std::string tres = Tres(Text(*key), key->place);
        if (!priced.insert(tres).second) reader_.Fail(key->place, tres + " has two prices");
        if (tres == "energy" && combine != pricing::Combine::kSum)
          reader_.Fail(key->place, "energy can only be in sum: it is known when a job is over");
        const int places = tres == "energy" ? pricing::kEnergyPricePlaces : pricing::kPricePlaces;
        const std::uint64_t price =
            Decimal(*value, places) * pricing::PowerOfTen(pricing::kPricePlaces - places);
        if (price > pricing::kMostPrice) reader_.Fail(value->place, "a price can be a million at most");
        rate.prices.push_back({tres, price, combine});
      }
    }
    if (rate.prices.empty()) reader_.Fail(keys.place(), "a rate needs prices: sum, max or min");
    return rate;
  }

  pricing::Outcome ReadOutcome(Keys& keys) const {
    pricing::Outcome outcome;
    if (const YamlNode* states = keys.Find("state")) {
      for (const auto& [name, place] : List(*states)) outcome.states.push_back(State(name, place));
    }
    if (const YamlNode* shorter = keys.Find("shorter-than")) {
      try {
        outcome.shorter_than =
            std::chrono::duration_cast<std::chrono::seconds>(ParseDuration(Text(*shorter))).count();
      } catch (const std::invalid_argument& error) {
        reader_.Fail(shorter->place, error.what());
      }
    }
    if (outcome.states.empty() && !outcome.shorter_than)
      reader_.Fail(keys.place(), "an outcome needs state or shorter-than");
    outcome.share = Percent(keys.Get("charged-percent"));
    return outcome;
  }

  slurmdb::JobState State(const std::string& name, Place place) const {
    Names finals;
    for (std::size_t i = 0; i < slurmdb::kJobStates; ++i) {
      const auto state = static_cast<slurmdb::JobState>(i);
      if (state <= slurmdb::JobState::kSuspended || state == slurmdb::JobState::kUnknown) continue;
      if (slurmdb::JobStateName(state) == name) return state;
      finals.emplace_back(slurmdb::JobStateName(state));
    }
    reader_.Fail(place, log::Quote(name) + " is not a state in which jobs end" + DidYouMean(name, finals));
  }

  void ReadAllowances(const YamlNode& node, std::vector<pricing::Allowance>& allowances) const {
    if (node.type != YamlNode::Type::kList)
      reader_.Fail(node.place, "this must be a list, not " + node.Describe());
    for (const auto& item : node.items) {
      Keys keys(reader_, *item, "an amount");
      pricing::Allowance made;
      if (const YamlNode* cluster = keys.Find("cluster")) made.cluster = LowerCase(Text(*cluster));
      if (const YamlNode* account = keys.Find("account")) made.account = LowerCase(Text(*account));
      if (const YamlNode* department = keys.Find("department")) made.department = Text(*department);
      if (made.account.empty() == made.department.empty())
        reader_.Fail(item->place, "this needs either an account or a department");
      made.period = Period(keys.Get("period"));
      made.amount = static_cast<pricing::Money>(Decimal(keys.Get("amount"), book_.digits));
      made.span = ReadSpan(keys);
      keys.Done();
      for (const pricing::Allowance& other : allowances) {
        if (other.cluster == made.cluster && other.account == made.account &&
            other.department == made.department && other.period == made.period &&
            other.span.Overlaps(made.span))
          reader_.Fail(item->place, "there are two of these at a time");
      }
      allowances.push_back(std::move(made));
    }
  }

  pricing::CostPeriod Period(const YamlNode& node) const {
    for (const auto period :
         {pricing::CostPeriod::kMonth, pricing::CostPeriod::kQuarter, pricing::CostPeriod::kYear}) {
      if (Text(node) == pricing::CostPeriodName(period)) return period;
    }
    reader_.Fail(node.place, log::Quote(node.text) + " is not one of month, quarter, year");
  }

  void ReadDepartments(const YamlNode& node) {
    Keys keys(reader_, node, "departments");
    const YamlNode& by = keys.Get("by");
    const std::string way = Text(by);
    const YamlNode* accounts = keys.Find("accounts");
    const YamlNode* file = keys.Find("file");
    if (way == "organization") {
      book_.departments = pricing::Departments::ByOrganization();
    } else if (way == "accounts") {
      Names names;
      for (const auto& [name, place] : List(keys.Get("accounts"))) names.push_back(name);
      book_.departments = pricing::Departments::ByTree(names);
    } else if (way == "file") {
      const std::string path = std::filesystem::path(folder_) / Text(keys.Get("file"));
      try {
        more_ = ReadFile(path);
      } catch (const std::runtime_error& error) {
        reader_.Fail(file->place, error.what());
      }
      book_.departments = ReadList(path, more_);
    } else {
      reader_.Fail(by.place, log::Quote(way) + " is not one of organization, accounts, file");
    }
    if (accounts != nullptr && way != "accounts")
      reader_.Fail(accounts->place, "accounts is only for by: accounts");
    if (file != nullptr && way != "file") reader_.Fail(file->place, "file is only for by: file");
    keys.Done();
  }

  // The fields of a line of CSV; a quote that is not closed is taken to the end.
  static Names Fields(const std::string& line) {
    Names fields(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[i++];
      } else if (line[i] == '"') {
        quoted = !quoted;
      } else if (line[i] == ',' && !quoted) {
        fields.emplace_back();
      } else {
        fields.back() += line[i];
      }
    }
    return fields;
  }

  pricing::Departments ReadList(const std::string& path, const std::string& text) const {
    const YamlReader csv(path);  // for its places
    std::size_t columns = 0;
    std::vector<pricing::DepartmentEntry> entries;
    const std::string mark = "\xef\xbb\xbf";  // spreadsheets like to begin with it
    std::size_t at = text.starts_with(mark) ? mark.size() : 0;
    for (int line = 1; at < text.size(); ++line) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string one = text.substr(at, end - at);
      at = end + 1;
      if (one.ends_with('\r')) one.pop_back();
      Names fields = Fields(one);
      if (line == 1) {
        const Names whole = {"account", "department", "from", "to"};
        if (fields.size() < 2 || fields.size() > whole.size() ||
            !std::equal(fields.begin(), fields.end(), whole.begin()))
          csv.Fail({1, 1}, "the first line must be account,department or account,department,from,to");
        columns = fields.size();
        continue;
      }
      if (one.empty()) continue;
      if (fields.size() != columns)
        csv.Fail({line, 1}, fmt::format("there are {} fields, not {}", fields.size(), columns));
      fields.resize(4);
      if (fields[0].empty()) csv.Fail({line, 1}, "the account is missing");
      pricing::DepartmentEntry entry{fields[0], fields[1], {}};
      const BookReader times(csv, calendar_, folder_);
      if (!fields[2].empty()) entry.span.from = times.Time(fields[2], {line, 1});
      if (!fields[3].empty()) entry.span.to = times.Time(fields[3], {line, 1});
      if (entry.span.to <= entry.span.from) csv.Fail({line, 1}, "to must be later than from");
      entries.push_back(std::move(entry));
    }
    try {
      return pricing::Departments::ByList(std::move(entries));
    } catch (const std::invalid_argument& error) {
      throw ConfigError(path + ": " + error.what());
    }
  }

  const YamlReader& reader_;
  const slurmdb::Calendar& calendar_;
  std::string folder_;
  std::string more_;
  pricing::PriceBook book_;
};

}  // namespace

pricing::PriceBook ReadPriceBook(const std::string& path, const slurmdb::Calendar& calendar) {
  std::string text;
  try {
    text = ReadFile(path);
  } catch (const std::runtime_error& error) {
    throw ConfigError(error.what());
  }
  const YamlReader yaml(path);
  const std::unique_ptr<YamlNode> root = yaml.Parse(text);
  if (root == nullptr) yaml.Fail({}, "there is nothing in it");
  BookReader reader(yaml, calendar, std::filesystem::path(path).parent_path());
  pricing::PriceBook book = reader.Read(*root);
  book.sha256 = Sha256(text + reader.more());
  return book;
}

}  // namespace exporter
