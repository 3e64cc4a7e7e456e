#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exporter {

inline constexpr std::string_view kAlertmanagerRoutes = "alertmanager-routes";

// slurmdbd_exporter alertmanager-routes: writes Alertmanager's configuration with the coordinators of
// accounts, see deploy/alertmanager/README.md. `arguments` are those after the command's name. Returns the
// exit code.
int RunAlertmanagerRoutes(const std::vector<std::string>& arguments);

}  // namespace exporter
