// Requests that are a little too long for one cell and go on in a second one.
#include <type_traits>
#include <utility>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/lane_ends.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

template <class T>
T must(Result<T> result) {
  REQUIRE_OK(result);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed) {
  std::vector<std::byte> data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(seed + 7 * i);
  return data;
}

/// A handler that keeps what it was sent, and a caller, in one thread.
struct Pipe {
  explicit Pipe(std::uint32_t cells, Order order = Order::per_caller)
      : bus(must(Bus::open(path.path(), one_lane(cells)))),
        server(must(bus.serve({.order = order}))),
        caller((must(server.on("keep",
                               [this](Context& context) {
                                 const auto request = context.request();
                                 kept.assign(request.begin(), request.end());
                                 return Status::ok();
                               })),
                must(bus.caller("keep", {.when_full = WhenFull::fail})))) {}
  void run_all() {
    while (must(server.poll()) != 0) {
    }
  }

  TempBus path;
  Bus bus;
  Server server;
  RawCaller caller;
  std::vector<std::byte> kept;
};

std::vector<std::byte> bytes_of(const serve::Taken& taken) {
  const auto* from = reinterpret_cast<const std::byte*>(taken.words.data()) + lane::inline_offset;
  return {from, from + taken.head().bytes};
}

lane::Ticket publish(CallerEnd& caller, std::span<const std::byte> request, bool one_way) {
  lane::Outgoing out;
  out.command = 3;
  out.one_way = one_way;
  out.inline_bytes = request;
  return caller->publish(out);
}

}  // namespace

TEST_CASE("requests of every size around the seams arrive whole", "[continued]") {
  const auto cells = GENERATE(4U, 8U);
  const auto order = GENERATE(Order::per_caller, Order::global);
  Pipe pipe(cells, order);
  for (std::uint32_t size = 0; size <= 140; ++size) {
    const auto sent = pattern(size, size);
    for (const Duration timeout : {default_timeout, Duration(std::chrono::seconds(5))}) {
      pipe.kept.clear();
      auto pending = must(pipe.caller.start(sent, 0, timeout));
      pipe.run_all();
      REQUIRE(must(pending.wait()).bytes().empty());
      REQUIRE(pipe.kept == sent);
      pipe.kept.clear();
      must(pipe.caller.send(sent, Notify::now, timeout));
      pipe.run_all();
      REQUIRE(pipe.kept == sent);
    }
  }
}

TEST_CASE("a stream of mixed sizes fills a lane, wraps, and loses nothing", "[continued]") {
  const auto cells = GENERATE(4U, 8U, 64U);
  Pipe pipe(cells);
  std::uint32_t checked = 0;
  for (std::uint32_t i = 0; i < 5'000; ++i) {
    const auto sent = pattern((i * 37) % 120, i);
    while (!pipe.caller.send(sent)) {
      pipe.run_all();
    }
    if (i % 3 != 0) continue;
    pipe.run_all();
    REQUIRE(pipe.kept == sent);
    ++checked;
  }
  CHECK(checked > 1'000);
  pipe.run_all();
}

TEST_CASE("a request in two cells takes no payload memory", "[continued]") {
  Pipe pipe(8);
  const auto beside = join(pipe.path.path(), one_lane(8));
  (void)must(pipe.caller.send(pattern(layout::continued_request_bytes, 1)));
  CHECK(census(beside->view()).extents == 0);
  (void)must(pipe.caller.send(pattern(layout::continued_request_bytes + 1, 1)));
  CHECK(census(beside->view()).extents == 1);
  pipe.run_all();
}

TEST_CASE("both cells come back, however the command ends", "[continued]") {
  TempBus bus;
  CallerEnd caller(bus.path());
  OwnerEnd owner(bus.path());
  const auto long_one = pattern(80, 5);
  const auto all = caller->free_cells();
  for (int i = 0; i < 50; ++i) {
    const auto call = publish(caller, long_one, false);
    CHECK(caller->free_cells() == all - 2);
    const auto taken = owner.take();
    REQUIRE(taken);
    CHECK(bytes_of(*taken) == long_one);
    if (i % 2 == 0) {
      owner.answer(*taken, 1);
      CHECK(caller.reply(call) == 1U);
    } else {
      caller->quarantine(call);  // its caller waits no longer
      CHECK(caller.collect().empty());
      CHECK(caller->free_cells() == all - 2);
      owner.answer(*taken, 1);
      CHECK(caller.collect().empty());
    }
    CHECK(caller->free_cells() == all);
    (void)publish(caller, long_one, true);
    owner.done(*owner.take());
    CHECK(caller.collect().empty());
    CHECK(caller->free_cells() == all);
  }
}

TEST_CASE("a successor finds both cells as they were left", "[continued]") {
  TempBus bus;
  CallerEnd caller(bus.path());
  const auto first = pattern(88, 1);
  const auto second = pattern(41, 2);
  OwnerEnd dead(bus.path());
  (void)publish(caller, first, false);
  (void)publish(caller, second, true);
  (void)publish(caller, first, false);
  REQUIRE(dead.take());  // and then it dies
  OwnerEnd successor(bus.path(), one_lane(), 1);
  const auto next = successor.take();
  REQUIRE(next);
  CHECK(bytes_of(*next) == second);
  const auto last = successor.take();
  REQUIRE(last);
  CHECK(bytes_of(*last) == first);
  CHECK_FALSE(successor.take());
}
