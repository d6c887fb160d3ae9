// A server that stands by, and sits down when the endpoint is free.
#include <thread>

#include "support/census.hpp"
#include "takeover/world.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// Waits for its turn, then serves. May stop on the way, once: see test::stop_at.
int wait_and_serve(const std::string& path, test::Ledger& ledger, int generation,
                   const char* stop_at = nullptr) {
  auto bus = Bus::open(path, {.label = "standby"});
  if (!bus) return 10;
  test::Clerk clerk(ledger, true);
  auto server = bus->serve({.label = "standby", .stand_by = true});
  if (!server || !test::add_handlers(*server, ledger, clerk)) return 11;
  if (stop_at != nullptr) {
    test::stop_at(ledger, stop_at);
  } else {
    ++ledger.reached;
  }
  for (;;) {
    const auto owns = server->stand_by(100ms);
    if (!owns) return 12;
    if (*owns) break;
  }
  ledger.serving = generation;
  return server->run({}) ? 0 : 13;
}

}  // namespace

TEST_CASE("the endpoint of a dead owner goes to the one that stands by", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  test::Child standby([&] { return wait_and_serve(path.path(), *ledger, 2); });
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 1}), test::raw(back)));
  blue.signal(SIGSTOP);
  test::nap(300ms);
  CHECK(ledger->serving == 1);  // stopped is not dead
  auto queued = work.start(test::raw(test::Command{0, 0, 2}), 8, 20s);
  REQUIRE_OK(queued);
  const test::Stopwatch watch;
  blue.kill();
  CHECK_OK(queued->wait());
  CHECK(watch.ms() < 500);
  CHECK(ledger->serving == 2);
  CHECK(ledger->run_count[2] == 1);
}

TEST_CASE("of two that stand by one sits down, the other goes on standing by", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  std::vector<test::Child> standbys;
  for (int i = 2; i <= 3; ++i) {
    standbys.emplace_back([&, i] { return wait_and_serve(path.path(), *ledger, i); });
  }
  REQUIRE(test::eventually([&] { return ledger->reached == 2; }));
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  std::uint64_t back = 0;
  blue.kill();
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 1}), test::raw(back), 10s));
  REQUIRE(test::eventually([&] { return ledger->serving > 1; }));
  const int second = ledger->serving;
  standbys[std::size_t(second) - 2].kill();
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 2}), test::raw(back), 10s));
  CHECK(test::eventually([&] { return ledger->serving == 5 - second; }));
}

TEST_CASE("an owner that leaves while somebody asks gives its endpoint away instead",
          "[takeover]") {
  test::TempBus path;
  auto blue_bus = Bus::open(path.path());
  REQUIRE_OK(blue_bus);
  auto blue = blue_bus->serve({.label = "blue"});
  REQUIRE_OK(blue);
  REQUIRE_OK(blue->on("work", [](Context&) { return Status::ok(); }));
  auto caller_bus = Bus::open(path.path());
  REQUIRE_OK(caller_bus);
  auto work = test::caller_of(*caller_bus, "work");
  auto queued = work.start({}, 0, 20s);  // blue never polls
  REQUIRE_OK(queued);
  std::atomic<bool> taken{false};
  std::thread green([&] {
    auto bus = Bus::open(path.path());
    auto server = bus->serve({.label = "green", .stand_by = true});
    (void)server->on("work", [](Context& c) { return test::answer(c, test::bytes_of("green")); });
    taken = bool(server->take_over(10s));
    (void)server->run_for(100ms);
  });
  test::nap(30ms);
  CHECK_FALSE(taken);
  *blue = {};
  green.join();
  CHECK(taken);
  CHECK_OK(queued->wait());
}

TEST_CASE("who lost the race for a name and then takes it over keeps one endpoint", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  // Green finds nobody to take over from, has an endpoint, and is about to register.
  auto green = test::handler(path.path(), *ledger,
                             {.generation = 2, .take_over = true, .stop_at = "name.schema"});
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto blue = test::handler(path.path(), *ledger, {.generation = 1});
  REQUIRE(test::served_by(*ledger, 1));
  green.signal(SIGCONT);
  REQUIRE(test::served_by(*ledger, 2));
  CHECK(blue.wait(10s) == 0);
  const auto watcher = test::join(path.path());
  CHECK(test::census(watcher->view()).endpoints == 1);
  auto bus = test::open_when_served(path.path(), "work");
  std::uint64_t back = 0;
  CHECK_OK(test::caller_of(bus, "work").call(test::raw(test::Command{0, 0, 1}), test::raw(back)));
  ledger->stop_handlers = true;
  CHECK(green.wait(10s) == 0);
}

