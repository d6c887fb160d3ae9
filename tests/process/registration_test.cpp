// Names and their owners: one owner at a time, named to the process that comes second; given up,
// moved to another server, taken again after a death, with callers that keep their handles.
#include <unistd.h>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Status echo(Context& c) { return test::answer(c, c.request()); }

}  // namespace

TEST_CASE("a second registrant is told the owner's label and pid", "[registration]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}));
  auto bus = test::open_when_served(path.path(), "echo");
  auto server = bus.serve();
  REQUIRE_OK(server);
  const auto refused = server->on("echo", echo);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::already_registered);
  const auto text = refused.error().message.view();
  CHECK(text.find("'echo'") != std::string_view::npos);
  CHECK(text.find("handler process") != std::string_view::npos);
  CHECK(text.find("pid " + std::to_string(handler.pid())) != std::string_view::npos);
  CHECK_OK(test::caller_of(bus, "echo").call({}, {}));
  CHECK_OK(server->on("other", echo));
  CHECK(test::kind(server->on("other", echo)) == ErrorKind::already_registered);
}

TEST_CASE("two servers of one process do not share names", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto first = bus->serve();
  auto second = bus->serve();
  REQUIRE_OK(first->on("a", echo));
  CHECK(test::kind(second->on("a", echo)) == ErrorKind::already_registered);
  CHECK_OK(second->on("b", echo));
  CHECK_OK(first->off("a"));
  CHECK_OK(second->on("a", echo));
  CHECK(test::kind(first->off("a")) == ErrorKind::not_registered);
}

TEST_CASE("off: the name is gone, its queued commands are told, the others stay",
          "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  REQUIRE_OK(server->on("a", echo));
  REQUIRE_OK(server->on("b", echo));
  auto a = test::caller_of(*bus, "a");
  auto b = test::caller_of(*bus, "b");
  auto queued = a.start({}, 0);
  auto other = b.start({}, 0);
  REQUIRE_OK(server->off("a"));
  while (!other->ready()) REQUIRE_OK(server->poll());
  CHECK(test::kind(queued->wait()) == ErrorKind::not_registered);
  CHECK_OK(other->wait());
  CHECK(test::kind(a.call({}, {})) == ErrorKind::not_registered);
  REQUIRE_OK(server->on("a", echo));
  auto again = a.start({}, 0);
  while (!again->ready()) REQUIRE_OK(server->poll());
  CHECK_OK(again->wait());
}

TEST_CASE("a server that is destroyed tells its callers and frees its slot", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());
  REQUIRE_OK(bus);
  const auto watcher = test::join(path.path());
  for (int i = 0; i < 10; ++i) {  // more often than there are endpoints
    auto server = bus->serve();
    REQUIRE_OK(server->on("a", echo));
    CHECK(test::census(watcher->view()).endpoints == 1);
    auto a = test::caller_of(*bus, "a");
    auto queued = a.start({}, 0);
    REQUIRE_OK(queued);
    { const Server gone = std::move(*server); }
    CHECK(test::kind(queued->wait()) == ErrorKind::not_registered);
    CHECK(test::census(watcher->view()).endpoints == 0);
    CHECK(test::kind(a.call({}, {})) == ErrorKind::not_registered);
  }
}

TEST_CASE("a caller's handle follows its name to another server", "[registration]") {
  // The name moves between two slots again and again; one handle calls all the time.
  test::TempBus path;
  auto bus = Bus::open(path.path());
  Server server[2] = {*bus->serve(), *bus->serve()};
  const auto say = [](std::uint64_t who) {
    return [who](Context& c) { return test::answer(c, test::raw(who)); };
  };
  REQUIRE_OK(server[0].on("fixed0", echo));
  REQUIRE_OK(server[1].on("fixed1", echo));
  auto caller = test::caller_of(*bus, "who", {.when_vacant = WhenVacant::wait});
  for (std::uint64_t i = 0; i < 100; ++i) {
    const std::uint64_t who = i % 2;
    REQUIRE_OK(server[who].on("who", say(who)));
    for (int k = 0; k < 5; ++k) {
      auto pending = caller.start({}, 8);
      REQUIRE_OK(pending);
      while (!pending->ready()) {
        REQUIRE_OK(server[0].poll());
        REQUIRE_OK(server[1].poll());
      }
      const auto reply = pending->wait();
      REQUIRE_OK(reply);
      REQUIRE(test::number_in<std::uint64_t>(reply->bytes()) == who);
    }
    REQUIRE_OK(server[who].off("who"));
  }
}

TEST_CASE("whoever waits for a name sees it come", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  test::Child later([&] {
    test::nap(50ms);
    return test::serve_for_ever(path.path(), test::handlers({{"echo", echo}}));
  });
  const test::Stopwatch watch;
  REQUIRE_OK(bus->wait_until_available("echo", 5s));
  CHECK(watch.ms() >= 40);
  CHECK(watch.ms() < 1000);
  CHECK_OK(test::caller_of(*bus, "echo").call({}, {}));
}

