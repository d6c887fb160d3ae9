// Many commands at a time: send_many, start_many, handlers that take batches.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/lane_ends.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Number {
  std::uint64_t value = 0;
  std::uint64_t also = 0;
};
using Note = Command<"batch.note", Number, Nothing>;
using Twice = Command<"batch.twice", Number, Number>;

std::vector<Number> numbers(std::uint64_t from, std::size_t count) {
  std::vector<Number> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = {from + i, ~(from + i)};
  return all;
}

struct Both {
  explicit Both(const OpenOptions& options = {}) {
    auto opened = Bus::open(path.path(), options);
    REQUIRE_OK(opened);
    bus.emplace(std::move(*opened));
    auto serving = bus->serve();
    REQUIRE_OK(serving);
    server.emplace(std::move(*serving));
  }
  std::size_t run_all() {
    std::size_t all = 0;
    for (;;) {
      const auto ran = server->poll();
      REQUIRE_OK(ran);
      if (*ran == 0) return all;
      all += *ran;
    }
  }
  TempBus path;
  std::optional<Bus> bus;
  std::optional<Server> server;
};

}  // namespace

TEST_CASE("send_many sends each once and in order, however many fit", "[batch]") {
  const auto count = GENERATE(1U, 2U, 31U, 32U, 33U, 61U, 62U);
  Both both;
  std::vector<std::uint64_t> got;
  REQUIRE_OK(both.server->on<Note>([&](const Number& in) {
    CHECK(in.also == ~in.value);
    got.push_back(in.value);
  }));
  auto caller = both.bus->caller<Note>({.when_full = WhenFull::fail});
  REQUIRE_OK(caller);
  std::uint64_t next = 0;
  for (int round = 0; round < 200; ++round) {
    const auto sent = caller->send_many(numbers(next, count));
    REQUIRE_OK(sent);
    REQUIRE(*sent == count);
    next += count;
    (void)both.run_all();
    REQUIRE(got.size() == next);
    if (round % 3 == 0) REQUIRE_OK(caller->flush());
  }
  for (std::uint64_t i = 0; i < next; ++i) REQUIRE(got[i] == i);
}

TEST_CASE("send_many says how many went before the lane was full", "[batch]") {
  Both both;
  std::size_t got = 0;
  REQUIRE_OK(both.server->on<Note>([&](const Number&) { ++got; }));
  auto caller = both.bus->caller<Note>({.when_full = WhenFull::fail});
  REQUIRE_OK(caller);
  const auto sent = caller->send_many(numbers(0, 1'000));
  REQUIRE_OK(sent);
  CHECK(*sent >= 32);
  CHECK(*sent < 64);
  const auto none = caller->send_many(numbers(0, 1'000));
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == ErrorKind::overloaded);
  (void)both.run_all();
  CHECK(got == *sent);
  const auto one = numbers(0, 1);
  const auto odd = caller->raw().send_many(std::as_bytes(std::span(one)), 3);
  REQUIRE_FALSE(odd);
  CHECK(odd.error().kind == ErrorKind::invalid_argument);
}

TEST_CASE("send_many keeps global order, and requests of two cells and of blocks", "[batch]") {
  Both both;
  const auto bytes = GENERATE(std::size_t{41}, std::size_t{96}, std::size_t{97}, std::size_t{300});
  std::vector<std::byte> got;
  REQUIRE_OK(both.server->on("batch.bytes", [&](Context& context) {
    got.insert(got.end(), context.request().begin(), context.request().end());
    return Status::ok();
  }));
  auto caller = both.bus->caller("batch.bytes");
  REQUIRE_OK(caller);
  std::vector<std::byte> all(bytes * 20);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * 7);
  const auto sent = caller->send_many(all, bytes);
  REQUIRE_OK(sent);
  CHECK(*sent == 20);
  (void)both.run_all();
  CHECK(got == all);
}

TEST_CASE("start_many starts calls with one notification", "[batch]") {
  Both both;
  REQUIRE_OK(
      both.server->on<Twice>([](const Number& in, Number& out) { out.value = 2 * in.value; }));
  auto caller = both.bus->caller<Twice>();
  REQUIRE_OK(caller);
  const auto requests = numbers(1, 20);
  std::array<TypedPending<Number>, 20> pending;
  const auto started = caller->start_many(requests, pending);
  REQUIRE_OK(started);
  REQUIRE(*started == 20);
  (void)both.run_all();
  for (std::size_t i = 0; i < 20; ++i) {
    const auto reply = pending[i].wait();
    REQUIRE_OK(reply);
    CHECK((*reply)->value == 2 * (i + 1));
  }
}

TEST_CASE("a batch handler gets what waits, in order, and never more than it asked for",
          "[batch]") {
  Both both;
  std::vector<std::uint64_t> got;
  std::vector<std::size_t> sizes;
  REQUIRE_OK(both.server->on_batch<Note>(
      [&](std::span<const Number> batch, Context& context) {
        sizes.push_back(batch.size());
        for (const Number& one : batch) got.push_back(one.value);
        CHECK((context.one_way() || batch.size() == 1));
      },
      8));
  auto caller = both.bus->caller<Note>();
  REQUIRE_OK(caller);
  REQUIRE_OK(caller->send_many(numbers(0, 30)));
  (void)both.run_all();
  REQUIRE(got.size() == 30);
  for (std::uint64_t i = 0; i < 30; ++i) CHECK(got[i] == i);
  CHECK(*std::max_element(sizes.begin(), sizes.end()) == 8);
  REQUIRE_OK(caller->flush());
  auto answered = caller->start({77, 0});
  REQUIRE_OK(answered);
  CHECK(both.run_all() == 1);
  REQUIRE(answered->wait());
  CHECK(got.size() == 31);
}

TEST_CASE("a handler sees how many commands of its caller wait", "[batch]") {
  Both both;
  std::vector<std::uint32_t> queued;
  std::vector<bool> last;
  REQUIRE_OK(both.server->on<Note>([&](const Number&, Context& context) {
    queued.push_back(context.queued());
    last.push_back(context.end_of_batch());
  }));
  auto caller = both.bus->caller<Note>();
  REQUIRE_OK(caller);
  REQUIRE_OK(caller->send_many(numbers(0, 5)));
  (void)both.run_all();
  CHECK(queued == std::vector<std::uint32_t>{4, 3, 2, 1, 0});
  CHECK(last == std::vector<bool>{false, false, false, false, true});
}
