// The handler of SIGBUS does not outlive its code: a shared object that holds a copy of the library
// and has opened a bus stays loaded when it is dlclosed.
#include <dlfcn.h>
#include <unistd.h>

#include <csignal>

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

const std::string module = std::string(SHMBUS_BIN_DIR) + "/libopens_bus.so";

bool open_in_module(const std::string& path) {
  void* const object = ::dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) return false;
  const auto open = reinterpret_cast<int (*)(const char*)>(::dlsym(object, "open_and_close"));
  const bool opened = open != nullptr && open(path.c_str()) == 0;
  ::dlclose(object);
  return opened;
}

void leave_with_42(int) { ::_exit(42); }

}  // namespace

TEST_CASE("after an unloaded object had a bus, SIGBUS does what it did before", "[cut]") {
  test::TempBus path;
  test::Child by_default([&] {
    if (!open_in_module(path.path())) return 1;
    ::raise(SIGBUS);
    return 2;
  });
  CHECK(by_default.wait() == test::ended_by(SIGBUS));
  test::Child by_a_handler([&] {
    std::signal(SIGBUS, leave_with_42);
    if (!open_in_module(path.path())) return 1;
    ::raise(SIGBUS);
    return 2;
  });
  CHECK(by_a_handler.wait() == 42);
}