TEST_CASE("a call waits for the first registration ever", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto caller = test::caller_of(*bus, "echo", {.when_vacant = WhenVacant::wait});
  test::Child later([&] {
    test::nap(50ms);
    return test::serve_for_ever(path.path(), test::handlers({{"echo", echo}}));
  });
  const std::uint64_t number = 3;
  std::uint64_t back = 0;
  CHECK_OK(caller.call(test::raw(number), test::raw(back), 5s));
  CHECK(back == 3);
}

TEST_CASE("a successor takes over the names that it registers, and no other", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto both = test::handler_process(path.path(), test::handlers({{"a", echo}, {"b", echo}}));
  REQUIRE_OK(bus->wait_until_available("b", 5s));
  auto b = test::caller_of(*bus, "b");
  REQUIRE_OK(b.call({}, {}));
  both.kill();
  auto first = bus->serve({.label = "first"});
  REQUIRE_OK(first->on("a", echo));
  // The slot is taken again, but nobody serves "b" there.
  CHECK(test::kind(bus->wait_until_available("b", 10ms)) == ErrorKind::timed_out);
  CHECK(test::kind(test::caller_of(*bus, "b").call({}, {}, 100ms)) == ErrorKind::not_registered);
  auto second = bus->serve({.label = "second"});
  REQUIRE_OK(second->on("b", echo));
  REQUIRE_OK(bus->wait_until_available("b", 1s));
  auto pending = b.start({}, 0);
  REQUIRE_OK(pending);
  while (!pending->ready()) REQUIRE_OK(second->poll());
  CHECK_OK(pending->wait());
  CHECK(test::kind(first->on("b", echo)) == ErrorKind::already_registered);
}

TEST_CASE("a caller that waits for a name is served by whoever takes it", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto both = test::handler_process(path.path(), test::handlers({{"a", echo}, {"b", echo}}));
  REQUIRE_OK(bus->wait_until_available("b", 5s));
  both.kill();
  auto first = test::handler_process(path.path(), test::handlers({{"a", echo}}));
  REQUIRE_OK(bus->wait_until_available("a", 5s));
  test::Child later([&] {
    test::nap(50ms);
    return test::serve_for_ever(path.path(), test::handlers({{"b", echo}}));
  });
  auto b = test::caller_of(*bus, "b", {.when_vacant = WhenVacant::wait});
  CHECK_OK(b.call({}, {}, 5s));
}

TEST_CASE("slots that only the names of the dead lead to are given to others", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());  // 4 endpoints
  for (int i = 0; i < 6; ++i) {
    const std::string name = "n" + std::to_string(i);
    auto child = test::handler_process(path.path(), test::handlers({{name, echo}}));
    REQUIRE_OK(bus->wait_until_available(name, 5s));
    CHECK_OK(test::caller_of(*bus, name).call({}, {}, 5s));
    child.kill();
  }
}

TEST_CASE("endpoints run out with the name of the option, and come back", "[registration]") {
  test::TempBus path;
  auto bus = Bus::open(path.path(), test::small_bus());  // 4 endpoints
  std::vector<Server> servers;
  for (int i = 0; i < 4; ++i) {
    servers.push_back(*bus->serve());
    REQUIRE_OK(servers.back().on("n" + std::to_string(i), echo));
  }
  auto fifth = bus->serve();
  const auto refused = fifth->on("n4", echo);
  CHECK(test::kind(refused) == ErrorKind::limit_reached);
  CHECK(refused.error().message.view().find("capacities.endpoints") != std::string_view::npos);
  servers.pop_back();
  CHECK_OK(fifth->on("n4", echo));
}

TEST_CASE("two processes race for a name a hundred times: one gets it", "[registration]") {
  test::TempBus path;
  struct Race {
    std::atomic<int> round{0};
    std::atomic<int> won[100]{};
    std::atomic<int> refused[100]{};
    std::atomic<int> done[100]{};
  };
  test::Shared<Race> race;
  const auto racer = [&] {
    auto bus = Bus::open(path.path());
    if (!bus) return 1;
    for (int i = 0; i < 100; ++i) {
      while (race->round < i) ::usleep(20);
      auto server = bus->serve();
      const auto got = server->on("prize", echo);
      if (got) ++race->won[i];
      if (!got && got.error().kind == ErrorKind::already_registered) ++race->refused[i];
      ++race->done[i];
      while (race->done[i] < 2) ::usleep(20);
      server = Server();  // both gone before the next round
      if (++race->done[i] == 4) race->round = i + 1;
    }
    return 0;
  };
  test::Child a(racer);
  test::Child b(racer);
  CHECK(a.wait() == 0);
  CHECK(b.wait() == 0);
  for (int i = 0; i < 100; ++i) {
    INFO(i);
    REQUIRE(race->won[i] == 1);
    REQUIRE(race->refused[i] == 1);
  }
}
