// Text to values: JSON when it is JSON, else YAML. Size, depth and number of values have limits,
// and a YAML anchor that contains itself is refused, so that whatever walks a tree comes to an end.
#pragma once

#include <string>
#include <string_view>

#include "gen/node.hpp"

namespace shmbus::gen {

inline constexpr std::size_t document_bytes_max = std::size_t{32} << 20U;
inline constexpr std::size_t document_depth_max = 200;

/// The value of `text`, kept by `tree`; `name` stands in messages. Throws Error.
Node& parse(Tree& tree, std::string_view text, const std::string& name);

}  // namespace shmbus::gen
