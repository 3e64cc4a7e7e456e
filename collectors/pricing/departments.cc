#include "collectors/pricing/departments.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include "collectors/slurmdb/lower_case.h"

namespace pricing {

using slurmdb::LowerCase;

namespace {

void AddBorders(const std::vector<DepartmentEntry>& entries, std::set<std::int64_t>& borders) {
  for (const DepartmentEntry& entry : entries) {
    if (entry.span.from > 0) borders.insert(entry.span.from);
    if (entry.span.to != Span::kEver) borders.insert(entry.span.to);
  }
}

}  // namespace

Departments Departments::ByOrganization() {
  Departments departments;
  departments.by_organization_ = true;
  return departments;
}

Departments Departments::ByTree(const std::vector<std::string>& accounts) {
  Departments departments;
  for (const std::string& account : accounts)
    departments.entries_[LowerCase(account)] = {{account, account, {}}};
  return departments;
}

Departments Departments::ByList(std::vector<DepartmentEntry> entries) {
  Departments departments;
  for (DepartmentEntry& entry : entries) {
    std::vector<DepartmentEntry>& others = departments.entries_[LowerCase(entry.account)];
    for (const DepartmentEntry& other : others) {
      if (other.span.Overlaps(entry.span))
        throw std::invalid_argument("account " + entry.account + " is in two departments at a time, " +
                                    other.department + " and " + entry.department);
    }
    others.push_back(std::move(entry));
  }
  return departments;
}

const std::string* Departments::At(const std::vector<std::string>& accounts,
                                   const std::map<std::string, std::string>& organizations,
                                   std::int64_t time) const {
  for (const std::string& account : accounts) {
    const std::string name = LowerCase(account);
    if (by_organization_) {
      const auto found = organizations.find(name);
      // sacctmgr gives what is above to an account that is added without one: in the end, root.
      if (found != organizations.end() && !found->second.empty() && LowerCase(found->second) != "root")
        return &found->second;
      continue;
    }
    const auto found = entries_.find(name);
    if (found == entries_.end()) continue;
    for (const DepartmentEntry& entry : found->second) {
      if (entry.span.Contains(time)) return &entry.department;
    }
  }
  return nullptr;
}

std::vector<DepartmentSince> Departments::Of(const std::vector<std::string>& accounts,
                                             const std::map<std::string, std::string>& organizations) const {
  std::set<std::int64_t> borders = {0};
  for (const std::string& account : accounts) {
    const auto known = entries_.find(LowerCase(account));
    if (known != entries_.end()) AddBorders(known->second, borders);
  }
  std::vector<DepartmentSince> found;
  for (const std::int64_t from : borders) {
    const std::string* name = At(accounts, organizations, from);
    DepartmentSince since{from, name == nullptr ? "" : *name};
    if (found.empty() || found.back().name != since.name) found.push_back(std::move(since));
  }
  return found;
}

std::vector<std::int64_t> Departments::Borders() const {
  std::set<std::int64_t> borders;
  for (const auto& [account, entries] : entries_) AddBorders(entries, borders);
  return {borders.begin(), borders.end()};
}

const std::string& DepartmentAt(const std::vector<DepartmentSince>& departments, std::int64_t time) {
  const auto after =
      std::upper_bound(departments.begin(), departments.end(), time,
                       [](std::int64_t wanted, const DepartmentSince& since) { return wanted < since.from; });
  return (after == departments.begin() ? after : std::prev(after))->name;
}

}  // namespace pricing