TEST_CASE("who loses the race for a name runs nothing of what waits at its endpoint",
          "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  blue.signal(SIGSTOP);
  // Commands that wait for the process that comes next, of a caller that has ended.
  test::Child caller([&] {
    auto bus = test::open_when_served(path.path(), "work");
    auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
    for (std::uint64_t id = 1; id <= 3; ++id) {
      if (!work.send(test::raw(test::Command{0, 0, id}))) return 1;
    }
    ::_exit(0);  // as if killed: nothing is taken back
  });
  REQUIRE(caller.wait(10s) == 0);
  // Green stands by, has the endpoint of the dead, and is about to register; red is quicker.
  blue.kill();
  test::Child green([&] { return wait_and_serve(path.path(), *ledger, 2, "name.schema"); });
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto red = test::handler(path.path(), *ledger, {.generation = 3});
  REQUIRE(test::served_by(*ledger, 3));
  const auto watcher = test::join(path.path());
  CHECK(test::census(watcher->view()).endpoints == 2);
  green.signal(SIGCONT);
  CHECK(test::eventually([&] { return test::census(watcher->view()).endpoints == 1; }));
  CHECK(ledger->runs == 0);
  CHECK(ledger->serving == 3);
  red.kill();
  CHECK(test::served_by(*ledger, 2));
}

TEST_CASE("what callers wait for at the endpoint of who loses the race is run by the winner",
          "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  const CallerOptions patient{.when_vacant = WhenVacant::wait};
  auto work = test::caller_of(bus, "work", patient);
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 1}), test::raw(back)));
  blue.signal(SIGSTOP);
  // By every way to call: pending, with a large reply, asked again and again, in the cell, on loan.
  std::vector<std::byte> padded(200);
  const test::Command large{0, 0, 3};
  std::memcpy(padded.data(), &large, sizeof large);
  auto waited_for = work.start(test::raw(test::Command{0, 0, 2}), 8, 20s);
  auto with_blocks = work.start(padded, 300, 20s);
  auto asked = work.start(test::raw(test::Command{0, 0, 4}), 8, 20s);
  REQUIRE_OK(waited_for);
  REQUIRE_OK(with_blocks);
  REQUIRE_OK(asked);
  std::atomic<int> answered = 0;
  std::vector<std::thread> others;
  for (std::uint64_t id = 5; id <= 6; ++id) {
    others.emplace_back([&, id] {
      auto own = test::caller_of(bus, "work", patient);
      const test::Command command{0, 0, id};
      std::uint64_t reply = 0;
      if (id == 5 && own.call(test::raw(command), test::raw(reply), 20s)) ++answered;
      if (id == 6) {
        auto loan = own.loan(sizeof command, 300);
        std::memcpy(loan->bytes().data(), &command, sizeof command);
        if (loan->call(20s)) ++answered;
      }
    });
  }
  test::nap(100ms);  // for the two to be queued; if they are not, they are no test, and no failure
  blue.kill();
  test::Child green([&] { return wait_and_serve(path.path(), *ledger, 2, "name.schema"); });
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto red = test::handler(path.path(), *ledger, {.generation = 3});
  REQUIRE(test::served_by(*ledger, 3));
  green.signal(SIGCONT);
  CHECK_OK(waited_for->wait());
  CHECK_OK(with_blocks->wait());
  CHECK(test::eventually([&] { return asked->ready(); }, 20s));
  CHECK_OK(asked->wait());
  for (auto& thread : others) thread.join();
  CHECK(answered == 2);
  for (int id = 2; id <= 6; ++id) CHECK(ledger->run_count[id] == 1);
}

