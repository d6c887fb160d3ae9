// What happens when something runs out: cells, payload memory, lanes. Each is an error that names
// the option, or a bounded wait, as the caller chose.
#include <csignal>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// Answers "slow" after 30 ms; "fast" at once.
test::Child slow_handler(const std::string& path) {
  return test::handler_process(
      path, test::handlers({{"slow",
                             [](Context& c) {
                               test::nap(30ms);
                               return test::answer(c, c.request());
                             }},
                            {"fast", [](Context& c) { return test::answer(c, c.request()); }}}));
}

}  // namespace

TEST_CASE("a full lane: overloaded at once, or a wait for a cell", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }  // 8 cells
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  auto hasty = test::caller_of(bus, "slow", {.when_full = WhenFull::fail});
  std::vector<Pending> pending;
  for (int i = 0; i < 7; ++i) {
    auto one = hasty.start({}, 0);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  const test::Stopwatch watch;
  const auto refused = hasty.start({}, 0);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::overloaded);
  CHECK(refused.error().message.view().find("cells_per_lane") != std::string_view::npos);
  CHECK(watch.ms() < 25);
  CHECK(refused.error().message.view().find("is behind") != std::string_view::npos);
  auto patient = test::caller_of(bus, "fast");
  CHECK(test::kind(patient.send({}, Notify::now, 5ms)) == ErrorKind::overloaded);

  // Answered, but not read: the cause is this thread, not the handler.
  REQUIRE(test::eventually([&] {
    return std::all_of(pending.begin(), pending.end(), [](Pending& one) { return one.ready(); });
  }));
  const auto unread = hasty.start({}, 0);
  REQUIRE_FALSE(unread);
  INFO(unread.error().message.view());
  CHECK(unread.error().kind == ErrorKind::overloaded);
  CHECK(unread.error().message.view().find("is behind") == std::string_view::npos);
  CHECK(unread.error().message.view().find("7 calls of this thread are answered but not read") !=
        std::string_view::npos);
  for (auto& one : pending) CHECK_OK(one.wait());
  CHECK_OK(hasty.call({}, {}));
}

TEST_CASE("one-way commands beyond the lane wait for the handler, and all arrive", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    static std::uint64_t sum = 0;
    return server.on("add", [](Context& c) {
      return sum += test::number_in<std::uint64_t>(c.request()), Status::ok();
    }) && server.on("sum", [](Context& c) { return test::answer(c, test::raw(sum)); });
  });
  auto bus = test::open_when_served(path.path(), "sum");
  auto add = test::caller_of(bus, "add");
  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    REQUIRE_OK(add.send(test::raw(i), i % 5 == 0 ? Notify::now : Notify::later));
    expected += i;
  }
  REQUIRE_OK(add.flush());
  std::uint64_t sum = 0;
  CHECK_OK(test::caller_of(bus, "sum").call({}, test::raw(sum)));
  CHECK(sum == expected);
  CHECK(add.lost() == 0);
}

TEST_CASE("payload memory that is out on loan is waited for, or refused", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }  // 8 extents of 4 KiB
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  const std::vector<std::byte> large(4096);
  auto patient = test::caller_of(bus, "slow");
  for (int i = 0; i < 20; ++i) REQUIRE_OK(patient.send(large));  // faster than the handler
  auto hasty = test::caller_of(bus, "slow", {.when_full = WhenFull::fail});
  ErrorKind kind = ErrorKind::none;
  for (int i = 0; i < 20 && kind == ErrorKind::none; ++i) kind = test::kind(hasty.send(large));
  CHECK(kind == ErrorKind::overloaded);
  CHECK(test::kind(patient.call(large, {}, 1ms)) != ErrorKind::none);
  std::vector<Loan> loans;
  while (true) {
    auto loan = hasty.loan(4096);
    if (!loan) {
      CHECK(loan.error().kind == ErrorKind::overloaded);
      CHECK(loan.error().message.view().find("capacities.extents") != std::string_view::npos);
      break;
    }
    loans.push_back(std::move(*loan));
  }
  loans.clear();
  std::vector<std::byte> room(4096);
  CHECK_OK(test::caller_of(bus, "fast").call(large, room));
}

TEST_CASE("memory of calls whose replies nobody reads comes back", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  auto fast = test::caller_of(bus, "fast");
  const std::vector<std::byte> large(4096);
  for (int i = 0; i < 500; ++i) {
    auto given_up = fast.start(large, 4096);  // destroyed at once
    REQUIRE_OK(given_up);
    auto loan = fast.loan(4096, 4096);
    REQUIRE_OK(loan);
    loan->shrink(100);
    CHECK(loan->bytes().size() == 100);
    if (i % 2 == 0) {
      auto reply = loan->call();
      REQUIRE_OK(reply);
      REQUIRE(reply->bytes().size() == 100);
    }
  }
}

TEST_CASE("lanes run out with the name of the option", "[limits]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.capacities.lanes = 1;
  { CHECK_OK(Bus::open(path.path(), options)); }
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  auto first = test::caller_of(bus, "fast");
  CHECK_OK(first.call({}, {}));
  test::Child second([&] {
    auto own = Bus::open(path.path());
    auto caller = own->caller("fast");
    const auto refused = caller->call({}, {});
    if (refused || refused.error().kind != ErrorKind::limit_reached) return 1;
    return refused.error().message.view().find("capacities.lanes") != std::string_view::npos ? 0
                                                                                             : 2;
  });
  CHECK(second.wait() == 0);
  CHECK_OK(first.call({}, {}));
}

TEST_CASE("a handler gets a seat when dead callers sit on all of them", "[limits]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.capacities.participants = 4;
  { CHECK_OK(Bus::open(path.path(), options)); }
  const auto setup =
      test::handlers({{"echo", [](Context& c) { return test::answer(c, c.request()); }}});
  {
    auto first = test::handler_process(path.path(), setup);
    (void)test::open_when_served(path.path(), "echo");
  }
  // Each leaves a command at the vacant endpoint, which keeps its lane and so its seat.
  for (int i = 0; i < 4; ++i) {
    test::Child caller([&] {
      auto bus = Bus::open(path.path());
      auto echo = bus->caller("echo", {.when_vacant = WhenVacant::wait});
      if (!echo->send({})) return 1;
      ::raise(SIGKILL);
      return 2;
    });
    REQUIRE(caller.wait() == test::ended_by(SIGKILL));
  }
  const auto second = test::handler_process(path.path(), setup);
  auto bus = test::open_when_served(path.path(), "echo");
  CHECK_OK(test::caller_of(bus, "echo").call({}, {}));
}
