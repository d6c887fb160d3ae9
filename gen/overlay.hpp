// Overlays (OpenAPI Overlay 1.0): changes to a document that is somebody else's. Each action names
// values by JSONPath and merges something into them, or removes them.
#pragma once

#include "gen/node.hpp"
#include "gen/problems.hpp"

namespace shmbus::gen {

/// Applies the actions in their order. Throws Error when it is no overlay; an action that meets
/// nothing is noted.
void apply_overlay(Tree& tree, const Node& overlay, Problems& problems);

}  // namespace shmbus::gen