TEST_CASE("a call does not go on behind what its caller sent after it", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  auto bus = test::open_when_served(path.path(), "work");
  auto work = test::caller_of(bus, "work", {.when_vacant = WhenVacant::wait});
  std::uint64_t back = 0;
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 1}), test::raw(back)));
  blue.signal(SIGSTOP);
  auto older = work.start(test::raw(test::Command{0, 0, 2}), 8, 20s);
  REQUIRE_OK(older);
  blue.kill();
  test::Child green([&] { return wait_and_serve(path.path(), *ledger, 2, "name.schema"); });
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto red = test::handler(path.path(), *ledger, {.generation = 3});
  REQUIRE(test::served_by(*ledger, 3));
  green.signal(SIGCONT);
  CHECK_OK(work.call(test::raw(test::Command{0, 0, 3}), test::raw(back), 20s));
  CHECK(test::kind(older->wait()) != ErrorKind::none);
  CHECK(ledger->run_count[2] == 0);
  CHECK(ledger->run_count[3] == 1);
}

TEST_CASE("who loses the race for a name keeps no endpoint", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  // Green has an endpoint, and is about to give the name to it; red is quicker.
  test::Child green([&] {
    auto bus = Bus::open(path.path(), {.label = "green"});
    auto server = bus->serve();
    test::Clerk clerk(*ledger, true);
    test::stop_at(*ledger, "name.schema");
    if (test::add_handlers(*server, *ledger, clerk)) return 1;
    for (;;) test::nap(1s);
  });
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto red = test::handler(path.path(), *ledger, {});
  REQUIRE(test::served_by(*ledger, 1));
  const auto watcher = test::join(path.path());
  CHECK(test::census(watcher->view()).endpoints == 2);
  green.signal(SIGCONT);
  CHECK(test::eventually([&] { return test::census(watcher->view()).endpoints == 1; }));
}

TEST_CASE("who is asked for a endpoint before it has moved in gives it away", "[takeover]") {
  test::TempBus path;
  test::Shared<test::Ledger> ledger;
  auto blue = test::handler(path.path(), *ledger, {.generation = 1});
  REQUIRE(test::served_by(*ledger, 1));
  auto green = test::handler(path.path(), *ledger,
                             {.generation = 2, .take_over = true, .stop_at = "take_over.given"});
  REQUIRE(test::eventually([&] { return ledger->reached == 1; }));
  auto red = test::handler(path.path(), *ledger, {.generation = 3, .take_over = true});
  const auto watcher = test::join(path.path());
  const auto somebody_asks = [&] {
    const auto& view = watcher->view();
    for (std::uint32_t i = 0; i < view.capacities().endpoints; ++i) {
      const layout::ControlWord control{view.endpoint(i).control.control.load()};
      if (!control.standby().nobody()) return true;
    }
    return false;
  };
  REQUIRE(test::eventually(somebody_asks));
  green.signal(SIGCONT);
  CHECK(test::eventually([&] { return ledger->serving == 3; }, 10s));
  CHECK(green.wait(10s) == 0);
}

TEST_CASE("a server that is replaced in a loop of poll() and fd()", "[takeover]") {
  test::TempBus path;
  auto blue_bus = Bus::open(path.path());
  REQUIRE_OK(blue_bus);
  auto blue = blue_bus->serve();
  REQUIRE_OK(blue);
  REQUIRE_OK(blue->on("work", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(blue->fd());
  REQUIRE_OK(blue->poll());
  auto bus = Bus::open(path.path());
  auto green = bus->serve({.stand_by = true});
  REQUIRE_OK(green->on("work", [](Context&) { return Status::ok(); }));
  std::atomic<bool> taken{false};
  std::thread taking([&] { taken = bool(green->take_over(10s)); });
  CHECK(test::eventually([&] {
    (void)blue->poll();
    return blue->replaced();
  }));
  taking.join();
  CHECK(taken);
  CHECK_FALSE(blue->draining());
  CHECK(blue->poll().value() == 0);
  CHECK(test::kind(blue->on("work", [](Context&) { return Status::ok(); })) ==
        ErrorKind::already_registered);
  REQUIRE_OK(
      blue->on("other", [](Context&) { return Status::ok(); }));  // an endpoint of its own again
  CHECK_FALSE(blue->replaced());
  auto other = test::caller_of(*bus, "other");
  auto asked = other.start({}, 0, 5s);
  CHECK_OK(blue->run_for(20ms));
  CHECK_OK(asked->wait());
}
