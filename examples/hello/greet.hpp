#pragma once
#include <iostream>
#include <shmbus/shmbus.hpp>

struct Person {
  shmbus::String<32> name;
};
using Greet = shmbus::Command<"greet", Person, shmbus::String<64>>;

inline int failed(const shmbus::Error& error) {
  std::cerr << shmbus::to_string(error.kind) << ": " << error.message.view() << '\n';
  return 1;
}
