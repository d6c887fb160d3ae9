// Types in words, for people, and as a list of their members.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/type.hpp"

namespace shmbus::codec {

/// "a whole number, 0 to 65535", "text of at most 64 bytes", "one of free, paid". Names come from a
/// peer and stand as they are. `node` is a part of `type`.
std::string describe(const Type& type, const Node& node);

struct Field {
  std::string name;  ///< with the names of the structs around it: "address.street"
  std::string type;  ///< in words
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  bool optional = false;
};
/// The members of a struct and of the structs in it, in order; one without a name for other types;
/// none for "none".
std::vector<Field> fields_of(const Type& type);

}  // namespace shmbus::codec
