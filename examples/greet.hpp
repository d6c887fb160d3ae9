// A command, as both sides see it: its name and its types, in one place.
#pragma once

// [readme]
#include <shmbus/shmbus.hpp>

struct Person {
  shmbus::String<32> name;
};
using Greet = shmbus::Command<"greet", Person, shmbus::String<64>>;
// [readme]
