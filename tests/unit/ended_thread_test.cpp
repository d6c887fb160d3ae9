// What a thread's callers leave in other hands when it ends: lanes and memory come back as soon as
// the last of it is destroyed, by whichever thread.
#include <optional>
#include <thread>
#include <vector>

#include "layout/words.hpp"
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Held {
  std::uint32_t lanes = 0;
  std::uint32_t extents = 0;
  friend bool operator==(const Held&, const Held&) = default;
};

Held held_on(const segment::View& view) {
  Held held;
  for (std::uint32_t i = 0; i < view.capacities().lanes; ++i) {
    const layout::LaneWord word{view.lane_word(i).load()};
    if (word.state() != layout::LaneState::free) ++held.lanes;
  }
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    if (!layout::ExtentWord{view.extent_word(i).load()}.party().nobody()) ++held.extents;
  }
  return held;
}

OpenOptions roomy() {
  auto options = test::small_bus();
  options.capacities.lanes = 32;
  options.capacities.extents = 64;
  return options;
}

/// A bus with a handler that echoes, in a thread of its own.
struct Echo {
  Echo() {
    bus = std::move(*Bus::open(path.path(), roomy()));
    thread = std::jthread([this](const std::stop_token& stop) {
      auto server = *bus.serve();
      (void)server.on("echo", [](Context& context) {
        const auto reply = context.reply_buffer(3000);
        return reply.size() == 3000 ? Status::ok() : Status::reject(1);
      });
      ready = true;
      (void)server.run(stop);
    });
    REQUIRE(test::eventually([this] { return ready.load(); }));
  }
  test::TempBus path;
  Bus bus;
  std::atomic<bool> ready{false};
  std::jthread thread;
};

/// What `make` returns, in the hands of this thread when the one that made it has ended.
template <class T, class Make>
std::vector<T> left_by_threads(Bus& bus, Make make) {
  std::vector<T> left;
  for (int i = 0; i < 12; ++i) {
    std::optional<T> one;
    std::thread([&] {
      auto caller = bus.caller("echo", {.when_vacant = WhenVacant::wait});
      REQUIRE_OK(caller);
      one.emplace(make(*caller));
    }).join();
    left.push_back(std::move(*one));
  }
  return left;
}

template <class T, class Make>
void check_comes_back(Make make) {
  Echo echo;
  const auto core = test::join(echo.path.path(), roomy());
  const auto before = held_on(core->view());
  {
    const auto left = left_by_threads<T>(echo.bus, make);
    CHECK(held_on(core->view()) != before);
  }
  // Lanes that were served come back when their owner has looked at them.
  CHECK(test::eventually([&] {
    (void)echo.bus.caller("echo");  // settles what an ended thread had with handlers
    return held_on(core->view()) == before;
  }));
}

const std::vector<std::byte> large(3000);

}  // namespace

TEST_CASE("callers that outlive their threads leave nothing", "[ended]") {
  check_comes_back<RawCaller>([](RawCaller& caller) {
    std::vector<std::byte> reply(3000);
    REQUIRE_OK(caller.call(large, reply, 5s));
    return caller;
  });
}

TEST_CASE("loans that outlive their threads leave nothing", "[ended]") {
  check_comes_back<Loan>([](RawCaller& caller) {
    std::vector<std::byte> reply(3000);
    REQUIRE_OK(caller.call(large, reply, 5s));
    return std::move(*caller.loan(3000, 3000));
  });
}

TEST_CASE("pending calls that outlive their threads leave nothing", "[ended]") {
  check_comes_back<Pending>(
      [](RawCaller& caller) { return std::move(*caller.start(large, 3000, 5s)); });
}

TEST_CASE("replies that outlive their threads leave nothing", "[ended]") {
  check_comes_back<ReplyView>([](RawCaller& caller) {
    auto view = caller.start(large, 3000, 5s)->wait();
    REQUIRE_OK(view);
    return std::move(*view);
  });
}
