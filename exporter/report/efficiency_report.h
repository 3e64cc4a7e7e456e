// What the jobs that ended in a period used of what they had, as seff has it.
#pragma once

#include "collectors/pricing/departments.h"
#include "collectors/slurmdb/cluster_books.h"
#include "collectors/slurmdb/history.h"
#include "exporter/report/request.h"
#include "exporter/report/sheet.h"

namespace exporter::report {

// A line for each combination with jobs that ran and ended within the window, sorted. The same figures as the
// collector `efficiency` has. Departments are those at the window's end. Throws slurmdb::DatabaseError.
void MakeEfficiency(const Request& request, slurmdb::AccountingOptions options, slurmdb::History& history,
                    const pricing::Departments& departments, Head head, Sheet& sheet);

}  // namespace exporter::report
