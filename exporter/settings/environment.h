#pragma once

#include <functional>
#include <optional>
#include <string>

namespace exporter {

// Looks up an environment variable; empty when it is not set. A function, so that tests bring their own.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The variables of this process.
Environment ProcessEnvironment();

}  // namespace exporter
