// Named places between two shared effects, where a test can stop or kill a process. Empty unless
// the build asks for them (SHMBUS_TESTPOINTS).
#pragma once

#if defined(SHMBUS_TESTPOINTS)

namespace shmbus::testpoint {
/// Called with the name of each test point passed. Set before the threads under test start.
extern void (*hook)(const char* name);
}  // namespace shmbus::testpoint

#define SHMBUS_TESTPOINT(name)                                             \
  do {                                                                     \
    if (shmbus::testpoint::hook != nullptr) shmbus::testpoint::hook(name); \
  } while (false)

#else
#define SHMBUS_TESTPOINT(name) static_cast<void>(0)
#endif
