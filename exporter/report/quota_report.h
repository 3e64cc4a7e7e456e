// What is used of the budgets that slurmctld holds accounts, users and QOS to: GrpTRESMins and GrpWall.
#pragma once

#include <vector>

#include "collectors/slurmdb/cluster_books.h"
#include "exporter/report/checks.h"
#include "exporter/report/request.h"
#include "exporter/report/sheet.h"

namespace exporter::report {

// A line a budget and TRES, as of request.as_of; limits are those of today, which is all the database has.
// Returns whether what is used is what slurmctld counts, for each cluster. Throws slurmdb::DatabaseError.
std::vector<Check> MakeQuota(const Request& request, slurmdb::AccountingOptions options, Head head,
                             Sheet& sheet);

}  // namespace exporter::report
