#include "os/spin.hpp"

#include <unistd.h>

namespace shmbus::wait {

unsigned usable_cpus() noexcept {
  const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1U : static_cast<unsigned>(count);
}

}  // namespace shmbus::wait
