// A name that moves to another slot, or loses its owner, while a caller waits for room: for a cell,
// for memory, for a place in the order of all. What waits at the old slot is run by nobody, so
// there will never be room there: the caller goes where the name leads now, or is told.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t commands = 40;  // more than a lane, an inbox or the memory holds

/// Two slots: "work" lives on one, whose owner is dead, "other" on the one where it will go.
class Scene {
 public:
  explicit Scene(Order order) : order_(order) {
    OpenOptions options = test::small_bus();
    options.capacities.endpoints = 2;
    if (order == Order::global) options.capacities.cells_per_lane = 64;  // the inbox is full first
    bus_ = *Bus::open(path_.path(), options);
    auto dead =
        test::handler_process(path_.path(), test::handlers({{"work", nothing}}), {.order = order});
    REQUIRE_OK(bus_.wait_until_available("work", 10s));
    other_ = *bus_.serve({.order = order});
    REQUIRE_OK(other_.on("other", nothing));
    dead.kill();
  }

  [[nodiscard]] const std::string& path() const { return path_.path(); }

  /// Somebody else sits down where "work" was, "work" comes back elsewhere, and who sat there dies.
  void move_name(std::atomic<std::uint32_t>& ran) {
    auto squatter = test::Child([this] {
      auto bus = Bus::open(path_.path());
      auto server = bus->serve({.order = order_});
      if (!server->on("squatter", nothing)) return 1;
      for (;;) test::nap(1s);
    });
    REQUIRE_OK(bus_.wait_until_available("squatter", 10s));
    REQUIRE_OK(other_.on("work", [&ran](Context&) { return ++ran, Status::ok(); }));
    squatter.kill();
  }
  /// "work" is given up there, and comes back to where it was first.
  void bring_name_back(std::atomic<std::uint32_t>& ran) {
    REQUIRE_OK(other_.off("work"));
    again_ = *bus_.serve();
    REQUIRE_OK(again_.on("work", [&ran](Context&) { return ++ran, Status::ok(); }));
    REQUIRE_OK(again_.run_for(10ms));
  }
  void run_until(const std::atomic<bool>& over) {
    while (!over) (void)other_.run_for(1ms);
    (void)other_.run_for(10ms);
  }

 private:
  static Status nothing(Context&) { return Status::ok(); }

  Order order_;
  test::TempBus path_;
  Bus bus_;
  Server other_;
  Server again_;
};

struct Sent {
  std::atomic<bool> over = false;
  std::atomic<std::uint32_t> sent = 0;
  std::uint64_t lost = 0;
  double slowest_ms = 0;
};

/// Sends them all from a thread, as a caller that waits for the process that comes next.
void send_all(const std::string& path, std::size_t bytes, Sent& result) {
  auto bus = Bus::open(path);
  auto caller = bus->caller("work", {.when_vacant = WhenVacant::wait});
  caller->on_lost(
      [](void* lost, std::uint64_t, ErrorKind) { ++*static_cast<std::uint64_t*>(lost); },
      &result.lost);
  const std::vector<std::byte> request(bytes);
  for (std::uint32_t i = 0; i < commands; ++i) {
    const test::Stopwatch watch;
    if (!caller->send(request, Notify::now, 10s)) break;
    result.slowest_ms = std::max(result.slowest_ms, watch.ms());
    ++result.sent;
  }
  (void)caller->flush();
  result.over = true;
}

void expect_to_move(std::size_t bytes, Order order) {
  Scene scene(order);
  Sent result;
  std::thread caller([&] { send_all(scene.path(), bytes, result); });
  std::uint32_t before = 0;
  do {  // until it waits
    before = result.sent;
    test::nap(50ms);
  } while (before == 0 || result.sent != before);
  CHECK(before < commands);
  std::atomic<std::uint32_t> ran = 0;
  scene.move_name(ran);
  scene.run_until(result.over);
  caller.join();
  CHECK(result.sent == commands);
  CHECK(result.slowest_ms < 5'000);
  CHECK(result.lost + ran == commands);
}

}  // namespace

TEST_CASE("the name moves while a caller waits for a cell", "[moved]") {
  expect_to_move(8, Order::per_caller);
}

TEST_CASE("the name moves while a caller waits for memory", "[moved]") {
  expect_to_move(8192, Order::per_caller);
}

TEST_CASE("the name moves while a caller waits for its turn in the order of all", "[moved]") {
  expect_to_move(8, Order::global);
}

TEST_CASE("the owner dies while a caller that waits for nobody waits for a cell", "[moved]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  const auto nothing = [](Context&) { return Status::ok(); };
  auto handler = test::handler_process(path.path(), test::handlers({{"work", nothing}}));
  auto bus = test::open_when_served(path.path(), "work");
  handler.signal(SIGSTOP);
  std::thread killer([&] {
    test::nap(100ms);
    handler.kill();
  });
  auto caller = test::caller_of(bus, "work");
  const test::Stopwatch watch;
  Result<std::uint64_t> sent;
  do sent = caller.send({}, Notify::now, 10s);
  while (sent);
  CHECK(test::kind(sent) == ErrorKind::not_registered);
  CHECK(watch.ms() < 5'000);
  killer.join();
}

TEST_CASE("what a dead caller left where the name was is not run when it comes back", "[moved]") {
  Scene scene(Order::per_caller);
  test::Child caller([&] {
    auto bus = Bus::open(scene.path());
    auto work = bus->caller("work", {.when_vacant = WhenVacant::wait});
    for (int i = 0; i < 3; ++i) {
      if (!work->send({})) return 1;
    }
    ::_exit(0);  // as if killed: nothing is taken back
  });
  REQUIRE(caller.wait(10s) == 0);
  std::atomic<std::uint32_t> ran = 0;
  scene.move_name(ran);
  scene.bring_name_back(ran);
  CHECK(ran == 0);
}

TEST_CASE("a caller whose lane is another's by now leaves that one's calls alone", "[moved]") {
  test::TempBus path;
  OpenOptions options = test::small_bus();
  options.capacities.lanes = 2;
  auto first = Bus::open(path.path(), options);
  auto second = Bus::open(path.path(), options);
  const auto nothing = [](Context&) { return Status::ok(); };
  auto old_owner = std::make_optional(*second->serve());
  REQUIRE_OK(old_owner->on("work", nothing));
  auto other = *second->serve();
  REQUIRE_OK(other.on("other", nothing));
  auto work = test::caller_of(*first, "work");
  REQUIRE_OK(work.send({}));
  REQUIRE_OK(old_owner->poll());
  old_owner.reset();
  // The lane to the slot that is vacant now is let go for one to another; "work" comes back
  // elsewhere, and somebody else gets that lane.
  auto beside = test::caller_of(*first, "other");
  REQUIRE_OK(beside.send({}));
  REQUIRE_OK(other.poll());
  auto taker = *second->serve();
  REQUIRE_OK(taker.on("taker", nothing));
  REQUIRE_OK(taker.run_for(5ms));
  auto new_owner = *second->serve();
  REQUIRE_OK(new_owner.on("work", nothing));
  auto rival = test::caller_of(*second, "work");
  auto call = rival.start({}, 0);
  REQUIRE_OK(call);
  REQUIRE_OK(work.flush());
  REQUIRE_OK(new_owner.poll());
  CHECK_OK(call->wait());
}
