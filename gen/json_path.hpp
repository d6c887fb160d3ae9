// The part of JSONPath (RFC 9535) that overlays use: $, .name, ['name'], [0], .*, [*], ..name, ..*,
// lists in brackets, and filters [?(@.type == 'string' && !@.maxLength)].
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gen/node.hpp"

namespace shmbus::gen {

/// The values that `path` names below `root`, each once. Throws Error when it is no such path, or
/// names more than a million.
std::vector<Node*> select(Node& root, std::string_view path);

}  // namespace shmbus::gen
