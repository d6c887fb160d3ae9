// A model as C++.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gen/model.hpp"

namespace shmbus::gen {

/// The lines of a comment, each `indent` and "/// ...": shortened, and never ending in a backslash.
std::string comment_above(std::string_view text, std::string_view indent);

/// A header with the types and commands of the model.
std::string emit_commands(const Model& model);

/// A hand-written struct that is to be what a schema of the document says.
struct Held {
  std::string schema;  ///< name of the component in the document
  std::string type;    ///< as C++ names it
};

/// The namespace of the types that emit_checks() compares with.
inline constexpr const char* check_namespace = "shmbus_checked::document";

/// A header of static_asserts, one for each member. `includes` declare the hand-written structs.
/// REQUIRES: the model was made in check_namespace. Throws Error for a schema that is no struct.
std::string emit_checks(const Model& model, const std::vector<Held>& held,
                        const std::vector<std::string>& includes);

}  // namespace shmbus::gen
