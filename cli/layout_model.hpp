// The format of a segment as data: regions for given capacities, every shared struct field by
// field, every packed word bit by bit, and the numbers that stand in them. All of it is computed
// from the code that uses it, so that what is printed is what is compiled. Part of no hot path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "layout/geometry.hpp"

namespace shmbus::cli {

struct Field {
  std::string_view name;
  std::size_t offset = 0;
  std::size_t bytes = 0;
};

struct Shape {
  std::string_view name;
  std::size_t bytes = 0;
  std::size_t align = 0;
  std::vector<Field> fields;
};

struct Bits {
  std::string_view name;
  std::uint64_t mask = 0;
};

struct PackedWord {
  std::string_view name;
  std::vector<Bits> parts;
};

struct NamedRegion {
  std::string_view name;
  layout::Region region;
};

struct Number {
  std::string_view name;
  std::uint64_t value = 0;
};

std::vector<NamedRegion> regions_of(const layout::Geometry& geometry);
std::vector<Shape> shared_structs();
std::vector<PackedWord> packed_words();
std::vector<Number> format_numbers();

/// Of events; part of the lists above.
std::vector<Shape> event_structs();
std::vector<PackedWord> event_words();

}  // namespace shmbus::cli
