// A bus file that is cut short under its users, as seen from one process: an error, no signal. More
// of it, with everybody at work, in tests/torture/faults/files.cpp.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

void cut(const std::string& path) { CHECK(::truncate(path.c_str(), 0) == 0); }

sigjmp_buf back;
void jump_back(int, siginfo_t*, void*) { ::siglongjmp(back, 1); }

/// Reads from a file of the application's own that has lost its page.
char read_what_is_gone() {
  test::TempBus file;
  const int fd = ::open(file.path().c_str(), O_RDWR | O_CREAT, 0600);
  if (::ftruncate(fd, 4096) != 0) return 'x';
  const auto* page =
      static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
  if (::ftruncate(fd, 0) != 0) return 'x';
  return page[0];
}

}  // namespace

TEST_CASE("every handle on a bus that was cut short says so", "[cut]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  REQUIRE_OK(server);
  REQUIRE_OK(server->on("a", [](Context&) { return Status::ok(); }));
  auto caller = bus->caller("a");
  REQUIRE_OK(caller);
  auto pending = caller->start({}, 0);
  REQUIRE_OK(pending);
  auto loan = caller->loan(1000, 1000);
  REQUIRE_OK(loan);
  cut(path.path());
  std::fill(loan->bytes().begin(), loan->bytes().end(), std::byte{1});  // no signal here either
  CHECK(test::kind(pending->wait()) == ErrorKind::bus_unusable);
  CHECK(test::kind(loan->start()) == ErrorKind::bus_unusable);
  const auto called = caller->call({}, {});
  CHECK(test::kind(called) == ErrorKind::bus_unusable);
  CHECK(test::describe(called).find("was cut short") != std::string::npos);
  CHECK(test::kind(caller->send({})) == ErrorKind::bus_unusable);
  CHECK(test::kind(caller->flush()) == ErrorKind::bus_unusable);
  CHECK(test::kind(server->poll()) == ErrorKind::bus_unusable);
  CHECK(test::kind(server->run_for(1ms)) == ErrorKind::bus_unusable);
  CHECK(test::kind(server->on("b", [](Context&) { return Status::ok(); })) ==
        ErrorKind::bus_unusable);
  CHECK(test::kind(bus->reclaim()) == ErrorKind::bus_unusable);
  CHECK(test::kind(bus->caller("a")) == ErrorKind::bus_unusable);
  CHECK(test::kind(bus->wait_until_available("a", 1s)) == ErrorKind::bus_unusable);
  // Nobody is left on it: the next open makes a new one.
  CHECK_OK(Bus::open(path.path(), test::small_bus()));
}

// In a process of its own: the handler is installed once, by the first open.
TEST_CASE("an earlier SIGBUS handler", "[.earlier-handler]") {
  struct sigaction own {};
  own.sa_sigaction = jump_back;
  own.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &own, nullptr);
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());
  REQUIRE_OK(bus);
  if (::sigsetjmp(back, 1) == 0) {
    (void)read_what_is_gone();
    FAIL("no signal");
  }
  CHECK_OK(bus->caller("a"));
  cut(path.path());
  CHECK(test::kind(bus->reclaim()) == ErrorKind::bus_unusable);
}

TEST_CASE("the application's own SIGBUS handler gets what is not ours", "[cut]") {
  const auto ran = test::run_program({SHMBUS_BIN_DIR "/shmbus_unit_tests", "[.earlier-handler]"});
  INFO(ran.out);
  CHECK(ran.code == 0);
  CHECK(ran.out.find("All tests passed (2 assertions") != std::string::npos);
}

#if !defined(__SANITIZE_THREAD__)  // which handles the signal its own way
TEST_CASE("without a handler of its own the application ends as ever", "[cut]") {
  test::Child foreign([] {
    test::TempBus path;
    auto bus = Bus::open(path.path(), test::small_bus());
    return bus ? static_cast<int>(read_what_is_gone()) : 1;
  });
  const int code = foreign.wait();
  CHECK((code == test::ended_by(SIGBUS) || code == 1));  // 1: a sanitizer reported it
  test::Child sent([] {
    test::TempBus path;
    auto bus = Bus::open(path.path(), test::small_bus());
    ::raise(SIGBUS);
    return 0;
  });
  CHECK(sent.wait() != 0);
}
#endif

TEST_CASE("an application may keep SIGBUS for itself", "[cut]") {
  test::Child child([] {
    test::TempBus path;
    auto options = test::small_bus();
    options.catch_bus_errors = false;
    struct sigaction before {};
    ::sigaction(SIGBUS, nullptr, &before);
    auto bus = Bus::open(path.path(), options);
    struct sigaction after {};
    ::sigaction(SIGBUS, nullptr, &after);
    return bus && before.sa_handler == after.sa_handler ? 0 : 1;
  });
  CHECK(child.wait() == 0);
}
