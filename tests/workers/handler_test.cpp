// What a handler may ask and do on a worker, as on the serving thread.
#include <cstring>
#include <stdexcept>
#include <thread>

#include "workers/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Barrier;
using test::Echo;
using test::Served;
using test::Slow;

TEST_CASE("a handler on a worker is cancelled, by look and by token", "[workers]") {
  const bool by_token = GENERATE(false, true);
  test::TempBus path;
  std::atomic<int> started{0};
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on("slow", [&](Context& context) {
      const auto token = by_token ? context.stop_token() : std::stop_token();
      ++started;
      const bool told = test::eventually(
          [&] { return by_token ? token.stop_requested() : context.cancelled(); }, 20s);
      return Status::reject(told ? 99 : 98);
    }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::caller_of(bus, "slow");
  auto pending = slow.start({}, 0, 30s);
  REQUIRE_OK(pending);
  REQUIRE(test::eventually([&] { return started == 1; }, 20s));
  pending->cancel();
  const auto reply = pending->wait();
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == 99);
}

TEST_CASE("a command that was cancelled or expired before its handler began never runs",
          "[workers]") {
  test::TempBus path;
  Barrier barrier;
  std::atomic<int> ran{0};
  Served served(path.path(), 1, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t number) {
      barrier.wait();
      return number;
    }));
    REQUIRE_OK(server.on<Echo>([&](std::uint64_t number) { return ++ran, number; }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  auto echo = test::typed_caller<Echo>(bus);
  auto first = slow.start(1, 30s);
  REQUIRE_OK(first);
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  auto cancelled = echo.start(2, 30s);
  REQUIRE_OK(cancelled);
  auto expired = echo.start(3, 20ms);
  REQUIRE_OK(expired);
  cancelled->cancel();
  CHECK(test::kind(expired->wait()) == ErrorKind::timed_out);
  barrier.open();
  CHECK(test::kind(cancelled->wait()) == ErrorKind::cancelled);
  CHECK_OK(first->wait());
  CHECK_OK(echo.call(4, 20s));
  CHECK(ran == 1);
}

TEST_CASE("calls made on a worker inherit the deadline, and may be to the same server",
          "[workers]") {
  test::TempBus path;
  std::atomic<std::int64_t> inner_ms{-1};
  std::atomic<int> inner_attempts{0};
  std::unique_ptr<Bus> inside;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on("inner", [&](Context& context) {
      ++inner_attempts;
      inner_ms = context.remaining() / 1ms;
      return test::answer(context, test::bytes_of("deep"));
    }));
    REQUIRE_OK(server.on("outer", [&](Context& context) {
      auto own = Bus::open(path.path());
      if (!own) return Status::reject(1);
      auto inner = own->caller("inner");
      if (!inner) return Status::reject(2);
      std::array<std::byte, 16> reply{};
      const auto bytes = inner->call({}, reply, forever);
      if (!bytes) return Status::reject(3);
      return test::answer(context, std::span(reply).first(*bytes));
    }));
  });
  auto bus = test::open_bus(path.path());
  auto outer = test::caller_of(bus, "outer");
  std::array<std::byte, 16> reply{};
  const auto bytes = outer.call({}, reply, 10s);
  REQUIRE_OK(bytes);
  CHECK(*bytes == 4);
  CHECK(inner_ms > 0);
  CHECK(inner_ms <= 10'000);
  CHECK(inner_attempts == 1);
}

TEST_CASE("a trace goes on in the handler on a worker", "[workers]") {
  test::TempBus path;
  FixedText<64> seen;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on("traced", [&](Context& context) {
      return context.trace().valid() ? Status::ok() : Status::reject(1);
    }));
  });
  auto bus = test::open_bus(path.path());
  auto traced = test::caller_of(bus, "traced");
  const Span span(bus, "work", {.sample = Sample::always});
  std::array<std::byte, 1> reply{};
  CHECK_OK(traced.call({}, reply, 10s));
}

TEST_CASE("refusals, exceptions and deferred answers on a worker are as elsewhere", "[workers]") {
  test::TempBus path;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on("refuses", [](Context&) { return Status::reject(7, "no"); }));
    REQUIRE_OK(server.on("throws", [](Context&) -> Status { throw std::runtime_error("x"); }));
    REQUIRE_OK(server.on("defers", [](Context& context) {
      std::thread([responder = context.defer()]() mutable {
        test::nap(2ms);
        (void)responder.reply(test::bytes_of("later"));
      }).detach();
      return Status::ok();
    }));
    REQUIRE_OK(server.on("drops", [](Context& context) {
      (void)context.defer();
      return Status::ok();
    }));
  });
  auto bus = test::open_bus(path.path());
  std::array<std::byte, 16> reply{};
  const auto call = [&](const char* name) {
    return test::caller_of(bus, name).call({}, reply, 20s);
  };
  for (int round = 0; round < 20; ++round) {
    const auto refused = call("refuses");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == 7);
    CHECK(refused.error().message.view() == "no");
    const auto threw = call("throws");
    REQUIRE_FALSE(threw.has_value());
    CHECK(threw.error().code == -1);
    const auto deferred = call("defers");
    REQUIRE_OK(deferred);
    CHECK(*deferred == 5);
    CHECK(test::kind(call("drops")) == ErrorKind::abandoned);
  }
}

TEST_CASE("a large request is read, and a large reply written, where the caller has them",
          "[workers]") {
  constexpr std::size_t size = 20'000;
  test::TempBus path;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on("turn",
                         [](Context& context) {
                           const auto request = context.request();
                           const auto reply = context.reply_buffer(request.size());
                           if (reply.empty()) return Status::ok();
                           std::reverse_copy(request.begin(), request.end(), reply.begin());
                           return Status::ok();
                         },
                         {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto turn = test::caller_of(bus, "turn");
  std::vector<Pending> pending;
  for (int i = 0; i < 4; ++i) {
    auto loan = turn.loan(size, size);
    REQUIRE_OK(loan);
    std::memset(loan->bytes().data(), 'a' + i, size - 1);
    loan->bytes().back() = std::byte{'z'};
    auto one = loan->start(20s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  for (int i = 0; i < 4; ++i) {
    const auto reply = pending[static_cast<std::size_t>(i)].wait();
    REQUIRE_OK(reply);
    REQUIRE(reply->bytes().size() == size);
    CHECK(reply->bytes().front() == std::byte{'z'});
    CHECK(reply->bytes().back() == static_cast<std::byte>('a' + i));
  }
}

TEST_CASE("a handler is exchanged while the old one runs on a worker", "[workers]") {
  test::TempBus path;
  Barrier barrier;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t) -> std::uint64_t {
      barrier.wait();
      return 1;
    }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  auto first = slow.start(0, 30s);
  REQUIRE_OK(first);
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  auto swap = served.server().replace<Slow>([](std::uint64_t) -> std::uint64_t { return 2; });
  REQUIRE_OK(swap);
  CHECK(swap->wait(SwapStage::installed, 20s));
  CHECK(swap->stage() == SwapStage::installed);
  barrier.open();
  const auto old = first->wait();
  REQUIRE_OK(old);
  CHECK(**old == 1);
  CHECK(swap->wait(SwapStage::gone, 20s));
  const auto next = slow.call(0, 20s);
  REQUIRE_OK(next);
  CHECK(*next == 2);
}
