// The scenes: somebody stands still, or a process looks like another. Each runs on a bus of its
// own, in a process of its own, so several can go on at a time.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "torture/paused/theatre.hpp"

namespace shmbus::torture {

struct Scene {
  enum class Kind : std::uint8_t {
    stopped,         ///< SIGSTOP at a test point
    debugged,        ///< held by ptrace
    pid_reused,      ///< a dead participant's number belongs to another process
    pid_namespace,   ///< handler and caller in pid namespaces of their own
    time_namespace,  ///< a process whose monotonic clock is a day ahead
    clock_stepped,   ///< the machine's clock, an hour ahead and back
  };
  Kind kind = Kind::stopped;
  Part part = Part::nobody;
  std::string point;  ///< of a stop
  bool daemon = false;
  std::chrono::milliseconds pause{};
};
std::string describe(const Scene& scene);

struct SceneResult {
  int failures = 0;
  int reached = 0;  ///< 0: this part never came to that point
  char problems[600] = {};
  char skipped[120] = {};
};

void play(const Scene& scene, SceneResult& result);
/// Every test point of the library.
const std::vector<std::string>& test_points();

}  // namespace shmbus::torture
