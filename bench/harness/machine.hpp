#pragma once
// What the figures were taken on.

#include <string>

namespace shmbus::bench {

struct Machine {
  std::string cpu;
  int cores = 0;
  std::string kernel;
  std::string compiler;
  std::string build;  ///< build type and sanitizers
  std::string commit;
  std::string governor;  ///< "none" where the machine has no frequency control
  std::string hypervisor;
};

[[nodiscard]] Machine describe_machine();

}  // namespace shmbus::bench
