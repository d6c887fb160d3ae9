// What a call that is made inside a handler takes over: the deadline, the cancellation, over three
// processes, without a word in the handlers between.
#include <thread>

#include "context/chain.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Seen;

namespace {

/// test process ── front ── middle ── deep
struct Chain {
  test::TempBus path;
  test::Shared<Seen> seen;
  test::Child deep = test::deep_process(path.path(), seen);
  test::Child middle = test::handler_process(
      path.path(), test::pass_on("middle", "deep", nullptr, {.when_vacant = WhenVacant::wait}));
  test::Child front = test::handler_process(
      path.path(), test::pass_on("front", "middle", &*seen, {.when_vacant = WhenVacant::wait}));

  Bus open() {
    auto bus = test::open_when_served(path.path(), "front");
    for (const auto* name : {"middle", "deep"}) REQUIRE_OK(bus.wait_until_available(name, 20s));
    return bus;
  }
};

}  // namespace

TEST_CASE("a cancelled call is noticed by the deepest handler of three processes", "[context]") {
  Chain chain;
  auto bus = chain.open();
  auto caller = test::caller_of(bus, "front");
  std::vector<double> us;
  constexpr int rounds = 50;
  for (int i = 1; i <= rounds; ++i) {
    auto pending = caller.start({}, 0, forever);
    REQUIRE_OK(pending);
    REQUIRE(test::eventually([&] { return chain.seen->started == i; }, 20s));
    // The two between are asleep or still look, by turns.
    if (i % 2 == 0) test::nap(2ms);
    const auto asked = test::now_ns();
    pending->cancel();
    REQUIRE(test::eventually([&] { return chain.seen->noticed == i; }, 20s));
    us.push_back(static_cast<double>(chain.seen->noticed_ns - asked) / 1e3);
    // It had been started, so the answer is the handler's own, all the way back.
    const auto reply = pending->wait();
    REQUIRE(test::kind(reply) == ErrorKind::rejected);
    REQUIRE(chain.seen->inner_error == static_cast<int>(ErrorKind::rejected));
  }
  CHECK(chain.seen->gave_up == 0);
  std::sort(us.begin(), us.end());
  WARN("cancel to the deepest handler's noticing, 3 processes: p50 " << us[us.size() / 2]
                                                                     << " us, max " << us.back());
}

TEST_CASE("a nested call inherits what is left of the deadline", "[context]") {
  Chain chain;
  auto bus = chain.open();
  auto caller = test::caller_of(bus, "front");
  // The handlers between ask for `forever`.
  // Both calls end at the same moment: the outer one by itself, or because its handler says why.
  const ErrorKind outer = test::kind(caller.call({}, {}, 300ms));
  CHECK((outer == ErrorKind::timed_out || outer == ErrorKind::rejected));
  CHECK(test::eventually([&] { return chain.seen->noticed == 1; }, 20s));
  CHECK(chain.seen->remaining_ns > 0);
  CHECK(chain.seen->remaining_ns <= std::chrono::nanoseconds(300ms).count());
  // By its own clock, or because the caller, whose clock is the same, has given up a moment before.
  REQUIRE(test::eventually([&] { return chain.seen->inner_error != 0; }, 20s));
  const auto ended = static_cast<ErrorKind>(chain.seen->inner_error.load());
  CHECK((ended == ErrorKind::timed_out || ended == ErrorKind::rejected));
}

TEST_CASE("without a deadline nothing is inherited", "[context]") {
  Chain chain;
  auto bus = chain.open();
  auto caller = test::caller_of(bus, "front");
  auto pending = caller.start({}, 0);
  REQUIRE_OK(pending);
  REQUIRE(test::eventually([&] { return chain.seen->started == 1; }, 20s));
  CHECK(chain.seen->remaining_ns == forever.count());
  pending->cancel();
  CHECK(test::eventually([&] { return chain.seen->noticed == 1; }, 20s));
}

