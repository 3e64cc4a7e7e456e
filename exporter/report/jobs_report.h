// Job rows of a period, as `sacct -D -X` lists them.
#pragma once

#include "collectors/slurmdb/history.h"
#include "exporter/report/request.h"
#include "exporter/report/sheet.h"

namespace exporter::report {

// A line a row, nothing kept: those that are open first, then in the order of their ends.
void MakeJobs(const Request& request, slurmdb::History& history, const slurmdb::HistoryProgress& progress,
              Head head, Sheet& sheet);

// What sacctmgr changed within the period, in the order of its ids.
void MakeTransactions(const Request& request, slurmdb::History& history, Head head, Sheet& sheet);

}  // namespace exporter::report
