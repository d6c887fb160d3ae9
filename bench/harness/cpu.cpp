#include "harness/cpu.hpp"

#include <sched.h>

#include <cstdio>

namespace shmbus::bench {

void pin_to_cpu(int cpu) {
  cpu_set_t allowed;
  if (cpu < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return;
  }
  int wanted = cpu % CPU_COUNT(&allowed);
  for (int candidate = 0; candidate < CPU_SETSIZE; ++candidate) {
    if (CPU_ISSET(candidate, &allowed) && wanted-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(candidate, &one);
      sched_setaffinity(0, sizeof one, &one);  // refused: measured unpinned, still correct
      return;
    }
  }
}

double core_wait_so_far() noexcept {
  double running_ns = 0;
  double waiting_ns = 0;
  if (std::FILE* file = std::fopen("/proc/thread-self/schedstat", "r"); file != nullptr) {
    if (std::fscanf(file, "%lf %lf", &running_ns, &waiting_ns) != 2) {
      waiting_ns = 0;
    }
    std::fclose(file);
  }
  return waiting_ns;
}

}  // namespace shmbus::bench
