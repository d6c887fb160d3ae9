// The text of an error says what happened and what to do about it: each is reached by its cause.
#include <csignal>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Status nothing(Context&) { return Status::ok(); }

template <class T>
void check_says(const Result<T>& result, ErrorKind kind, std::initializer_list<const char*> parts,
                std::initializer_list<const char*> never = {}) {
  REQUIRE_FALSE(result);
  INFO(test::describe(result));
  CHECK(result.error().kind == kind);
  const auto text = result.error().message.view();
  for (const char* part : parts) CHECK(text.find(part) != std::string_view::npos);
  for (const char* part : never) CHECK(text.find(part) == std::string_view::npos);
}

}  // namespace

TEST_CASE("who did not ask to wait for a handler is told to, who has waited is not", "[texts]") {
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  check_says(test::caller_of(bus, "nobody").call({}, {}), ErrorKind::not_registered,
             {"'nobody'", "WhenVacant::wait"});
  auto patient = test::caller_of(bus, "nobody", {.when_vacant = WhenVacant::wait});
  check_says(patient.call({}, {}, 20ms), ErrorKind::not_registered,
             {"no handler came for 'nobody'", "wait longer"}, {"WhenVacant::wait", "ask to wait"});
}

TEST_CASE("the same of one whose handler died before it began", "[texts]") {
  const bool waits = GENERATE(false, true);
  test::TempBus path;
  auto owner = test::handler_process(path.path(), test::handlers({{"work", nothing}}));
  auto bus = test::open_when_served(path.path(), "work");
  auto work =
      test::caller_of(bus, "work", {.when_vacant = waits ? WhenVacant::wait : WhenVacant::fail});
  owner.signal(SIGSTOP);
  auto queued = work.start({}, 0, waits ? 200ms : 20s);
  REQUIRE_OK(queued);
  owner.kill();
  const auto refused = queued->wait();
  if (waits) {
    check_says(refused, ErrorKind::handler_died_before_start, {"no other came in time"},
               {"WhenVacant::wait"});
  } else {
    check_says(refused, ErrorKind::handler_died_before_start, {"WhenVacant::wait"}, {"in time"});
  }
}

TEST_CASE("a full lane: who is behind, the handler or the reader", "[texts]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }  // 8 cells
  auto owner = test::handler_process(path.path(), test::handlers({{"work", nothing}}));
  auto bus = test::open_when_served(path.path(), "work");
  SECTION("the handler, with one-way commands") {
    owner.signal(SIGSTOP);
    auto work = test::caller_of(bus, "work", {.when_full = WhenFull::fail});
    for (int i = 0; i < 7; ++i) REQUIRE_OK(work.send({}));
    check_says(work.send({}), ErrorKind::overloaded, {"the handler is behind", "cells_per_lane"},
               {"wait() for"});
  }
  SECTION("the reader, with answered calls") {
    auto work = test::caller_of(bus, "work");
    std::vector<Pending> unread;
    for (int i = 0; i < 7; ++i) {
      auto pending = work.start({}, 0);
      REQUIRE_OK(pending);
      unread.push_back(std::move(*pending));
    }
    REQUIRE(test::eventually([&] {
      for (const auto& one : unread) {
        if (!one.ready()) return false;
      }
      return true;
    }));
    check_says(work.start({}, 0), ErrorKind::overloaded, {"7 of them answered", "wait() for"},
               {"the handler is behind"});
  }
}

TEST_CASE("no memory: how much is needed and how much there is", "[texts]") {
  test::TempBus path;
  auto bus = *Bus::open(path.path(), test::small_bus());  // 8 extents of 4 KiB
  auto server = *bus.serve();
  REQUIRE_OK(server.on("work", nothing));
  auto work = test::caller_of(bus, "work", {.when_full = WhenFull::fail});
  check_says(work.loan(64 * 1024, 0), ErrorKind::too_large,
             {"32768 bytes of payload memory in all", "65536 were asked for"});
  auto first = work.loan(5 * 4096, 0);
  REQUIRE_OK(first);
  check_says(
      work.loan(5 * 4096, 0), ErrorKind::overloaded,
      {"no payload memory left", "20480 bytes need 5 free extents in a row", "capacities.extents"});
}

TEST_CASE("no lane: the option, and fewer threads", "[texts]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.capacities.lanes = 1;
  auto bus = *Bus::open(path.path(), options);
  auto server = *bus.serve();
  REQUIRE_OK(server.on("work", nothing));
  auto work = test::caller_of(bus, "work");
  REQUIRE_OK(work.send({}));
  std::thread other([&] {
    auto second = test::caller_of(bus, "work", {.when_full = WhenFull::fail});
    check_says(second.send({}), ErrorKind::limit_reached, {"capacities.lanes", "fewer threads"});
  });
  other.join();
}

TEST_CASE("a reply that does not fit: how much room it needs", "[texts]") {
  test::TempBus path;
  auto owner =
      test::handler_process(path.path(), test::handlers({{"work", [](Context& c) {
                                                            const std::vector<std::byte> reply(100);
                                                            return test::answer(c, reply);
                                                          }}}));
  auto bus = test::open_when_served(path.path(), "work");
  std::vector<std::byte> room(60);
  const auto refused = test::caller_of(bus, "work").call({}, room);
  check_says(refused, ErrorKind::too_large, {"the reply needs room for 100 bytes"});
  CHECK(refused.error().needed == 100);
}

TEST_CASE("what the library itself refuses is not the handler's own affair", "[texts]") {
  test::TempBus path;
  auto owner = test::handler_process(
      path.path(), test::handlers({{"throws", [](Context&) -> Status { throw 1; }}}));
  auto bus = test::open_when_served(path.path(), "throws");
  const auto refused = test::caller_of(bus, "throws").call({}, {});
  check_says(refused, ErrorKind::rejected, {"the handler threw an exception"});
  CHECK(refused.error().code == detail::handler_threw);
}
