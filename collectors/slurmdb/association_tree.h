// The accounts and users of one cluster as the tree they form, deleted ones included: history hangs on them.
//
//   AssociationTree tree(rows);
//   tree.Find(11)->user;             // "alice"
//   for (const std::string* account : tree.Accounts(11)) …   // "physics", "science", "root"
//
// A parent is id_parent where the schema has it (23.11 and later), else the account row named by parent_acct;
// lft and rgt are not used, since releases that have both keep them only for old controllers. Account names
// are compared without regard to case, as the database does.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/rows.h"

namespace slurmdb {

class AssociationTree {
 public:
  AssociationTree() = default;
  explicit AssociationTree(std::vector<AssociationRow> rows);

  // None: nullptr.
  const AssociationRow* Find(std::uint32_t id) const;
  // The account's own row; none: nullptr.
  const AssociationRow* FindAccount(std::string_view account) const;
  // Row above: of a user its account, of an account the one it belongs to. None: nullptr.
  const AssociationRow* ParentOf(const AssociationRow& row) const;
  // Names of the accounts that what is charged to this association counts for: its own, then upwards to the
  // root. Empty for an unknown id. Ends where a parent is missing or comes twice.
  std::vector<const std::string*> Accounts(std::uint32_t id) const;
  // "/science/physics", "/" for the root, as Slurm's own lineage has it without the last slash.
  std::string PathOf(const AssociationRow& account) const;

  // By id.
  const std::map<std::uint32_t, AssociationRow>& rows() const { return rows_; }

 private:
  std::map<std::uint32_t, AssociationRow> rows_;
  std::map<std::string, std::uint32_t> accounts_;  // name in lower case -> id of its own row
};

}  // namespace slurmdb
