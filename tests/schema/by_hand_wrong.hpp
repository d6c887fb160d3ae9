// Structs that differ from examples/users.yaml in a name, a type, the order and the number of
// members.
#pragma once

#include <cstdint>
#include <shmbus/types.hpp>

namespace by_hand {

struct Address {
  shmbus::String<30> street;
  std::uint16_t house = 0;
  bool extra = false;
};

}  // namespace by_hand
