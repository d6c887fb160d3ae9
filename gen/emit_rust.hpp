// A model as Rust: types and commands for the crate `shmbus`.
#pragma once

#include <string>

#include "gen/model.hpp"

namespace shmbus::gen {

/// A file with the same types and commands as emit_commands() makes for C++; their layouts, and the
/// texts of their schemas, are the same.
std::string emit_rust(const Model& model);

}  // namespace shmbus::gen
