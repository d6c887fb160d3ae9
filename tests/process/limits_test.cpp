// What happens when something runs out: cells, payload memory, lanes. Each is an error that names
// the option, or a bounded wait, as the caller chose.
#include <atomic>
#include <csignal>
#include <thread>

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
  CHECK(refused.error().message.view().find("7 calls under way") != std::string_view::npos);
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
  CHECK(unread.error().message.view().find("7 of them answered: wait() for some of them first") !=
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

TEST_CASE("who needs a lane waits for one", "[limits]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.capacities.lanes = 2;
  { CHECK_OK(Bus::open(path.path(), options)); }
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  std::atomic<int> refused = 0;
  for (int wave = 0; wave < 20; ++wave) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        auto fast = bus.caller("fast");
        if (!fast || !fast->call({}, {}, 20s)) ++refused;
      });
    }
    for (auto& thread : threads) thread.join();
  }
  CHECK(refused == 0);
}

TEST_CASE("callers that need two blocks each do not stand still together", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }  // 8 extents, a block each
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 7; ++i) {
    threads.emplace_back([&] {
      auto fast = bus.caller("fast");
      const std::vector<std::byte> request(4096);
      std::vector<std::byte> reply(4096);
      for (int call = 0; call < 30; ++call) {
        if (!fast->call(request, reply, 20s)) ++refused;
        auto loan = fast->loan(4096, 4096);
        if (!loan || !loan->call(20s)) ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(refused == 0);
}

TEST_CASE("threads that hold all memory in unread replies are told so", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  std::atomic<int> ready = 0;
  std::atomic<int> told = 0;
  std::atomic<int> asked = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      auto fast = bus.caller("fast");
      std::vector<Pending> unread;
      for (int call = 0; call < 4; ++call) {
        auto pending = fast->start({}, 4096);
        if (pending) unread.push_back(std::move(*pending));
      }
      if (test::eventually([&] {
            return std::all_of(unread.begin(), unread.end(),
                               [](const Pending& one) { return one.ready(); });
          })) {
        ++ready;
      }
      if (!test::eventually([&] { return ready == 2; })) return;
      const test::Stopwatch watch;
      const auto refused = fast->start({}, 4096, 20s);
      if (!refused && refused.error().kind == ErrorKind::overloaded && watch.ms() < 10'000 &&
          refused.error().message.view().find("4 answered replies") != std::string_view::npos) {
        ++told;
      }
      ++asked;
      (void)test::eventually([&] { return asked == 2; }, 30s);  // nobody lets go before
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(told == 2);
}

TEST_CASE("a thread that has every cell in unread replies is told so at once", "[limits]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }  // 8 cells
  const auto handler = slow_handler(path.path());
  auto bus = test::open_when_served(path.path(), "fast");
  auto fast = test::caller_of(bus, "fast");
  std::vector<Pending> unread;
  for (int i = 0; i < 7; ++i) {
    auto pending = fast.start({}, 0);
    REQUIRE_OK(pending);
    unread.push_back(std::move(*pending));
  }
  REQUIRE(test::eventually([&] {
    return std::all_of(unread.begin(), unread.end(), [](const Pending& p) { return p.ready(); });
  }));
  const test::Stopwatch watch;
  const auto refused = fast.start({}, 0, 30s);
  CHECK(watch.ms() < 10'000);
  REQUIRE(test::kind(refused) == ErrorKind::overloaded);
  CHECK(refused.error().message.view().find("7 of them answered") != std::string_view::npos);
}

namespace {

/// The handler of "work" is dead; that of "other" lives.
struct Bereaved {
  Bereaved() {
    CHECK_OK(Bus::open(path.path(), test::small_bus()));
    const auto echo = [](Context& c) { return test::answer(c, c.request()); };
    auto dead = test::handler_process(path.path(), test::handlers({{"work", echo}}));
    (void)test::open_when_served(path.path(), "work");
    alive = test::handler_process(path.path(), test::handlers({{"other", echo}}));
    dead.kill();
  }
  /// Large calls of another name by somebody who has nothing yet.
  void check_others() {
    auto bus = test::open_when_served(path.path(), "other");
    auto other = test::caller_of(bus, "other", {.when_full = WhenFull::fail});
    const std::vector<std::byte> request(3 * 4096);
    std::vector<std::byte> reply(3 * 4096);
    CHECK_OK(other.call(request, reply));
  }
  test::TempBus path;
  test::Child alive;
};

}  // namespace

TEST_CASE("callers of a vacant name that gave up and ended hold nothing", "[limits]") {
  Bereaved bus;
  for (int i = 0; i < 10; ++i) {
    test::Child caller([&] {
      auto own = Bus::open(bus.path.path());
      auto work = own->caller("work", {.when_vacant = WhenVacant::wait});
      const std::vector<std::byte> request(4096);
      std::vector<std::byte> reply(4096);
      const auto refused = work->call(request, reply, 10ms);
      return test::kind(refused) == ErrorKind::handler_died_before_start ? 0 : 1;
    });
    REQUIRE(caller.wait() == 0);
  }
  bus.check_others();
}

TEST_CASE("the living are not refused for the sake of the dead", "[limits]") {
  Bereaved bus;
  for (int i = 0; i < 4; ++i) {
    test::Child caller([&] {
      auto own = Bus::open(bus.path.path());
      auto work = own->caller("work", {.when_vacant = WhenVacant::wait});
      const std::vector<std::byte> request(4096);
      if (!work->send(request) || !work->send(request)) return 1;
      ::raise(SIGKILL);
      return 2;
    });
    REQUIRE(caller.wait() == test::ended_by(SIGKILL));
  }
  bus.check_others();
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
    auto caller = own->caller("fast", {.when_full = WhenFull::fail});
    const auto refused = caller->call({}, {});
    if (refused || refused.error().kind != ErrorKind::limit_reached) {
      std::fprintf(stderr, "%s\n", test::describe(refused).c_str());
      return 1;
    }
    return refused.error().message.view().find("capacities.lanes") != std::string_view::npos ? 0
                                                                                             : 2;
  });
  CHECK(second.wait() == 0);
  CHECK_OK(first.call({}, {}));
}

TEST_CASE("an idle lane of the thread is given up for the handler of another name", "[limits]") {
  test::TempBus path;
  auto options = test::small_bus();
  options.capacities.lanes = 1;
  { CHECK_OK(Bus::open(path.path(), options)); }
  const auto echo = [](Context& c) { return test::answer(c, c.request()); };
  const auto one = test::handler_process(path.path(), test::handlers({{"one", echo}}));
  const auto two = test::handler_process(path.path(), test::handlers({{"two", echo}}));
  auto bus = test::open_when_served(path.path(), "one");
  CHECK_OK(bus.wait_until_available("two", 10s));
  auto first = test::caller_of(bus, "one");
  auto second = test::caller_of(bus, "two");
  for (int i = 0; i < 5; ++i) {
    CHECK_OK(first.call({}, {}));
    CHECK_OK(second.call({}, {}));
  }
  // A call under way keeps its lane.
  auto pending = first.start({}, 0);
  CHECK_OK(pending);
  const auto refused = second.call({}, {}, 50ms);
  CHECK((!refused && refused.error().kind == ErrorKind::limit_reached));
  CHECK_OK(pending->wait());
  CHECK_OK(second.call({}, {}));
}

TEST_CASE("a handler gets a slot when dead callers sit on all of them", "[limits]") {
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
  // Each leaves a command at the vacant endpoint, which keeps its lane and so its slot.
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