TEST_CASE("Inherit::nothing and Shield keep a nested call to itself", "[context]") {
  const bool by_option = GENERATE(true, false);
  test::TempBus path;
  test::Shared<std::atomic<int>> inner_kind;
  test::Shared<std::atomic<int>> started;
  const auto inner = test::handler_process(
      path.path(), test::handlers({{"inner", [](Context& c) {
                                      test::nap(50ms);
                                      return c.remaining() < 1h ? Status::reject(1) : Status::ok();
                                    }}}));
  const auto outer = test::handler_process(path.path(), [&](Bus& bus, Server& server) {
    const auto inherit = by_option ? Inherit::nothing : Inherit::all;
    auto* caller = new RawCaller(
        test::caller_of(bus, "inner", {.when_vacant = WhenVacant::wait, .inherit = inherit}));
    const auto ask = [=, &started, &inner_kind] {
      ++*started;
      *inner_kind = 1000 + static_cast<int>(test::kind(caller->call({}, {}, forever)));
    };
    return server
        .on("outer",
            [=, &started](Context& context) {
              while (!context.cancelled()) {
              }
              if (by_option) return ask(), Status::ok();
              const Shield shield;
              return ask(), Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "outer");
  REQUIRE_OK(bus.wait_until_available("inner", 20s));
  auto caller = test::caller_of(bus, "outer");
  CHECK(test::kind(caller.call({}, {}, 20ms)) == ErrorKind::timed_out);
  CHECK(test::eventually([&] { return *inner_kind != 0; }, 20s));
  CHECK(*started == 1);
  CHECK(*inner_kind == 1000);
}

TEST_CASE("a nested call is not made for a command that was cancelled", "[context]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> kinds;
  test::Shared<std::atomic<int>> ran;
  const auto inner = test::handler_process(path.path(), test::handlers({{"inner", [&](Context&) {
                                                                           ++*ran;
                                                                           return Status::ok();
                                                                         }}}));
  const auto outer = test::handler_process(path.path(), [&](Bus& bus, Server& server) {
    auto* caller = new RawCaller(test::caller_of(bus, "inner", {.when_vacant = WhenVacant::wait}));
    return server
        .on("outer",
            [=, &kinds](Context& context) {
              if (!caller->call({}, {}, forever)) return Status::reject(1);
              while (!context.cancelled()) {
              }
              const bool called = test::kind(caller->call({}, {})) == ErrorKind::cancelled;
              const bool begun = test::kind(caller->start({}, 0)) == ErrorKind::cancelled;
              const bool sent = caller->send({}).has_value();  // nobody waits for it: it is sent
              *kinds = (called ? 1 : 0) + (begun ? 2 : 0) + (sent ? 4 : 0);
              return Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "outer");
  REQUIRE_OK(bus.wait_until_available("inner", 20s));
  auto caller = test::caller_of(bus, "outer");
  auto pending = caller.start({}, 0, forever);
  REQUIRE_OK(pending);
  REQUIRE(test::eventually([&] { return *ran == 1; }, 20s));
  pending->cancel();
  CHECK(test::eventually([&] { return *kinds != 0; }, 20s));
  CHECK(*kinds == 7);
  CHECK(test::eventually([&] { return *ran == 2; }, 20s));  // the one-way command
}

TEST_CASE("a queued call of a cancelled command never starts", "[context]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> kind;
  test::Shared<std::atomic<int>> asked;
  // "nobody" is vacant: what is sent there waits for an owner.
  const auto outer = test::handler_process(path.path(), [&](Bus& bus, Server& server) {
    auto* caller = new RawCaller(test::caller_of(bus, "nobody", {.when_vacant = WhenVacant::wait}));
    return server
        .on("outer",
            [=, &kind, &asked](Context&) {
              ++*asked;
              *kind = 1000 + static_cast<int>(test::kind(caller->call({}, {}, forever)));
              return Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "outer");
  auto caller = test::caller_of(bus, "outer");
  auto pending = caller.start({}, 0, forever);
  REQUIRE_OK(pending);
  REQUIRE(test::eventually([&] { return *asked == 1; }, 20s));
  pending->cancel();
  CHECK(test::eventually([&] { return *kind != 0; }, 20s));
  CHECK(*kind == 1000 + static_cast<int>(ErrorKind::cancelled));
}
