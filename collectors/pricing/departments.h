// Who pays for an account: its department.
//
//   Departments departments = Departments::ByTree({"science", "engineering"});
//   departments.Of({"optics", "physics", "science", "root"}, organizations);   // "science", at all times
//
// An account that no department is known for belongs to the one with the empty name, so that nothing is lost.
// Accounts are compared without regard to case, as the database does; times are epoch seconds.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace pricing {

// From `from` (included) until `to` (not included).
struct Span {
  static constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

  std::int64_t from = 0;
  std::int64_t to = kEver;

  bool Contains(std::int64_t time) const { return time >= from && time < to; }
  bool Contains(const Span& other) const { return from <= other.from && other.to <= to; }
  bool Overlaps(const Span& other) const { return from < other.to && other.from < to; }
  bool operator==(const Span&) const = default;
};

// The department from an instant until the next one begins.
struct DepartmentSince {
  std::int64_t from = 0;
  std::string name;

  bool operator==(const DepartmentSince&) const = default;
};

// A line of a list of accounts.
struct DepartmentEntry {
  std::string account;
  std::string department;
  Span span;
};

class Departments {
 public:
  // All in the one with the empty name.
  Departments() = default;
  // The organization of the account; where it has none, that of the nearest account above that has one.
  // "root" is none.
  static Departments ByOrganization();
  // The nearest of these accounts, the account itself included.
  static Departments ByTree(const std::vector<std::string>& accounts);
  // What the list says of the account at that time, else of the nearest account above. Throws
  // std::invalid_argument when two entries of an account overlap.
  static Departments ByList(std::vector<DepartmentEntry> entries);

  // `accounts`: an account, then those above it up to the root. `organizations`: by account in lower case. By
  // time; the first is from 0 on.
  std::vector<DepartmentSince> Of(const std::vector<std::string>& accounts,
                                  const std::map<std::string, std::string>& organizations) const;
  bool by_organization() const { return by_organization_; }
  // When any account may change its department, sorted.
  std::vector<std::int64_t> Borders() const;

 private:
  const std::string* At(const std::vector<std::string>& accounts,
                        const std::map<std::string, std::string>& organizations, std::int64_t time) const;

  bool by_organization_ = false;
  std::map<std::string, std::vector<DepartmentEntry>> entries_;  // by account in lower case
};

// The one at that time.
const std::string& DepartmentAt(const std::vector<DepartmentSince>& departments, std::int64_t time);

}  // namespace pricing
