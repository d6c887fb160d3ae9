// Schemas of one value: whole numbers, numbers, texts, and texts of a fixed set.
#pragma once

#include <string>

#include "gen/reading.hpp"

namespace shmbus::gen {

Type read_integer(const SchemaView& schema, Reading& reading);
Type read_number(const SchemaView& schema, Reading& reading);
/// An enum in it is called `name`.
Type read_string(const SchemaView& schema, const std::string& name, Reading& reading);
/// An enum of these values, in their order; a value that stands twice stands once.
Type read_enum(const SchemaView& schema, const std::vector<const Node*>& values,
               const std::string& name, Reading& reading);
/// The values of `enum`, or the one of `const`, without null.
std::vector<const Node*> values_of(const SchemaView& schema);
/// JSON as text: of at most maxLength or `--bound-json` bytes, or behind the struct.
Type json_text(const SchemaView& schema, Reading& reading);

}  // namespace shmbus::gen
