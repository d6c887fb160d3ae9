// The bodies of a storm's processes.
#pragma once

#include <string>

#include "torture/storm/book.hpp"
#include "torture/storm/weather.hpp"

namespace shmbus::torture {

struct Role {
  std::string path;
  Book& book;
  Weather weather;
  std::uint64_t seed;
};

inline constexpr std::uint64_t patience_ns = 10'000'000'000;  ///< no wait takes longer
inline constexpr std::chrono::seconds long_timeout{20};

/// Calls until the book says stop, then waits for what is under way. Returns an exit code.
int call_for_ever(const Role& role, std::uint32_t life);
/// Serves the name number `which` until SIGTERM.
int serve_for_ever(const Role& role, unsigned which);

inline std::string name_of(unsigned which) { return "run." + std::to_string(which); }

}  // namespace shmbus::torture
