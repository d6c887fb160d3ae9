// Event loops: server.fd() and caller.fd() are readable when there is something to do, and only
// then.
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

bool readable(int fd, int timeout_ms) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, timeout_ms) == 1 && (one.revents & POLLIN) != 0;
}

/// Readable once for no reason is permitted, each time is not.
template <class Poll>
bool comes_to_rest(int fd, Poll poll) {
  for (int i = 0; i < 5; ++i) {
    if (!readable(fd, 50)) return true;
    poll();
  }
  return false;
}

Status echo(Context& c) { return test::answer(c, c.request()); }

/// A handler process around epoll_wait.
int serve_by_epoll(const std::string& path, bool two_endpoints) {
  auto bus = Bus::open(path);
  auto server = bus->serve();
  if (!server->on("echo", echo)) return 1;
  const auto fd = server->fd();
  if (!fd || *server->fd() != *fd) return 2;
  if (two_endpoints && !server->on("echo2", echo)) return 3;
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{EPOLLIN, {}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event) != 0) return 4;
  for (;;) {
    if (::epoll_wait(epoll, &event, 1, 10'000) != 1) return 5;
    for (;;) {
      const auto ran = server->poll();
      if (!ran) return 6;
      if (*ran == 0) break;
    }
  }
}

}  // namespace

TEST_CASE("a server in an event loop answers promptly", "[epoll]") {
  test::TempBus path;
  const test::Child handler([&] { return serve_by_epoll(path.path(), true); });
  auto bus = test::open_when_served(path.path(), "echo2");
  auto caller = test::caller_of(bus, "echo");
  int slow = 0;
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    if (i % 20 == 0) test::nap(1ms);
    const test::Stopwatch watch;
    std::uint64_t back = 0;
    REQUIRE_OK(caller.call(test::raw(i), test::raw(back)));
    REQUIRE(back == i);
    if (watch.ms() > 50) ++slow;
  }
  CHECK(slow == 0);
}

TEST_CASE("a server's fd is quiet when there is nothing to do", "[epoll]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  REQUIRE_OK(server->on("echo", echo));
  const auto fd = server->fd();
  REQUIRE_OK(fd);
  const auto drain = [&] {
    while (*server->poll() != 0) {
    }
  };
  CHECK(comes_to_rest(*fd, drain));
  auto caller = test::caller_of(*bus, "echo");
  auto pending = caller.start({}, 0);
  CHECK(readable(*fd, 1000));
  CHECK(readable(*fd, 0));  // until it is polled
  drain();
  CHECK_OK(pending->wait());
  CHECK(comes_to_rest(*fd, drain));
}

TEST_CASE("a caller's fd is readable when a reply may be there", "[epoll]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"nap", [](Context& c) {
                                                                             test::nap(10ms);
                                                                             return echo(c);
                                                                           }}}));
  auto bus = test::open_when_served(path.path(), "nap");
  auto caller = test::caller_of(bus, "nap");
  const auto fd = caller.fd();
  REQUIRE_OK(fd);
  CHECK(comes_to_rest(*fd, [&] { (void)caller.poll(); }));
  for (int round = 0; round < 20; ++round) {
    std::vector<Pending> pending;
    for (int i = 0; i < 3; ++i) pending.push_back(*caller.start({}, 0));
    std::size_t answered = 0;
    const test::Stopwatch watch;
    while (answered < pending.size()) {
      REQUIRE(readable(*fd, 1000));
      REQUIRE_OK(caller.poll());
      answered = 0;
      for (const auto& one : pending) answered += one.ready() ? 1U : 0U;
    }
    CHECK(watch.ms() < 500);
    for (auto& one : pending) REQUIRE_OK(one.wait());
  }
  CHECK(comes_to_rest(*fd, [&] { (void)caller.poll(); }));
}

TEST_CASE("poll() finds a dead handler without the daemon", "[epoll]") {
  test::TempBus path;
  auto stuck = test::handler_process(path.path(), test::handlers({{"stuck", [](Context&) {
                                                                     ::pause();
                                                                     return Status::ok();
                                                                   }}}));
  auto bus = test::open_when_served(path.path(), "stuck");
  auto caller = test::caller_of(bus, "stuck");
  REQUIRE_OK(caller.fd());
  auto running = caller.start({}, 0);
  auto queued = caller.start({}, 0);
  REQUIRE_OK(queued);
  test::nap(20ms);
  REQUIRE_OK(caller.poll());
  CHECK_FALSE(running->ready());
  CHECK_FALSE(queued->ready());
  stuck.kill();
  REQUIRE_OK(caller.poll());
  CHECK(running->ready());
  CHECK(queued->ready());
  CHECK(test::kind(running->wait()) == ErrorKind::handler_died_after_start);
  CHECK(test::kind(queued->wait()) == ErrorKind::handler_died_before_start);
}

TEST_CASE("a pending is ready once its deadline has passed", "[epoll]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  REQUIRE_OK(server->on("echo", echo));
  auto caller = test::caller_of(*bus, "echo");
  auto pending = caller.start({}, 0, 20ms);
  REQUIRE_OK(pending);
  CHECK_FALSE(pending->ready());
  test::nap(30ms);
  CHECK(pending->ready());
  CHECK(test::kind(pending->wait()) == ErrorKind::timed_out);
}

TEST_CASE("waiting and the fd go together", "[epoll]") {
  // wait() sleeps on the same event count as the thread behind fd(): neither may take the other's
  // wake-up.
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"nap", [](Context& c) {
                                                                             test::nap(2ms);
                                                                             return echo(c);
                                                                           }}}));
  auto bus = test::open_when_served(path.path(), "nap");
  auto caller = test::caller_of(bus, "nap", {.wait = WaitMode::blocking});
  const auto fd = caller.fd();
  REQUIRE_OK(fd);
  for (int i = 0; i < 100; ++i) {
    auto first = caller.start({}, 0);
    auto second = caller.start({}, 0);
    const test::Stopwatch watch;
    REQUIRE_OK(first->wait());
    while (!second->ready()) {
      REQUIRE(readable(*fd, 1000));
      REQUIRE_OK(caller.poll());
    }
    REQUIRE_OK(second->wait());
    CHECK(watch.ms() < 200);
  }
}

TEST_CASE("a caller's fd follows its name to another slot", "[epoll]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto first = bus->serve();
  auto second = bus->serve();
  REQUIRE_OK(first->on("echo", echo));
  REQUIRE_OK(second->on("x", echo));  // keeps the second slot distinct
  auto caller = test::caller_of(*bus, "echo");
  const auto fd = caller.fd();
  REQUIRE_OK(fd);
  REQUIRE_OK(first->off("echo"));
  REQUIRE_OK(second->on("echo", echo));
  auto pending = caller.start({}, 0);
  REQUIRE_OK(pending);
  REQUIRE_OK(caller.poll());
  test::nap(1ms);
  while (!pending->ready()) REQUIRE_OK(second->poll());
  CHECK(readable(*caller.fd(), 1000));
}
