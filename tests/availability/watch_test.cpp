// Names that come and go, told by a watch, between processes; and what a call does meanwhile.
#include <poll.h>

#include <sstream>
#include <thread>

#include "availability/told.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::changes;
using test::Told;

namespace {

test::Child owner_of(const std::string& path, std::vector<std::string> names) {
  return test::handler_process(path, [=](Bus&, Server& server) {
    for (const auto& name : names) {
      if (!server.on(name,
                     [](Context& context) { return test::answer(context, context.request()); }))
        return false;
    }
    return true;
  });
}

Bus open(const std::string& path) {
  auto bus = Bus::open(path, {.label = "test"});
  REQUIRE_OK(bus);
  return std::move(*bus);
}

bool readable(int fd, int limit_ms) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, limit_ms) == 1;
}

}  // namespace

TEST_CASE("a watch tells of one name: vacant, taken, dead, taken again", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto watch = bus.watch({"user.create"});
  REQUIRE_OK(watch);
  CHECK(changes(*watch, 1) == std::vector<Told>{{"user.create", false, 0}});
  CHECK(changes(*watch, 1, 20ms).empty());
  for (int round = 0; round < 3; ++round) {
    auto owner = owner_of(path.path(), {"other", "user.create"});
    const auto pid = static_cast<std::uint32_t>(owner.pid());
    CHECK(changes(*watch, 1) == std::vector<Told>{{"user.create", true, pid}});
    owner.kill();
    CHECK(changes(*watch, 1) == std::vector<Told>{{"user.create", false, 0}});
  }
}

TEST_CASE("a watch of all names tells of those that are there and those to come",
          "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto first = owner_of(path.path(), {"a"});
  REQUIRE_OK(bus.wait_until_available("a", 20s));
  auto watch = bus.watch();
  REQUIRE_OK(watch);
  const auto pid = static_cast<std::uint32_t>(first.pid());
  CHECK(changes(*watch, 1) == std::vector<Told>{{"a", true, pid}});
  const auto second = owner_of(path.path(), {"b"});
  const auto pid_b = static_cast<std::uint32_t>(second.pid());
  CHECK(changes(*watch, 1) == std::vector<Told>{{"b", true, pid_b}});
  first.kill();
  CHECK(changes(*watch, 1) == std::vector<Told>{{"a", false, 0}});
}

TEST_CASE("a name that changed hands between two looks is told as gone and there again",
          "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto owner = owner_of(path.path(), {"a"});
  REQUIRE_OK(bus.wait_until_available("a", 20s));
  auto watch = bus.watch({"a"});
  REQUIRE(changes(*watch, 1).size() == 1);
  owner.kill();
  const auto next = owner_of(path.path(), {"a"});
  const auto pid = static_cast<std::uint32_t>(next.pid());
  auto caller = test::caller_of(bus, "a", {.when_vacant = WhenVacant::wait});
  REQUIRE_OK(caller.call({}, {}, 20s));  // the next one has it
  CHECK(changes(*watch, 2) == std::vector<Told>{{"a", false, 0}, {"a", true, pid}});
}

TEST_CASE("off() and an ending server are told at once", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto other = open(path.path());
  auto watch = other.watch({"a", "b"});
  REQUIRE(changes(*watch, 2).size() == 2);
  {
    auto server = bus.serve();
    REQUIRE_OK(server->on("a", [](Context&) { return Status::ok(); }));
    REQUIRE_OK(server->on("b", [](Context&) { return Status::ok(); }));
    CHECK(changes(*watch, 2).size() == 2);
    REQUIRE_OK(server->off("a"));
    const auto off = changes(*watch, 1);
    REQUIRE(off.size() == 1);
    CHECK((off[0].name == "a" && !off[0].available));
  }
  const auto gone = changes(*watch, 1);
  REQUIRE(gone.size() == 1);
  CHECK((gone[0].name == "b" && !gone[0].available));
}

