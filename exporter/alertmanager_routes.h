// Alertmanager's configuration with the coordinators of accounts filled in: alerts about an account go to the
// people who coordinate it.
//
//   const CoordinatorMail mail = CoordinatorsOf(view, address_of);
//   out << FillRoutes(base_text, mail);
//
// The file's form, and whose mail it is, is described in deploy/alertmanager/README.md.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/accounting_source.h"

namespace exporter {

struct CoordinatorMail {
  using Users = std::set<std::string>;

  // By cluster and its coordinators: the accounts that are theirs.
  std::map<std::string, std::map<Users, std::set<std::string>>> accounts;
  std::map<std::string, std::string> addresses;  // of the users in there
};

// A user's address. None: nobody has said so; empty: this user gets no mail.
using AddressOf = std::function<std::optional<std::string>(const std::string& user)>;

// `view`: with Book::kCoordinators. An account's coordinators are those of its own who have an address, else
// those of the nearest account above that has some. `without`: coordinators of whom there is no address.
CoordinatorMail CoordinatorsOf(const slurmdb::AccountingView& view, const AddressOf& address_of,
                               std::set<std::string>& without);

// `base` with what belongs after its two marker lines. Throws std::runtime_error that names a marker which is
// not there exactly once.
std::string FillRoutes(std::string_view base, const CoordinatorMail& mail);

}  // namespace exporter
