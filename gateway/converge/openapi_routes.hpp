// Routes of an OpenAPI document: method and path of each operation to the command that it names by
// x-command or operationId.
#pragma once

#include <string>

#include "gateway/config.hpp"
#include "gateway/converge/route_config.hpp"

namespace shmbus::gateway::converge {

/// Adds a route like `rest` for each operation of `file`; those with fewer parameters in their path
/// come first. Summaries and methods that only read go to `texts`, where it has none. Returns what
/// is wrong; empty: nothing.
std::string routes_of_openapi(const std::string& file, const RouteConfig& rest, RoutesConfig& out,
                              ToolTexts& texts);

}  // namespace shmbus::gateway::converge
