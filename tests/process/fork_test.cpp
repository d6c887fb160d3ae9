// fork and exec: a child finds every inherited handle invalid and can open the bus afresh; the
// parent does not notice; exec leaves nothing of the bus behind.
#include <sys/epoll.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Status echo(Context& c) { return test::answer(c, c.request()); }

}  // namespace

TEST_CASE("every operation of a forked child says `forked`", "[fork]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}));
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "echo");
  auto pending = caller.start({}, 0);
  auto large = caller.start(std::vector<std::byte>(1000), 1000);
  auto loan = caller.loan(100, 1000);
  auto view = caller.start(std::vector<std::byte>(500), 500)->wait();
  auto server = bus.serve();
  REQUIRE((pending && large && loan && view && server));
  REQUIRE_OK(server->on("other", echo));
  REQUIRE_OK(server->fd());
  REQUIRE_OK(caller.fd());
  test::Child child([&] {
    int failed = 0;
    int step = 0;
    const auto forked = [&](ErrorKind kind) {
      ++step;
      if (kind != ErrorKind::forked && failed == 0) failed = step;
    };
    forked(test::kind(bus.serve()));
    forked(test::kind(bus.caller("echo")));
    forked(test::kind(bus.wait_until_available("echo", 1s)));
    forked(test::kind(bus.reclaim()));
    forked(test::kind(caller.call({}, {})));
    forked(test::kind(caller.start({}, 0)));
    forked(test::kind(caller.send({})));
    forked(test::kind(caller.flush()));
    forked(test::kind(caller.loan(10)));
    forked(test::kind(caller.fd()));
    forked(test::kind(caller.poll()));
    forked(test::kind(pending->wait()));
    forked(test::kind(loan->send()));
    forked(test::kind(loan->start()));
    forked(test::kind(server->on("x", echo)));
    forked(test::kind(server->off("other")));
    forked(test::kind(server->poll()));
    forked(test::kind(server->run({})));
    forked(test::kind(server->run_for(1s)));
    forked(test::kind(server->fd()));
    (void)large->ready();
    large->cancel();
    caller.on_lost(nullptr, nullptr);
    // Letting go of everything must neither crash nor touch the bus.
    { const auto gone = std::move(*large); }
    { const auto gone = std::move(*loan); }
    { const auto gone = std::move(*view); }
    { const auto gone = std::move(*server); }
    caller = RawCaller();
    bus = Bus();
    if (failed != 0) return failed;
    auto fresh = Bus::open(path.path());
    if (!fresh) return 50;
    auto own = fresh->caller("echo");
    const std::uint64_t number = 8;
    std::uint64_t back = 0;
    return own && own->call(test::raw(number), test::raw(back)) && back == 8 ? 0 : 51;
  });
  CHECK(child.wait() == 0);
  // The parent's are as they were.
  CHECK_OK(pending->wait());
  CHECK_OK(large->wait());
  CHECK_OK(loan->send());
  CHECK(view->bytes().size() == 500);
  CHECK_OK(caller.call({}, {}));
  CHECK_OK(server->poll());
}

TEST_CASE("handles that end with the child do not end the parent's", "[fork]") {
  // The child returns from main, so to say: all destructors run in it.
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = std::make_unique<Server>(*bus->serve());
  REQUIRE_OK(server->on("echo", echo));
  auto caller = std::make_unique<RawCaller>(test::caller_of(*bus, "echo"));
  auto pending = std::make_unique<Pending>(*caller->start({}, 0));
  const auto watcher = test::join(path.path());
  const auto before = test::census(watcher->view());
  test::Child child([&] {
    pending.reset();
    caller.reset();
    server.reset();
    *bus = Bus();
    return 0;
  });
  CHECK(child.wait() == 0);
  CHECK(test::census(watcher->view()) == before);
  REQUIRE_OK(server->poll());
  CHECK_OK(pending->wait());
}

TEST_CASE("exec leaves the bus, and the new program can open it", "[fork]") {
  test::TempBus path;
  const auto watcher = test::join(path.path());
  test::Child child([&] {
    auto bus = Bus::open(path.path());
    auto server = bus->serve();
    if (!server->on("echo", echo)) return 1;
    ::execl("/bin/sh", "sh", "-c", "sleep 0.3", nullptr);
    return 2;
  });
  CHECK(test::eventually([&] { return test::census(watcher->view()).endpoints == 1; }));
  // Same pid, other program: its participant is dead although the process lives.
  auto bus = Bus::open(path.path());
  CHECK(test::eventually(
      [&] {
        (void)bus->reclaim();
        return test::census(watcher->view()).endpoints == 0;
      },
      250ms));
  CHECK(child.wait() == 0);
}
