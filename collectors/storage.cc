#include "collectors/storage.h"

#include <string>

#include "collectors/families.h"
#include "collectors/slurmdb/storage_reader.h"

namespace collectors {

Families CollectStorage(const slurmdb::AccountingView& view, const CollectorOptions& /*options*/) {
  GaugeFamily rows("slurmdbd_table_rows", "Rows of a table, as the database server estimates them.",
                   {"cluster", "table"});
  GaugeFamily bytes("slurmdbd_table_bytes",
                    "Size of a table with its indexes, as the database server estimates it.",
                    {"cluster", "table"});
  GaugeFamily oldest("slurmdbd_oldest_job_timestamp_seconds",
                     "When the job that ended first, of those still in job_table, ended.", {"cluster"});
  for (const slurmdb::ClusterView& cluster : view.clusters) {
    const std::string name(cluster.name);
    for (const slurmdb::TableSize& size : cluster.storage->tables) {
      if (size.rows) rows.Add({name, size.table}, static_cast<double>(*size.rows));
      if (size.bytes) bytes.Add({name, size.table}, static_cast<double>(*size.bytes));
    }
    if (cluster.storage->oldest_job_end)
      oldest.Add({name}, static_cast<double>(*cluster.storage->oldest_job_end));
  }
  Families families;
  for (GaugeFamily* family : {&rows, &bytes, &oldest}) families.push_back(std::move(*family).Build());
  return families;
}

}  // namespace collectors
