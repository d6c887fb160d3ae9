// A process that runs with its standard streams closed: no descriptor of the library gets one of
// their numbers, so that nothing the program prints is written into a bus.
#include "os/descriptor.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bus/watch.hpp"
#include "shmbus/async.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

/// False when any of the three is open.
bool standard_closed() { return !is_open(0) && !is_open(1) && !is_open(2); }

void close_standard() {
  for (const int fd : {0, 1, 2}) ::close(fd);
}
/// What the program that runs the tests left open is closed as well.
void close_all() { (void)::close_range(0, ~0U, 0); }

bool above(int fd) { return fd >= 3 && (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

}  // namespace

TEST_CASE("every call that makes a descriptor makes one above 2, closed on exec", "[descriptor]") {
  test::Child child([] {
    close_standard();
    std::array<int, 2> ends{};
    sigset_t none;
    sigemptyset(&none);
    const int file = descriptor::open("/dev/null", O_RDWR);
    if (!above(file)) return 1;
    if (!above(descriptor::open_at(AT_FDCWD, "/dev/null", O_RDONLY))) return 2;
    if (!above(descriptor::reopen(file, O_RDONLY))) return 3;
    if (!above(descriptor::duplicate(file))) return 4;
    if (!above(descriptor::event(0, 0))) return 5;
    if (!above(descriptor::epoll())) return 6;
    if (!above(descriptor::timer(CLOCK_MONOTONIC, 0))) return 7;
    if (!above(descriptor::signals(none, 0))) return 8;
    if (!above(descriptor::process(::getpid()))) return 9;
    if (!above(descriptor::memory("x", 0))) return 10;
    if (!above(descriptor::socket(AF_UNIX, SOCK_STREAM, 0))) return 11;
    if (!descriptor::pipe(ends, 0) || !above(ends[0]) || !above(ends[1])) return 12;
    auto* stream = descriptor::stream("/dev/null", "w+");
    if (stream == nullptr || !above(::fileno(stream))) return 13;
    auto* folder = descriptor::folder("/");
    if (folder == nullptr || !above(::dirfd(folder))) return 14;
    return standard_closed() ? 0 : 15;
  });
  CHECK(child.wait() == 0);
}

TEST_CASE("a failure keeps errno and leaves nothing open", "[descriptor]") {
  test::Child child([] {
    close_all();
    if (descriptor::open("/no/such/file", O_RDONLY) != -1 || errno != ENOENT) return 1;
    if (descriptor::stream("/no/such/file", "r") != nullptr || errno != ENOENT) return 2;
    if (descriptor::folder("/dev/null") != nullptr || errno != ENOTDIR) return 3;
    return standard_closed() && !is_open(3) ? 0 : 4;
  });
  CHECK(child.wait() == 0);
}

TEST_CASE("another thread's output never meets a descriptor on its way up", "[descriptor]") {
  // It writes to 1 and 2 all the time; what it can write to would be the file that is being opened.
  test::TempBus file;
  test::Child child([&] {
    close_standard();
    std::atomic<bool> stop{false};
    std::atomic<int> written{0};
    std::thread printer([&] {
      while (!stop.load()) {
        for (const int fd : {1, 2}) written += ::write(fd, "text", 4) > 0 ? 1 : 0;
      }
    });
    for (int i = 0; i < 20'000; ++i) {
      ::close(descriptor::open(file.path().c_str(), O_RDWR | O_CREAT, 0600));
    }
    stop = true;
    printer.join();
    return written == 0 ? 0 : 1;
  });
  CHECK(child.wait() == 0);
  CHECK(std::filesystem::file_size(file.path()) == 0);
}

TEST_CASE("a program without standard streams prints, and its bus stays sound", "[descriptor]") {
  test::TempBus path;
  test::Child child([&] {
    close_standard();
    auto bus = Bus::open(path.path(), test::small_bus());
    if (!bus) return 1;
    auto server = bus->serve();
    if (!server || !server->on("echo", [](Context&) { return Status::ok(); })) return 2;
    auto caller = bus->caller("echo", {.when_vacant = WhenVacant::wait});
    auto watch = bus->watch();
    auto reactor = Reactor::create();
    if (!caller || !watch || !reactor) return 3;
    const auto serving = server->fd();
    const auto watching = watch->fd();
    if (!serving || !watching || *serving < 3 || *watching < 3 || reactor->fd() < 3) return 4;
    for (int i = 0; i < 100; ++i) {
      for (const int fd : {0, 1, 2}) (void)!::write(fd, "a log line of the program\n", 26);
    }
    return standard_closed() ? 0 : 5;
  });
  CHECK(child.wait() == 0);
  CHECK_OK(Bus::open(path.path(), {.create = false}));
}

TEST_CASE("a program that fills the closed numbers finds them as good as closed", "[descriptor]") {
  test::Child child([] {
    close_all();
    descriptor::occupy_standard_numbers();
    char byte = 0;
    if (::write(1, "x", 1) != -1 || errno != EBADF) return 1;
    if (::read(0, &byte, 1) != -1 || errno != EBADF) return 2;
    if (!is_open(0) || !is_open(1) || !is_open(2) || is_open(3)) return 3;
    return ::open("/dev/null", O_RDONLY) == 3 ? 0 : 4;
  });
  CHECK(child.wait() == 0);
}
