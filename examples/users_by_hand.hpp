// Structs written by hand that are to be what users.yaml says. The build holds them against it.
#pragma once

#include <cstdint>
#include <shmbus/types.hpp>

namespace by_hand {

enum class Plan : std::uint8_t { free, paid };

struct Address {
  shmbus::String<40> street;
  std::uint16_t number = 0;
};
struct NewUser {
  shmbus::Email email;
  Plan plan = Plan::free;
  shmbus::Optional<shmbus::String<20>> nick;
  shmbus::Optional<shmbus::Vector<Address, 2>> addresses;
};

}  // namespace by_hand
