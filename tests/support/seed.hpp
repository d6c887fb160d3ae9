// Random numbers of a test: a new seed for each run, printed when the test fails, and SHMBUS_SEED
// to run it again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

#include "support/catch.hpp"

namespace shmbus::test {

inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("SHMBUS_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }();
  return value;
}

}  // namespace shmbus::test

/// Declares a generator and says its seed should the test fail.
#define SHMBUS_RANDOM(generator)                \
  INFO("SHMBUS_SEED=" << shmbus::test::seed()); \
  std::mt19937_64 generator(shmbus::test::seed())
