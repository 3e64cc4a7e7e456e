// Who says what jobs are charged (see JobCharges). The accounting database does not know money, so it is
// somebody else's: the books only ask.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collectors/slurmdb/association_tree.h"
#include "collectors/slurmdb/job_ledger.h"
#include "collectors/slurmdb/rows.h"
#include "collectors/slurmdb/tres.h"

namespace slurmdb {

// The names of one cluster, as they are now.
struct ClusterNames {
  std::string cluster;
  const AssociationTree* associations = nullptr;
  const std::vector<AccountRow>* accounts = nullptr;
  const std::map<std::uint32_t, std::string>* qos = nullptr;
  const TresCatalog* tres = nullptr;
};

class Tariff {
 public:
  virtual ~Tariff() = default;
  // From when on jobs are to be charged at `time`; stays the same for weeks.
  virtual std::int64_t EpochAt(std::int64_t time) const = 0;
  // With what is needed of the names copied.
  virtual std::shared_ptr<JobCharges> ChargesOf(const ClusterNames& names, std::int64_t epoch) const = 0;
};

}  // namespace slurmdb
