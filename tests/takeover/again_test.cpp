// Calls that wait for a handler and are sent again when theirs went before it had started them:
// they neither overtake nor fall behind what they came before, and wait for nothing that never
// comes.
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Numbers = std::vector<std::uint32_t>;
constexpr CallerOptions patient{.when_vacant = WhenVacant::wait};

/// A handler of "work" that gives the name up to another, both on a bus with lanes of 4 cells.
struct Change {
  explicit Change(Order order) {
    for (auto& bus : buses) {
      bus = *Bus::open(path.path(), {.capacities = {.participants = 8,
                                                    .names = 4,
                                                    .endpoints = 4,
                                                    .lanes = 8,
                                                    .cells_per_lane = 4,
                                                    .inbox_slots = 64,
                                                    .extents = 8,
                                                    .extent_bytes = 4096}});
    }
    giver = *buses[0].serve({.order = order});
    next = *buses[1].serve({.order = order});
    REQUIRE_OK(giver.on("work", handler()));
    REQUIRE_OK(next.on("other", handler()));
  }
  /// What waits for the first is refused by it, what comes next is for the other.
  void change() {
    REQUIRE_OK(giver.off("work"));
    REQUIRE_OK(giver.poll());
    REQUIRE_OK(next.on("work", handler()));
  }
  /// While `f` waits.
  template <class F>
  void serve_during(F f) {
    std::atomic<bool> over = false;
    std::thread serving([&] {
      while (!over) (void)next.run_for(1ms);
    });
    f();
    over = true;
    serving.join();
  }
  std::function<Status(Context&)> handler() {
    return [this](Context& c) {
      ran.push_back(test::number_in<std::uint32_t>(c.request()));
      return Status::ok();
    };
  }
  static Pending start(RawCaller& caller, std::uint32_t number, Duration timeout = 20s) {
    auto pending = caller.start(test::raw(number), 0, timeout);
    REQUIRE_OK(pending);
    return std::move(*pending);
  }

  test::TempBus path;
  Bus buses[4];
  Server giver;
  Server next;
  Numbers ran;
};

}  // namespace

TEST_CASE("calls that were refused together go on in their order", "[takeover][again]") {
  Change bus(Order::per_caller);
  auto work = test::caller_of(bus.buses[2], "work", patient);
  std::vector<Pending> begun;
  for (std::uint32_t i = 1; i <= 3; ++i) begun.push_back(Change::start(work, i));
  bus.change();
  bus.serve_during([&] {
    for (auto& one : begun) CHECK_OK(one.wait());
  });
  CHECK(bus.ran == Numbers{1, 2, 3});
}

TEST_CASE("a call that was refused does not go on behind what was sent since",
          "[takeover][again]") {
  Change bus(Order::per_caller);
  auto work = test::caller_of(bus.buses[2], "work", patient);
  auto first = Change::start(work, 1);
  auto second = Change::start(work, 2);
  bus.change();
  bus.serve_during([&] {
    CHECK_OK(first.wait());
    CHECK_OK(work.call(test::raw(std::uint32_t{3}), {}));
    CHECK(test::kind(second.wait()) == ErrorKind::not_registered);
  });
  CHECK(bus.ran == Numbers{1, 3});
}

TEST_CASE("a call that has its place in the order of all has no other", "[takeover][again]") {
  Change bus(Order::global);
  auto work = test::caller_of(bus.buses[2], "work", patient);
  auto other = test::caller_of(bus.buses[3], "work", patient);
  auto first = Change::start(work, 1);
  bus.change();
  auto later = Change::start(other, 2);
  bus.serve_during([&] {
    CHECK_OK(later.wait());
    CHECK(test::kind(first.wait()) == ErrorKind::not_registered);
  });
  CHECK(bus.ran == Numbers{2});
}

TEST_CASE("a blocking call goes on, also under one order for all", "[takeover][again]") {
  Change bus(Order::global);
  std::thread caller([&] {
    auto work = test::caller_of(bus.buses[2], "work", patient);
    CHECK_OK(work.call(test::raw(std::uint32_t{1}), {}, 20s));
    auto loan = work.loan(4, 0);
    REQUIRE_OK(loan);
    CHECK_OK(loan->call(20s));
  });
  test::nap(20ms);  // for the call to be queued; if it is not, this is no test, and no failure
  bus.change();
  bus.serve_during([&] { caller.join(); });
  CHECK(bus.ran.size() == 2);
}

TEST_CASE("a call goes on where only one cell is free, and not where none ever will be",
          "[takeover][again]") {
  const std::uint32_t held = GENERATE(2U, 3U);  // of the 3 that a lane has for its commands
  Change bus(Order::per_caller);
  auto work = test::caller_of(bus.buses[2], "work", patient);
  auto other = test::caller_of(bus.buses[2], "other");
  auto begun = Change::start(work, 1);
  bus.change();
  std::vector<Pending> unread;
  for (std::uint32_t i = 0; i < held; ++i) unread.push_back(Change::start(other, 10 + i));
  const test::Stopwatch watch;
  bus.serve_during([&] {
    for (const auto& one : unread) {
      REQUIRE(test::eventually([&] { return one.ready(); }));
    }
    if (held == 2) {
      CHECK_OK(begun.wait());
    } else {
      CHECK(test::kind(begun.wait()) == ErrorKind::overloaded);
    }
  });
  CHECK(watch.ms() < 10'000);
  CHECK(bus.ran.size() == 3);
}
