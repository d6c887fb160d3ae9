// A model as C++.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/gen/model.hpp"

namespace shmbus::cli::gen {

/// A header with the types and commands of the model.
std::string emit_commands(const Model& model, const std::string& name_space);

/// A hand-written struct that is to be what a schema of the document says.
struct Held {
  std::string schema;  ///< name of the struct in the model
  std::string type;    ///< as C++ names it
};

/// A header of static_asserts, one for each member. `includes` declare the hand-written structs.
std::string emit_checks(const Model& model, const std::vector<Held>& held,
                        const std::vector<std::string>& includes);

}  // namespace shmbus::cli::gen