TEST_CASE("the fd of a watch becomes readable for epoll", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto owner = std::make_unique<test::Child>(owner_of(path.path(), {"early"}));
  REQUIRE_OK(bus.wait_until_available("early", 20s));
  auto late = test::Child([&] {
    test::nap(300ms);
    return test::serve_for_ever(path.path(), [](Bus&, Server& server) {
      return server.on("late", [](Context&) { return Status::ok(); }).has_value();
    });
  });
  auto watch = bus.watch({"late"});
  const auto fd = watch->fd();
  REQUIRE_OK(fd);
  const auto nothing = [](const NameChange&) {};
  REQUIRE(watch->poll(nothing) == 1U);
  std::vector<Told> all;
  const test::Stopwatch clock;
  while (all.empty() && clock.ms() < 20'000) {
    if (!readable(*fd, 20'000)) break;
    (void)watch->poll([&](const NameChange& change) {
      all.push_back({std::string(change.name.view()), change.available, change.pid});
    });
  }
  const auto pid = static_cast<std::uint32_t>(late.pid());
  CHECK(all == std::vector<Told>{{"late", true, pid}});
  CHECK_FALSE(readable(*fd, 0));  // poll() cleared it, and nothing has changed since
}

TEST_CASE("shmbus watch prints a line for each change", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  test::Shared<std::atomic<bool>> done;
  const test::Child come_and_go([&] {
    while (!*done) {
      auto own = Bus::open(path.path(), {.label = "store"});
      auto server = own->serve();
      if (!server->on("a.b", [](Context&) { return Status::ok(); })) return 1;
      test::nap(30ms);
    }
    return 0;
  });
  const auto ran = test::run_tool(
      {"--bus", path.path(), "watch", "a.b", "never", "--json", "--count", "4", "--for", "20s"});
  *done = true;
  INFO(ran.out << ran.err);
  CHECK(ran.code == 0);
  std::istringstream lines(ran.out);
  int count = 0;
  bool saw_owner = false;
  for (std::string line; std::getline(lines, line); ++count) {
    CHECK(line.starts_with("{\"time\":\""));
    if (line.find("\"never\"") != std::string::npos) {
      CHECK(line.ends_with("\"available\":false}"));
    }
    saw_owner = saw_owner ||
                line.find("\"available\":true,\"owner\":\"store\",\"pid\":") != std::string::npos;
  }
  CHECK(count == 4);
  CHECK(saw_owner);
  const auto text = test::run_tool({"--bus", path.path(), "watch", "never", "--for", "10ms"});
  CHECK(text.code == 0);
  CHECK(text.out.ends_with("Z  never  vacant\n"));
}

TEST_CASE("while a name is vacant a call fails at once or queues, as its caller chose",
          "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto failing = test::caller_of(bus, "a");
  auto waiting = test::caller_of(bus, "a", {.when_vacant = WhenVacant::wait});
  const std::uint64_t question = 7;
  std::uint64_t answer = 0;
  CHECK(test::kind(failing.call(test::raw(question), test::raw(answer))) ==
        ErrorKind::not_registered);
  CHECK(test::kind(bus.wait_until_available("a", 10ms)) == ErrorKind::timed_out);
  // Never had an owner: there is nowhere to queue, so it waits for the registration.
  {
    auto owner = owner_of(path.path(), {"a"});
    REQUIRE_OK(waiting.call(test::raw(question), test::raw(answer), 20s));
    CHECK(answer == 7);
    REQUIRE_OK(failing.call(test::raw(question), test::raw(answer)));
    owner.kill();
  }
  CHECK(test::eventually(
      [&] {
        return test::kind(failing.call(test::raw(question), test::raw(answer), 5s)) ==
               ErrorKind::not_registered;
      },
      20s));
  // Had one: what is sent now lies queued until the next one takes the endpoint.
  auto pending = waiting.start(test::raw(question), sizeof answer, 20s);
  REQUIRE_OK(pending);
  CHECK_FALSE(pending->ready());
  const auto owner = owner_of(path.path(), {"a"});
  const auto reply = pending->wait();
  REQUIRE_OK(reply);
  CHECK(test::number_in<std::uint64_t>(reply->bytes()) == 7);
}

TEST_CASE("misuse of a watch is an error", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  CHECK(test::kind(bus.watch({""})) == ErrorKind::invalid_argument);
  CHECK(test::kind(bus.watch({std::string(129, 'x')})) == ErrorKind::invalid_argument);
  NameWatch empty;
  CHECK(test::kind(empty.poll([](const NameChange&) {})) == ErrorKind::invalid_argument);
  CHECK(test::kind(empty.wait(0s)) == ErrorKind::invalid_argument);
  CHECK(test::kind(empty.fd()) == ErrorKind::invalid_argument);
  CHECK_FALSE(Bus().watch());
}
