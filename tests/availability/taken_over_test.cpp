// A name that one living process takes over from another was never gone: a watch tells it so, once.
#include <poll.h>

#include <algorithm>

#include "availability/told.hpp"
#include "support/catch.hpp"
#include "support/handler_process.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::changes;
using test::Told;

namespace {

/// After `delay`, takes "a" and "b" over from whoever has them, serves until the next one does, and
/// stays.
test::Child successor(const std::string& path, const std::string& label,
                      std::chrono::milliseconds delay = 0ms) {
  return test::Child([=] {
    test::nap(delay);
    auto bus = Bus::open(path, {.label = label});
    if (!bus) return 10;
    auto server = bus->serve({.stand_by = true});
    if (!server) return 11;
    for (const char* name : {"a", "b"}) {
      if (!server->on(name, [](Context&) { return Status::ok(); })) return 12;
    }
    if (!server->take_over(20s)) return 13;
    if (!server->run({})) return 14;
    for (;;) ::pause();
  });
}

Bus open(const std::string& path) {
  auto bus = Bus::open(path, {.label = "test"});
  REQUIRE_OK(bus);
  return std::move(*bus);
}

std::uint32_t pid_of(const test::Child& child) { return static_cast<std::uint32_t>(child.pid()); }

/// Calls one after the other; how many failed.
std::uint32_t failures(RawCaller& caller, int calls) {
  std::uint32_t failed = 0;
  for (int i = 0; i < calls; ++i) failed += caller.call({}, {}, 5s) ? 0 : 1;
  return failed;
}

}  // namespace

TEST_CASE("a takeover is told once, with the new owner, and the name is never gone",
          "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto watch = bus.watch({"a"});
  REQUIRE_OK(watch);
  CHECK(changes(*watch, 1) == std::vector<Told>{{"a", false, 0}});
  std::vector<test::Child> owners;
  owners.push_back(successor(path.path(), "first"));
  // Where nobody had it, it is there; nothing was taken over.
  CHECK(changes(*watch, 1) == std::vector<Told>{{"a", true, pid_of(owners.back())}});
  auto caller = test::caller_of(bus, "a");
  for (int round = 0; round < 3; ++round) {
    owners.push_back(successor(path.path(), "next"));
    CHECK(changes(*watch, 1) == std::vector<Told>{{"a", true, pid_of(owners.back()), true}});
    CHECK(failures(caller, 20) == 0);
    CHECK(changes(*watch, 1, 20ms).empty());
  }
  owners[1].kill();  // it had been replaced: nobody's handler
  CHECK(changes(*watch, 1, 200ms).empty());
  owners.back().kill();
  CHECK(changes(*watch, 1) == std::vector<Told>{{"a", false, 0}});
}

TEST_CASE("a watch of all names tells each one that was taken over, and who has it",
          "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  const auto first = successor(path.path(), "blue");
  REQUIRE_OK(bus.wait_until_available("b", 20s));
  auto watch = bus.watch();
  REQUIRE(changes(*watch, 2).size() == 2);
  const auto second = successor(path.path(), "green");
  std::vector<std::string> told;
  while (told.size() < 2) {
    REQUIRE(watch->wait(20s) == true);
    REQUIRE_OK(watch->poll([&](const NameChange& change) {
      CHECK(change.available);
      CHECK(change.taken_over);
      told.push_back(std::string(change.name.view()) + " " + std::string(change.owner.view()));
    }));
  }
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"a green", "b green"});
}

TEST_CASE("a death and a successor between two looks are no takeover", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  auto first = successor(path.path(), "first");
  REQUIRE_OK(bus.wait_until_available("a", 20s));
  auto watch = bus.watch({"a"});
  REQUIRE(changes(*watch, 1).size() == 1);
  first.kill();
  const auto second = successor(path.path(), "second");
  auto caller = test::caller_of(bus, "a", {.when_vacant = WhenVacant::wait});
  REQUIRE_OK(caller.call({}, {}, 20s));
  CHECK(changes(*watch, 2) ==
        std::vector<Told>{{"a", false, 0}, {"a", true, pid_of(second), false}});
}

TEST_CASE("a takeover makes the fd of a watch readable", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  const auto first = successor(path.path(), "first");
  REQUIRE_OK(bus.wait_until_available("a", 20s));
  // Forked while the test has one thread.
  const auto second = successor(path.path(), "second", 300ms);
  auto watch = bus.watch({"a"});
  const auto fd = watch->fd();
  REQUIRE_OK(fd);
  REQUIRE(changes(*watch, 1).size() == 1);
  std::vector<Told> told;
  const test::Stopwatch clock;
  while (told.empty() && clock.ms() < 20'000) {
    pollfd one{*fd, POLLIN, 0};
    if (::poll(&one, 1, 20'000) != 1) break;
    REQUIRE_OK(watch->poll([&](const NameChange& change) {
      told.push_back(
          {std::string(change.name.view()), change.available, change.pid, change.taken_over});
    }));
  }
  CHECK(told == std::vector<Told>{{"a", true, pid_of(second), true}});
}

TEST_CASE("shmbus watch prints a takeover", "[availability]") {
  test::TempBus path;
  auto bus = open(path.path());
  const auto first = successor(path.path(), "blue");
  REQUIRE_OK(bus.wait_until_available("a", 20s));
  const auto watch_two = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"--bus", path.path(), "watch", "a", "--count", "2"};
    words.insert(words.end(), {"--for", "20s"});
    words.insert(words.end(), more.begin(), more.end());
    return test::run_tool(words);
  };
  // The tool has looked by the time they come.
  const auto second = successor(path.path(), "green", 1s);
  const auto text = watch_two({});
  INFO(text.out << text.err);
  CHECK(text.code == 0);
  CHECK(text.out.find("  a  available by blue, pid ") != std::string::npos);
  CHECK(text.out.find("  a  taken over by green, pid ") != std::string::npos);
  const auto third = successor(path.path(), "red", 1s);
  const auto json = watch_two({"--json"});
  INFO(json.out << json.err);
  CHECK(json.code == 0);
  const auto line = json.out.find("\"owner\":\"green\"");
  REQUIRE(line != std::string::npos);
  CHECK(json.out.find("\"available\":false") == std::string::npos);
  // The first line tells how things are.
  CHECK(json.out.substr(0, json.out.find('\n')).find("taken_over") == std::string::npos);
  CHECK(json.out.find("\"owner\":\"red\",\"pid\":" + std::to_string(third.pid()) +
                      ",\"taken_over\":true}\n") != std::string::npos);
}
