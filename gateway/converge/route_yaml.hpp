// The sections `upstreams`, `routes` and `openapi` of a configuration.
#pragma once

#include "gateway/converge/route_config.hpp"
#include "gateway/yaml_section.hpp"

namespace shmbus::gateway::converge {

RoutesConfig read_routes(YamlSection& root, ToolTexts& texts);

}  // namespace shmbus::gateway::converge
