// The fields of sacct that the accounting database can tell, made from job rows as `sacct -D -X -P` prints
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/slurmdb/history.h"
#include "exporter/report/period.h"

namespace exporter::report {

// A job row and what it refers to.
struct JobView {
  const slurmdb::JobRecord* job = nullptr;
  const slurmdb::ClusterHistory* cluster = nullptr;
  const slurmdb::History* history = nullptr;
  std::int64_t now = 0;
  // With --truncate: times and durations are cut at its borders.
  const Window* cut = nullptr;
};

struct JobField {
  std::string name;  // as sacct spells it
  std::string (*text)(const JobView&);
};

// In the order of sacct --helpformat.
const std::vector<JobField>& JobFields();
// By name, without regard to case; none: nullptr.
const JobField* FindJobField(std::string_view name);
// What is shown when nothing is asked for.
const std::vector<std::string>& DefaultJobFields();

// Who is charged: the association's user, else the uid; and the association's account, else the row's.
std::string JobUser(const JobView& view);
std::string JobAccount(const JobView& view);
std::string JobQos(const JobView& view);

// Parts of them, for tests. "2-03:04:05" or "03:04:05"; seconds.
std::string Duration(std::int64_t seconds);
// "1-5,8", or "1-9:2" where the distance is the same throughout, of a mask such as "0x3E".
std::string ArrayTasks(std::string_view mask, std::uint32_t at_most);
// "billing=4,cpu=4,mem=8G,node=1" of "1=4,2=8192,4=1,5=4".
std::string TresText(std::string_view tres, const slurmdb::TresCatalog& catalog);

}  // namespace exporter::report
