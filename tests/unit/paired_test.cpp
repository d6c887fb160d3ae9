// Requests and replies that are a little too long for one cell and go on in a second one.
#include <algorithm>
#include <atomic>
#include <thread>
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
  out.paired = request.size() > layout::inline_request_bytes;
  return caller->publish(out);
}

}  // namespace

TEST_CASE("requests of every size around the seams arrive whole", "[paired]") {
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

TEST_CASE("a stream of mixed sizes fills a lane, wraps, and loses nothing", "[paired]") {
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

TEST_CASE("a request in two cells takes no payload memory", "[paired]") {
  Pipe pipe(8);
  const auto beside = join(pipe.path.path(), one_lane(8));
  (void)must(pipe.caller.send(pattern(layout::paired_request_bytes, 1)));
  CHECK(census(beside->view()).extents == 0);
  (void)must(pipe.caller.send(pattern(layout::paired_request_bytes + 1, 1)));
  CHECK(census(beside->view()).extents == 1);
  pipe.run_all();
}

TEST_CASE("both cells come back, however the command ends", "[paired]") {
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

TEST_CASE("a successor finds both cells as they were left", "[paired]") {
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

namespace {

/// A handler that answers with its request, or with as many bytes as the request says.
struct Echo {
  explicit Echo(std::uint32_t cells)
      : bus(must(Bus::open(path.path(), {.capacities = {.cells_per_lane = cells}}))),
        server(must(bus.serve())) {
    must(server.on("echo", [](Context& context) {
      const auto in = context.request();
      const auto out = context.reply_buffer(in.size());
      if (!out.empty()) std::copy(in.begin(), in.end(), out.begin());
      return Status::ok();
    }));
  }
  TempBus path;
  Bus bus;
  Server server;
};

}  // namespace

TEST_CASE("requests and replies of every size go to and fro whole", "[paired]") {
  const auto cells = GENERATE(4U, 64U);
  Echo echo(cells);
  std::atomic<bool> ready = false;
  std::jthread serving([&](const std::stop_token& stop) {
    auto server = must(echo.bus.serve());
    must(server.on("echo.thread", [](Context& context) {
      const auto in = context.request();
      const auto out = context.reply_buffer(in.size());
      if (!out.empty()) std::copy(in.begin(), in.end(), out.begin());
      return Status::ok();
    }));
    ready = true;
    (void)server.run(stop);
  });
  auto caller = must(echo.bus.caller("echo.thread", {.when_vacant = WhenVacant::wait}));
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 280; ++size) sizes.push_back(size);
  for (const std::size_t size : {511, 512, 1024, 2047, 2048, 2049, 4096, 4097, 9000}) {
    sizes.push_back(size);
  }
  std::vector<std::byte> reply(9000);
  for (const std::size_t size : sizes) {
    const auto sent = pattern(size, static_cast<std::uint32_t>(size));
    for (const std::size_t room : {size, std::max<std::size_t>(size, 48), std::size_t{9000}}) {
      std::fill(reply.begin(), reply.end(), std::byte{0});
      const auto got = must(caller.call(sent, std::span(reply).first(room)));
      REQUIRE(got == size);
      REQUIRE(std::equal(sent.begin(), sent.end(), reply.begin()));
    }
    auto pending = must(caller.start(sent, size));
    const auto view = must(pending.wait());
    REQUIRE(std::equal(sent.begin(), sent.end(), view.bytes().begin(), view.bytes().end()));
  }
}

TEST_CASE("a reply of two cells leaves no payload memory taken", "[paired]") {
  Echo echo(8);
  auto caller = must(echo.bus.caller("echo"));
  const auto sent = pattern(layout::paired_request_bytes, 3);
  auto pending = must(caller.start(sent, layout::paired_reply_bytes));
  while (must(echo.server.poll()) != 0) {
  }
  const auto beside = join(echo.path.path(), {.capacities = {.cells_per_lane = 8}});
  CHECK(census(beside->view()).extents == 0);
  const auto view = must(pending.wait());
  CHECK(std::equal(sent.begin(), sent.end(), view.bytes().begin(), view.bytes().end()));
}
