// Prices rows by a price book, for another program that does the same in its own way.
//
//   price_rows BOOK ZONE BORDER… <rows
//
// Lines of stdin, fields separated by tabs:
//   org  ACCOUNT  ORGANIZATION
//   row  CLUSTER  PARTITION  QOS  ACCOUNT/PARENT/…  STATE  OVER  START  END  FROM-TO,…  ID=COUNT,…
// And of stdout, for each row and each window between two borders in which it has something:
//   NUMBER  WINDOW  LIST  BILLED  SUBSIDY  ID=SECONDS,…    amounts in the unit the book rounds to; then what
//   has no price
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "collectors/pricing/price_book.h"
#include "collectors/slurmdb/lower_case.h"
#include "exporter/settings/price_book_file.h"

namespace {

using slurmdb::LowerCase;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

slurmdb::TresCatalog Catalog() {
  slurmdb::TresCatalog catalog;
  catalog.Add(slurmdb::kTresCpu, "cpu", "");
  catalog.Add(slurmdb::kTresMem, "mem", "");
  catalog.Add(slurmdb::kTresEnergy, "energy", "");
  catalog.Add(slurmdb::kTresNode, "node", "");
  catalog.Add(slurmdb::kTresBilling, "billing", "");
  catalog.Add(1001, "gres", "gpu");
  catalog.Add(1002, "gres", "gpu:a100");
  catalog.Add(1003, "license", "matlab");
  catalog.Add(1004, "bb", "burst");
  return catalog;
}

slurmdb::JobState StateOf(const std::string& name) {
  for (std::size_t i = 0; i < slurmdb::kJobStates; ++i) {
    const auto state = static_cast<slurmdb::JobState>(i);
    if (slurmdb::JobStateName(state) == name) return state;
  }
  throw std::invalid_argument(name + " is not a state");
}

int Run(int argc, char** argv) {
  if (argc < 5) throw std::invalid_argument("usage: price_rows BOOK ZONE BORDER BORDER…");
  const pricing::PriceBook book = exporter::ReadPriceBook(argv[1], slurmdb::Calendar(argv[2]));
  std::vector<std::int64_t> borders;
  for (int i = 3; i < argc; ++i) borders.push_back(std::stoll(argv[i]));
  const slurmdb::TresCatalog catalog = Catalog();
  const pricing::PriceTable table(book, catalog);
  std::map<std::string, std::string> organizations;
  std::string line;
  for (std::size_t number = 0; std::getline(std::cin, line);) {
    const std::vector<std::string> fields = Split(line, '\t');
    if (fields.at(0) == "org") {
      organizations[LowerCase(fields.at(1))] = fields.at(2);
      continue;
    }
    pricing::Payer payer{LowerCase(fields.at(1)), fields.at(2), LowerCase(fields.at(3)), {}, {}};
    const std::vector<std::string> accounts = Split(fields.at(4), '/');
    for (const std::string& account : accounts) payer.accounts.push_back(LowerCase(account));
    payer.departments = book.departments.Of(accounts, organizations);
    pricing::PricedRow row;
    row.state = StateOf(fields.at(5));
    row.over = fields.at(6) == "1";
    row.start = std::stoll(fields.at(7));
    row.end = std::stoll(fields.at(8));
    for (const std::string& pause : Split(fields.at(9), ',')) {
      if (pause.empty()) continue;
      const std::vector<std::string> times = Split(pause, '-');
      row.pauses.push_back({std::stoll(times.at(0)), std::stoll(times.at(1))});
    }
    const slurmdb::TresCounts tres = slurmdb::ParseTres(fields.at(10));
    row.tres = &tres;
    table.Spread(table.PlanFor(payer), row, borders, [&](std::size_t window, const pricing::Charge& charge) {
      std::string unpriced;
      for (const auto& [id, amount] : charge.unpriced)
        unpriced += fmt::format("{}{}={}", unpriced.empty() ? "" : ",", id, amount);
      fmt::print("{}\t{}\t{}\t{}\t{}\t{}\n", number, window, charge.list, charge.billed, charge.subsidy,
                 unpriced);
    });
    ++number;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "price_rows: %s\n", error.what());
    return 1;
  }
}
