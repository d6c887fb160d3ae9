// What an exchange of handlers keeps to: when it takes effect, how long the old handler lives,
// which types it may have.
#include <memory>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace shmbus::test;

namespace {

struct Ask {
  std::uint64_t sequence = 0;
};
struct Answer {
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;
};
using Count = Command<"count", Ask, Answer>;

Bus open_bus(const std::string& path) {
  auto bus = Bus::open(path, {.label = "swapper"});
  if (!bus) FAIL(describe(bus.error()));
  return std::move(*bus);
}
Server serve(Bus& bus) {
  auto server = bus.serve({});
  if (!server) FAIL(describe(server.error()));
  return std::move(*server);
}

}  // namespace

TEST_CASE("an exchange inside a handler, and several in one task, take effect together") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Server server = serve(bus);
  int version = 0;
  const auto answer_with = [](std::uint64_t number) {
    return [number](Context& context) { return answer(context, raw(number)); };
  };
  REQUIRE_OK(server.on("b", answer_with(1)));
  REQUIRE_OK(server.on("a", [&](Context& context) {
    CHECK(server.replace("a", answer_with(2)));
    version = 1;
    return answer(context, raw(std::uint64_t{1}));
  }));
  RawCaller a = caller_of(bus, "a");
  RawCaller b = caller_of(bus, "b");
  const auto ask = [&](RawCaller& caller) {
    auto pending = caller.start({}, 8);
    REQUIRE_OK(pending);
    REQUIRE_OK(server.run_for(0ns));
    REQUIRE_OK(server.poll());
    const auto reply = pending->wait();
    REQUIRE_OK(reply);
    return number_in<std::uint64_t>(reply->bytes());
  };
  CHECK(ask(a) == 1);
  CHECK(ask(a) == 2);
  bool inside = false;
  REQUIRE_OK(server.post([&] {
    inside = true;
    CHECK(server.replace("a", answer_with(3)));
    CHECK(server.replace("b", answer_with(3)));
    CHECK(server.on("c", answer_with(3)));
    CHECK(kind(server.poll()) == ErrorKind::invalid_argument);
  }));
  CHECK_FALSE(inside);
  CHECK(ask(a) == 3);
  CHECK(inside);
  CHECK(ask(b) == 3);
  RawCaller c = caller_of(bus, "c");
  CHECK(ask(c) == 3);
}

TEST_CASE("the old handler lives until its last deferred reply is given") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Server server = serve(bus);
  const auto life = std::make_shared<int>(0);
  std::vector<Responder> held;
  REQUIRE_OK(server.on("later", [life, &held](Context& context) {
    held.push_back(context.defer());
    return Status::ok();
  }));
  RawCaller caller = caller_of(bus, "later");
  auto first = caller.start({}, 8);
  auto second = caller.start({}, 8);
  REQUIRE_OK(first);
  REQUIRE_OK(second);
  REQUIRE_OK(server.poll());
  REQUIRE(held.size() == 2);
  CHECK(life.use_count() == 2);
  const auto swap =
      server.replace("later", [](Context& context) { return answer(context, bytes_of("new")); });
  REQUIRE_OK(swap);
  CHECK(swap->stage() == SwapStage::posted);
  REQUIRE_OK(server.poll());
  CHECK(swap->stage() == SwapStage::installed);
  CHECK(life.use_count() == 2);
  REQUIRE_OK(held[0].reply(bytes_of("old 1")));
  CHECK(swap->stage() == SwapStage::installed);
  CHECK_FALSE(swap->wait(SwapStage::gone, 1ms));
  std::thread([&] { held[1] = Responder(); }).join();  // dropped, by another thread
  CHECK(swap->stage() == SwapStage::gone);
  CHECK(life.use_count() == 1);
  CHECK(first->wait().value().bytes().size() == 5);
  CHECK(kind(second->wait()) == ErrorKind::abandoned);
  auto third = caller.start({}, 8);
  REQUIRE_OK(server.poll());
  CHECK(third->wait().value().bytes().size() == 3);
}

namespace grown {
struct Answer {
  std::uint64_t sequence = 0;
  std::uint64_t version = 0;
  Optional<std::uint32_t> more;
};
struct Other {
  std::uint32_t sequence = 0;
};
}  // namespace grown

TEST_CASE("an exchange keeps to the types: they may grow, not change") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Server server = serve(bus);
  REQUIRE_OK(server.on<Count>([](const Ask& ask, Answer& out) { out.sequence = ask.sequence; }));
  using Different = Command<"count", Ask, grown::Other>;
  using Grown = Command<"count", Ask, grown::Answer>;
  const auto refused = server.replace<Different>([](const Ask&, grown::Other&) {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::type_mismatch);
  CHECK(refused.error().message.view().find("reply.sequence") != std::string_view::npos);
  CHECK(kind(server.replace("nobody", [](Context&) { return Status::ok(); })) ==
        ErrorKind::not_registered);

  auto old_caller = bus.caller<Count>();
  REQUIRE_OK(old_caller);
  const auto swap = server.replace<Grown>([](const Ask& ask, grown::Answer& out) {
    out.sequence = ask.sequence;
    out.more = 7U;
  });
  REQUIRE_OK(swap);
  REQUIRE_OK(server.poll());
  CHECK(swap->stage() == SwapStage::gone);
  // The registration shows the new types: a caller that has them sees all of the reply.
  auto new_caller = bus.caller<Grown>();
  REQUIRE_OK(new_caller);
  auto newer = new_caller->start({.sequence = 5});
  auto older = old_caller->start({.sequence = 6});
  REQUIRE_OK(server.poll());
  const auto more = newer->wait();
  REQUIRE_OK(more);
  CHECK((*more)->more.value_or(0U) == 7);
  const auto less = older->wait();
  REQUIRE_OK(less);
  CHECK((*less)->sequence == 6);
  // From the grown types there is no way to others either.
  CHECK(kind(server.replace<Different>([](const Ask&, grown::Other&) {})) ==
        ErrorKind::type_mismatch);
}

TEST_CASE("an exchange that comes too late is dropped") {
  const TempBus place;
  Bus bus = open_bus(place.path());
  Swap given_up;
  Swap orphan;
  {
    Server server = serve(bus);
    const auto nothing = [](Context&) { return Status::ok(); };
    REQUIRE_OK(server.on("a", nothing));
    given_up = server.replace("a", nothing).value();
    REQUIRE_OK(server.off("a"));
    REQUIRE_OK(server.on("a", nothing));  // another registration: not what was meant
    REQUIRE_OK(server.poll());
    CHECK(given_up.stage() == SwapStage::dropped);
    CHECK_FALSE(given_up.wait(SwapStage::installed, forever));
    orphan = server.replace("a", nothing).value();
  }
  CHECK(orphan.stage() == SwapStage::dropped);
  CHECK(Swap().stage() == SwapStage::dropped);
}
