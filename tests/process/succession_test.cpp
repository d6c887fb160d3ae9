// What one kind of owner leaves to another: commands that were queued under one order and are run
// under the other, by a server that registers, stands by, takes over, or serves with others. They
// run at once, in the order that they had, before what is sent to the new owner.
#include <algorithm>
#include <csignal>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Numbers = std::vector<std::uint32_t>;
constexpr std::uint32_t left_behind = 6;
constexpr std::uint32_t later = 100;

Status nothing(Context&) { return Status::ok(); }

enum class How { registers, stands_by, takes_over, founds_group };

/// Two callers that send in turn while nobody serves, and a third.
struct Callers {
  explicit Callers(const std::string& path) {
    for (auto& bus : buses) {
      bus = test::open_when_served(path, "note");
      callers.push_back(test::caller_of(bus, "note", {.when_vacant = WhenVacant::wait}));
    }
  }
  void send(std::size_t who, std::uint32_t number) {
    REQUIRE_OK(callers[who].send(test::raw(number), Notify::now, 5s));
  }
  void leave_behind() {
    for (std::uint32_t i = 0; i < left_behind; ++i) send(i % 2, i);
  }
  std::uint64_t lost() {
    std::uint64_t all = 0;
    for (auto& caller : callers) {
      REQUIRE_OK(caller.flush());
      all += caller.lost();
    }
    return all;
  }
  Bus buses[3];
  std::vector<RawCaller> callers;
};

struct Successor {
  Successor(const std::string& path, Order order, How how, std::uint32_t hot_lanes = 8)
      : bus(*Bus::open(path)),
        server(*bus.serve({.order = order,
                           .hot_lanes = hot_lanes,
                           .stand_by = how == How::stands_by || how == How::takes_over})) {
    const auto handler = [this](Context& c) {
      ran.push_back(test::number_in<std::uint32_t>(c.request()));
      return Status::ok();
    };
    const Registration as{how == How::founds_group ? Sharing::group : Sharing::exclusive};
    REQUIRE_OK(server.on("note", handler, as));
    if (how == How::stands_by) REQUIRE(server.stand_by(5s).value_or(false));
    if (how == How::takes_over) REQUIRE_OK(server.take_over(10s));
  }
  void poll() {
    const test::Stopwatch watch;
    for (int i = 0; i < 20; ++i) REQUIRE_OK(server.poll());
    CHECK(watch.ms() < 5'000);
  }
  Numbers ran;
  Bus bus;
  Server server;
};

Numbers those(const Numbers& all, bool (*wanted)(std::uint32_t)) {
  Numbers some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), wanted);
  return some;
}

void check_order(const Numbers& ran, Order from, Order to) {
  REQUIRE(ran.size() == left_behind + 2);
  const Numbers old = those(ran, [](std::uint32_t n) { return n < later; });
  if (from == Order::global) {
    CHECK(old == Numbers{0, 1, 2, 3, 4, 5});
  } else {
    CHECK(those(old, [](std::uint32_t n) { return n % 2 == 0; }) == Numbers{0, 2, 4});
    CHECK(those(old, [](std::uint32_t n) { return n % 2 == 1; }) == Numbers{1, 3, 5});
  }
  if (to == Order::global) {
    CHECK(Numbers(ran.end() - 2, ran.end()) == Numbers{later, later + 1});
  }
}

void expect_succession(Order from, Order to, How how, std::uint32_t hot_lanes = 8) {
  test::TempBus path;
  auto owner = test::handler_process(path.path(), test::handlers({{"note", nothing}}),
                                     {.order = from, .hot_lanes = hot_lanes});
  Callers callers(path.path());
  for (auto& caller : callers.callers) CHECK_OK(caller.call({}, {}));
  owner.signal(SIGSTOP);
  callers.leave_behind();
  owner.kill();
  Successor successor(path.path(), to, how, hot_lanes);
  callers.send(2, later);
  callers.send(0, later + 1);
  successor.poll();
  check_order(successor.ran, from, to);
  CHECK(callers.lost() == 0);
}

constexpr Order orders[] = {Order::per_caller, Order::global};

}  // namespace

TEST_CASE("a successor runs first what was left, in its order", "[succession]") {
  for (const Order from : orders) {
    for (const Order to : orders) {
      for (const How how : {How::registers, How::stands_by, How::founds_group}) {
        CAPTURE(from == Order::global, to == Order::global, int(how));
        expect_succession(from, to, how);
      }
    }
  }
}

TEST_CASE("so does one without a hot set", "[succession]") {
  for (const Order to : orders) expect_succession(Order::per_caller, to, How::registers, 0);
}

TEST_CASE("a server that takes over runs first what the living one has not started",
          "[succession]") {
  for (const Order from : orders) {
    for (const Order to : orders) {
      CAPTURE(from == Order::global, to == Order::global);
      test::TempBus path;
      auto bus = Bus::open(path.path());
      auto blue = bus->serve({.order = from});
      REQUIRE_OK(blue->on("note", nothing));
      Callers callers(path.path());
      callers.leave_behind();
      std::thread giving([&] {
        for (int i = 0; i < 60 && !blue->replaced(); ++i) {
          (void)blue->poll(0);
          test::nap(2ms);
        }
      });
      Successor green(path.path(), to, How::takes_over);
      giving.join();
      callers.send(2, later);
      callers.send(0, later + 1);
      green.poll();
      check_order(green.ran, from, to);
      CHECK(callers.lost() == 0);
    }
  }
}

TEST_CASE("a server that serves alone runs what a group left", "[succession]") {
  for (const Order from : orders) {
    for (const Order to : orders) {
      CAPTURE(from == Order::global, to == Order::global);
      test::TempBus path;
      auto member = test::Child([&] {
        return test::serve_for_ever(
            path.path(),
            [](Bus&, Server& server) { return bool(server.on("note", nothing, {Sharing::group})); },
            {.order = from});
      });
      Callers callers(path.path());
      for (auto& caller : callers.callers) CHECK_OK(caller.call({}, {}));
      member.signal(SIGSTOP);
      callers.leave_behind();
      member.kill();
      Successor alone(path.path(), to, How::registers);
      callers.send(2, later);
      callers.send(0, later + 1);
      alone.poll();
      check_order(alone.ran, from, to);
      CHECK(callers.lost() == 0);
    }
  }
}

TEST_CASE("a successor that dies before it has run what was left leaves it in order",
          "[succession]") {
  for (const Order to : orders) {
    test::TempBus path;
    const Order from = to == Order::global ? Order::per_caller : Order::global;
    auto owner =
        test::handler_process(path.path(), test::handlers({{"note", nothing}}), {.order = from});
    Callers callers(path.path());
    for (auto& caller : callers.callers) CHECK_OK(caller.call({}, {}));
    owner.signal(SIGSTOP);
    callers.leave_behind();
    owner.kill();
    test::Child brief([&] {
      auto bus = Bus::open(path.path());
      auto server = bus->serve({.order = to});
      if (!server->on("note", nothing)) return 1;
      ::_exit(0);  // as if killed: it has moved in, and has run nothing
    });
    REQUIRE(brief.wait(10s) == 0);
    Successor successor(path.path(), to, How::registers);
    callers.send(2, later);
    callers.send(0, later + 1);
    successor.poll();
    check_order(successor.ran, from, to);
  }
}
