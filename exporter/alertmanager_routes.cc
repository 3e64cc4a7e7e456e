#include "exporter/alertmanager_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "collectors/slurmdb/lower_case.h"
#include "exporter/log.h"

namespace exporter {
namespace {

using slurmdb::LowerCase;

constexpr std::string_view kRoutesMarker = "# slurmdbd_exporter: coordinator routes";
constexpr std::string_view kReceiversMarker = "# slurmdbd_exporter: coordinator receivers";

// A YAML scalar in single quotes.
std::string Quoted(std::string_view text) {
  std::string out(1, '\'');
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  out += '\'';
  return out;
}

// A matcher as a YAML scalar: name, operator and value, the value in double quotes.
std::string Matcher(std::string_view name_and_operator, std::string_view value) {
  std::string out(name_and_operator);
  out += '"';
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return Quoted(out + '"');
}

// Matches this text and no other.
std::string Re2Of(std::string_view text) {
  constexpr std::string_view kSpecial = "\\.+*?()|[]{}^$";
  std::string out;
  for (const char c : text) {
    if (kSpecial.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string ReceiverName(const CoordinatorMail::Users& users) {
  return fmt::format("coordinators {}", fmt::join(users, ", "));
}

// Lines of generated text, without the blanks before them.
using Lines = std::vector<std::string>;

Lines Routes(const CoordinatorMail& mail) {
  Lines lines;
  for (const auto& [cluster, sets] : mail.accounts) {
    std::map<std::string, const std::set<std::string>*> by_receiver;
    for (const auto& [users, accounts] : sets) by_receiver.emplace(ReceiverName(users), &accounts);
    for (const auto& [receiver, accounts] : by_receiver) {
      std::string any;
      for (const std::string& account : *accounts)
        any += fmt::format("{}{}", any.empty() ? "" : "|", Re2Of(account));
      lines.push_back(
          fmt::format("- matchers: [{}, {}]", Matcher("cluster=", cluster), Matcher("account=~", any)));
      lines.push_back(fmt::format("  receiver: {}", Quoted(receiver)));
    }
  }
  return lines;
}

Lines Receivers(const CoordinatorMail& mail) {
  std::map<std::string, CoordinatorMail::Users> receivers;
  for (const auto& [cluster, sets] : mail.accounts) {
    for (const auto& [users, accounts] : sets) receivers.emplace(ReceiverName(users), users);
  }
  Lines lines;
  for (const auto& [name, users] : receivers) {
    std::string to;
    for (const std::string& user : users)
      to += fmt::format("{}{}", to.empty() ? "" : ", ", mail.addresses.at(user));
    lines.push_back(fmt::format("- name: {}", Quoted(name)));
    lines.emplace_back("  email_configs:");
    lines.push_back(fmt::format("    - to: {}", Quoted(to)));
    lines.emplace_back("      send_resolved: true");
    lines.emplace_back("      headers: {Subject: '{{ template \"slurmdbd.quota.subject\" . }}'}");
    lines.emplace_back("      html: ''");
    lines.emplace_back("      text: '{{ template \"slurmdbd.quota.text\" . }}'");
  }
  return lines;
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; });
}

}  // namespace

CoordinatorMail CoordinatorsOf(const slurmdb::AccountingView& view, const AddressOf& address_of,
                               std::set<std::string>& without) {
  CoordinatorMail mail;
  std::map<std::string, CoordinatorMail::Users> of_account;  // in lower case; with an address
  for (const slurmdb::CoordinatorRow& row : *view.coordinators) {
    const std::optional<std::string> address = address_of(row.user);
    if (!address) {
      without.insert(row.user);
    } else if (!address->empty()) {
      of_account[LowerCase(row.account)].insert(row.user);
      mail.addresses[row.user] = *address;
    }
  }
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    for (const auto& [id, row] : cluster.associations->rows()) {
      // A line break cannot be in a matcher, nor in what Slurm takes for an account.
      if (row.deleted || !row.user.empty() || HasControl(row.account)) continue;
      for (const std::string* account : cluster.associations->Accounts(id)) {
        const auto found = of_account.find(LowerCase(*account));
        if (found == of_account.end()) continue;
        mail.accounts[std::string(cluster.name)][found->second].insert(row.account);
        break;
      }
    }
  }
  return mail;
}

std::string FillRoutes(std::string_view base, const CoordinatorMail& mail) {
  struct Marker {
    std::string_view text;
    Lines lines;
    int met = 0;
  };
  std::array markers = {Marker{kRoutesMarker, Routes(mail)}, Marker{kReceiversMarker, Receivers(mail)}};
  std::string out;
  while (!base.empty()) {
    const std::size_t end = std::min(base.find('\n'), base.size() - 1) + 1;
    const std::string_view line = base.substr(0, end);
    base.remove_prefix(end);
    out += line;
    const std::string_view text = line.substr(0, line.find('\n'));
    const std::string_view blanks = text.substr(0, text.find_first_not_of(" \t"));
    for (Marker& marker : markers) {
      if (text.substr(blanks.size()) != marker.text) continue;
      ++marker.met;
      if (!marker.lines.empty() && !line.ends_with('\n')) out += '\n';
      for (const std::string& generated : marker.lines) out += fmt::format("{}{}\n", blanks, generated);
    }
  }
  for (const Marker& marker : markers) {
    if (marker.met == 1) continue;
    throw std::runtime_error(fmt::format("the line {} is {}", log::Quote(marker.text),
                                         marker.met == 0 ? "missing" : "there more than once"));
  }
  return out;
}

}  // namespace exporter
