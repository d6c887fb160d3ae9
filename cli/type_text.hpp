// Registered types in words, and as a list of their members.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/grammar.hpp"

namespace shmbus::cli {

/// "a whole number, 0 to 65535", "text of at most 64 bytes", "one of free, paid".
std::string describe_type(const schema::Type& type);

struct Field {
  std::string name;  ///< with the names of the structs around it: "address.street"
  std::string type;  ///< in words
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool optional = false;
};
/// The members of a struct and of the structs in it, in order; one without a name for other types;
/// none for "none".
std::vector<Field> fields_of(std::string_view type);

/// Some of it lies behind it, so that its size is not known beforehand.
bool has_tail(std::string_view type);

}  // namespace shmbus::cli
