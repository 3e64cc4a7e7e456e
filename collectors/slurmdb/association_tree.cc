#include "collectors/slurmdb/association_tree.h"

#include <set>
#include <utility>

#include "collectors/slurmdb/lower_case.h"

namespace slurmdb {

AssociationTree::AssociationTree(std::vector<AssociationRow> rows) {
  for (AssociationRow& row : rows) {
    if (row.user.empty()) accounts_[LowerCase(row.account)] = row.id;
    const std::uint32_t id = row.id;
    rows_.insert_or_assign(id, std::move(row));
  }
}

const AssociationRow* AssociationTree::Find(std::uint32_t id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second;
}

const AssociationRow* AssociationTree::FindAccount(std::string_view account) const {
  const auto found = accounts_.find(LowerCase(account));
  return found == accounts_.end() ? nullptr : Find(found->second);
}

const AssociationRow* AssociationTree::ParentOf(const AssociationRow& row) const {
  const AssociationRow* parent = row.id_parent != 0 ? Find(row.id_parent) : nullptr;
  if (parent == nullptr) {
    if (!row.user.empty()) {
      parent = FindAccount(row.account);
    } else if (LowerCase(row.account) != "root") {
      parent = FindAccount(row.parent_account.empty() ? "root" : row.parent_account);
    }
  }
  return parent == nullptr || parent->id == row.id ? nullptr : parent;
}

std::vector<const std::string*> AssociationTree::Accounts(std::uint32_t id) const {
  std::vector<const std::string*> names;
  std::set<std::uint32_t> met;
  const AssociationRow* row = Find(id);
  // A user's own account counts even when the account's row is gone.
  if (row != nullptr && !row->user.empty()) {
    const AssociationRow* account = FindAccount(row->account);
    if (account == nullptr) names.push_back(&row->account);
    row = account;
  }
  for (; row != nullptr && met.insert(row->id).second; row = ParentOf(*row)) names.push_back(&row->account);
  return names;
}

std::string AssociationTree::PathOf(const AssociationRow& account) const {
  std::vector<const std::string*> names = Accounts(account.id);
  if (!names.empty() && LowerCase(*names.back()) == "root") names.pop_back();
  if (names.empty()) return "/";
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += "/" + **name;
  return path;
}

}  // namespace slurmdb
