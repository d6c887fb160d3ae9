// What the examples do with an error: print it, and make an exit code of it.
#pragma once

#include <cstdio>
#include <shmbus/shmbus.hpp>

inline int report(const shmbus::Error& error) {
  const auto kind = shmbus::to_string(error.kind);
  const auto text = error.message.view();
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(kind.size()), kind.data(),
               static_cast<int>(text.size()), text.data());
  return 1;
}
