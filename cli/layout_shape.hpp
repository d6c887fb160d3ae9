// How the fields of a structure of the format are listed: for the tables of `shmbus layout`.
#pragma once

#include <cstddef>

#include "cli/layout_model.hpp"

// offsetof needs the name of the field, and nothing but a macro has that.
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define FIELD(type, member) \
  Field { #member, offsetof(layout::type, member), sizeof(layout::type::member) }
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define SHAPE(type, ...)                                                \
  Shape {                                                               \
#type, sizeof(layout::type), alignof(layout::type), { __VA_ARGS__ } \
  }
