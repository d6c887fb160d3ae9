// What a watch of names tells, as values.
#pragma once

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

namespace shmbus::test {

struct Told {
  std::string name;
  bool available;
  std::uint32_t pid;
  bool taken_over = false;
  friend bool operator==(const Told&, const Told&) = default;
};

/// Everything that a watch tells within `limit`, until it has told `wanted` changes.
inline std::vector<Told> changes(NameWatch& watch, std::size_t wanted,
                                 std::chrono::milliseconds limit = 20s) {
  std::vector<Told> all;
  const Stopwatch clock;
  for (;;) {
    const auto told = watch.poll([&](const NameChange& change) {
      all.push_back(
          {std::string(change.name.view()), change.available, change.pid, change.taken_over});
    });
    REQUIRE_OK(told);
    const auto left = limit - std::chrono::milliseconds(static_cast<long>(clock.ms()));
    if (all.size() >= wanted || left <= 0ms) return all;
    REQUIRE_OK(watch.wait(left));
  }
}

}  // namespace shmbus::test
