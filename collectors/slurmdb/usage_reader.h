// The usage tables of one cluster, as the rows a UsageBook asks for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"
#include "collectors/slurmdb/usage_book.h"

namespace slurmdb {

class Connection;
class Schema;

// The name of a usage table, unquoted. `kind`: "assoc_", "wckey_", "qos_"; empty for the cluster's own.
std::string UsageTableName(const std::string& cluster, const char* kind, UsageLevel level);

// last_ran_table: how far roll-ups have come. None before the first one.
std::optional<ByLevel<std::int64_t>> ReadLastRan(Connection& db, const std::string& cluster);

class UsageReader : public UsageSource {
 public:
  // What can have usage: where no index leads to rows by their time, they are asked for by these ids.
  struct Ids {
    std::vector<std::uint32_t> associations;
    std::vector<std::uint32_t> wckeys;
    std::vector<std::uint32_t> tres;
    std::vector<std::uint32_t> qos;  // for ReadWithin
  };

  // Those of all that has a name.
  static Ids IdsOf(const AssociationTree& associations, const std::map<std::uint32_t, WckeyRow>& wckeys,
                   const std::map<std::uint32_t, std::string>& qos, const TresCatalog& tres);

  // `db` and `schema` are kept by reference.
  UsageReader(Connection& db, const Schema& schema, const std::string& cluster, Ids ids);

  // The tables it reads, unquoted, for Schema::Probe.
  static std::vector<std::string> Tables(const std::string& cluster);

  bool Has(UsageKind kind) const override;
  UsageMarks ReadMarks(const std::vector<UsageWitness>& witnesses) override;
  ByLevel<UsageStamps> ReadStamps(const ByLevel<std::int64_t>& from) override;
  void Read(UsageKind kind, UsageLevel level, std::int64_t from, std::optional<std::int64_t> changed_after,
            const Sink& sink) override;
  // Rows with from <= time_start < to, a short time.
  void ReadWithin(UsageKind kind, UsageLevel level, std::int64_t from, std::int64_t to, const Sink& sink);

 private:
  std::string Name(UsageKind kind, UsageLevel level) const;
  void Fetch(UsageKind kind, const std::string& purpose, const std::string& from_where, const Sink& sink);
  // Rows of all ids where `and_where` holds too, by PRIMARY.
  void FetchByIds(UsageKind kind, const std::string& purpose, const std::string& table,
                  const std::string& and_where, const Sink& sink);

  Connection& db_;
  const Schema& schema_;
  std::string cluster_;
  Ids ids_;
};

}  // namespace slurmdb
