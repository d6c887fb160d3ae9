// A registered type as JSON Schema (2020-12, as OpenAPI 3.1 has it): what values.hpp takes and
// gives. `shmbus gen` makes the same type of it, except for char, raw pieces, and enumerations
// whose values are not 0, 1, 2, ... in a byte.
#pragma once

#include <string>

#include "codec/type.hpp"

namespace shmbus::codec {

/// Appends it to `out`.
void append_json_schema(std::string& out, const Type& type);

}  // namespace shmbus::codec
