#include "dependent.hpp"

#include <shmbus/shmbus.hpp>

int dependent_answer() {
  // A folder that is not there: an error, and code of the library that must be linked.
  return shmbus::Bus::open("/none/of/this/is/there") ? 0 : 42;
}
