// From a Config to the objects that do what it says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "collectors/slurmdb/accounting.h"
#include "exporter/poller.h"
#include "exporter/settings/config.h"
#include "exporter/settings/settings.h"

namespace exporter {

// The registry's collectors, as the settings want to know them.
std::vector<CollectorInfo> KnownCollectors();

// Throws ConfigError when a setting turns out to be unusable only here, such as a time zone without data.
slurmdb::AccountingOptions AccountingOptionsOf(const Config& config);
PollerOptions PollerOptionsOf(const Config& config);

// Finds what only the parts that use the settings can tell: an unknown time zone, an address that cannot be
// listened on, a state directory that is not there, no collector at all. Throws ConfigError.
void Validate(const Config& config);

// What decides which series exist and whom they mean; see HighWater.
std::string FingerprintOf(const Config& config);

// Names of the collectors that are on, sorted.
std::vector<std::string> EnabledCollectors(const Config& config);

}  // namespace exporter
