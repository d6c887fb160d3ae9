// A shared object with a copy of the library of its own, as a plug-in of another system has one:
// handler_code_test.cpp loads it and unloads it.
#include <string>

#include "shmbus/shmbus.hpp"

extern "C" __attribute__((visibility("default"))) int open_and_close(const char* path) {
  return shmbus::Bus::open(path) ? 0 : 1;
}
