// Errors between real processes: what a handler three hops away said arrives here; a retry meets
// handlers that die.
#include <csignal>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

using Count = std::atomic<std::uint32_t>;

/// A handler that calls `inner` and rejects with `code` because that failed.
test::Setup relay(const std::string& name, const std::string& inner, std::int32_t code) {
  return [=](Bus& bus, Server& server) {
    auto caller = std::make_shared<RawCaller>(test::caller_of(bus, inner));
    const auto added = server.on(name, [caller, inner, code](Context&) {
      std::uint64_t reply = 0;
      const auto done = caller->call(test::raw(reply), test::raw(reply), 10s);
      if (done) return Status::ok();
      return Status::reject(code, "cannot go on").because(done.error(), inner);
    });
    return added.has_value();
  };
}

/// Starts the handler anew whenever it dies.
test::Child restarting(const std::string& path, const test::Setup& setup) {
  return test::Child([=] {
    for (;;) {
      auto handler = test::handler_process(path, setup);
      handler.wait(10min);
    }
    return 0;
  });
}

using Once = Command<"work.once", std::uint64_t, std::uint64_t>;
using Again = Command<"work.again", std::uint64_t, std::uint64_t, Idempotent>;

/// Counts each run, and dies in the first `deaths` of them.
template <class C>
test::Setup dying(Count& runs, std::uint32_t deaths) {
  return [&runs, deaths](Bus&, Server& server) {
    const auto added = server.on<C>([&runs, deaths](const std::uint64_t& in) -> std::uint64_t {
      if (runs.fetch_add(1) < deaths) ::raise(SIGKILL);
      return in + 1;
    });
    return added.has_value();
  };
}

}  // namespace

TEST_CASE("what failed two processes further on arrives with code, message and causes",
          "[errors]") {
  test::TempBus path;
  const auto disk = test::handler_process(
      path.path(),
      test::handlers({{"disk.write", [](Context&) { return Status::reject(28, "full"); }}}));
  const auto stock = test::handler_process(path.path(), relay("stock.take", "disk.write", -5));
  const auto shop = test::handler_process(path.path(), relay("shop.order", "stock.take", 300));
  auto bus = test::open_when_served(path.path(), "shop.order");
  for (const char* name : {"stock.take", "disk.write"}) {
    REQUIRE_OK(bus.wait_until_available(name, 10s));
  }
  auto caller = test::caller_of(bus, "shop.order");
  for (int i = 0; i < 100; ++i) {
    std::uint64_t reply = 0;
    const auto answer = caller.call(test::raw(reply), test::raw(reply));
    REQUIRE(test::kind(answer) == ErrorKind::rejected);
    const Error& error = answer.error();
    CHECK(error.code == 300);
    CHECK(error.message.view() == "cannot go on");
    CHECK(to_text(error.causes).view() == "stock.take rejected (-5), disk.write rejected (28)");
    CHECK(error.causes.root().code == 28);
  }
}

TEST_CASE("the root of a chain may be a death", "[errors]") {
  test::TempBus path;
  const auto disk = test::handler_process(path.path(), test::handlers({{"disk.write", [](Context&) {
                                                                          ::raise(SIGKILL);
                                                                          return Status::ok();
                                                                        }}}));
  const auto stock = test::handler_process(path.path(), relay("stock.take", "disk.write", 5));
  auto bus = test::open_when_served(path.path(), "stock.take");
  REQUIRE_OK(bus.wait_until_available("disk.write", 10s));
  auto caller = test::caller_of(bus, "stock.take");
  std::uint64_t reply = 0;
  const auto answer = caller.call(test::raw(reply), test::raw(reply), 20s);
  REQUIRE(test::kind(answer) == ErrorKind::rejected);
  CHECK(answer.error().causes.root().kind == ErrorKind::handler_died_after_start);
  CHECK(answer.error().causes.root().command == "disk.write");
}

TEST_CASE("deferred answers carry causes too, and refusals their kind", "[errors]") {
  test::TempBus path;
  const auto handler = test::handler_process(
      path.path(),
      test::handlers(
          {{"later",
            [](Context& context) {
              Error inner;
              inner.kind = ErrorKind::timed_out;
              auto responder = context.defer();
              (void)responder.reject(Status::reject(9, "too late").because(inner, "disk.read"));
              return Status::ok();
            }},
           {"denied",
            [](Context&) { return Status::refuse(ErrorKind::not_permitted, "not you", 4); }},
           {"busy", [](Context&) { return Status::refuse(ErrorKind::overloaded, "later"); }},
           {"wrong",
            [](Context&) { return Status::refuse(ErrorKind::invalid_argument, "too old"); }}}));
  auto bus = test::open_when_served(path.path(), "wrong");
  const auto call = [&](const std::string& name) {
    std::uint64_t reply = 0;
    auto caller = test::caller_of(bus, name);
    const auto answer = caller.call(test::raw(reply), test::raw(reply));
    REQUIRE_FALSE(answer);
    return answer.error();
  };
  const Error later = call("later");
  CHECK(later.code == 9);
  CHECK(later.message.view() == "too late");
  CHECK(to_text(later.causes).view() == "disk.read timed_out");
  const Error denied = call("denied");
  CHECK(denied.kind == ErrorKind::not_permitted);
  CHECK(denied.code == 4);
  CHECK(denied.message.view() == "not you");
  CHECK(call("busy").kind == ErrorKind::overloaded);
  CHECK(call("wrong").kind == ErrorKind::invalid_argument);
  CHECK(call("wrong").message.view() == "too old");
}

TEST_CASE("a router in the handler makes a Status of what its own calls failed with", "[errors]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus& bus, Server& server) {
    static auto absent = test::caller_of(bus, "absent");
    const auto route =
        routes(on_kind<ErrorKind::not_registered>([](const Error& error) {
                 return Status::reject(503, "come back").because(error, "absent");
               }),
               otherwise([](const Error& error) { return rejected_by(error, "absent"); }));
    const auto look = [](const std::uint64_t& in) -> Result<std::uint64_t> {
      if (in == 1) return 10;
      if (in == 2) return fail(ErrorKind::rejected, "inner words", 77);
      std::uint64_t reply = 0;
      const auto done = absent.call(test::raw(in), test::raw(reply));
      if (!done) return tl::unexpected<Error>(done.error());
      return reply;
    };
    return server.on<Once>(answering(look, route)).has_value();
  });
  auto bus = test::open_when_served(path.path(), "work.once");
  auto caller = bus.caller<Once>();
  REQUIRE_OK(caller);
  CHECK(*caller->call(1) == 10);
  const auto inner = caller->call(2);
  REQUIRE(test::kind(inner) == ErrorKind::rejected);
  CHECK(inner.error().code == 77);
  CHECK(inner.error().message.view() == "inner words");
  const auto absent = caller->call(3);
  REQUIRE(test::kind(absent) == ErrorKind::rejected);
  CHECK(absent.error().code == 503);
  CHECK(absent.error().causes.root().kind == ErrorKind::not_registered);
}

TEST_CASE("a timeout says whether the command ran", "[errors]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"slow", [](Context&) {
                                                                             test::nap(1500ms);
                                                                             return Status::ok();
                                                                           }}}));
  auto bus = test::open_when_served(path.path(), "slow");
  auto caller = test::caller_of(bus, "slow");
  auto first = caller.start({}, 0, 30s);
  REQUIRE_OK(first);
  const auto queued = caller.start({}, 0, 1ms)->wait();
  REQUIRE(test::kind(queued) == ErrorKind::timed_out);
  CHECK(queued.error().never_ran);
  REQUIRE_OK(first->wait());
  auto running = caller.start({}, 0, 1s);
  REQUIRE_OK(running);
  const auto started = running->wait();
  REQUIRE(test::kind(started) == ErrorKind::timed_out);
  CHECK_FALSE(started.error().never_ran);
}

TEST_CASE("a retry repeats what was not started, and what is idempotent, and nothing else",
          "[errors]") {
  test::TempBus path;
  const test::Shared<Count> once_runs;
  const test::Shared<Count> again_runs;
  const auto once = restarting(path.path(), dying<Once>(*once_runs, 1));
  const auto again = restarting(path.path(), dying<Again>(*again_runs, 3));
  auto bus = test::open_when_served(path.path(), "work.once");
  REQUIRE_OK(bus.wait_until_available("work.again", 10s));
  const RetryPolicy policy{.attempts = 1'000, .backoff = 1ms, .backoff_max = 20ms};

  auto careful = bus.caller<Once>();
  REQUIRE_OK(careful);
  CHECK(test::kind(call_with_retry(*careful, 1, policy, 30s)) ==
        ErrorKind::handler_died_after_start);
  CHECK(once_runs->load() == 1);
  // Its successor is not there yet, or is: not_registered is repeated until it is.
  const auto second = call_with_retry(*careful, 1, policy, 30s);
  REQUIRE_OK(second);
  CHECK(*second == 2);
  CHECK(once_runs->load() == 2);

  auto free = bus.caller<Again>();
  REQUIRE_OK(free);
  const auto reply = call_with_retry(*free, 5, policy, 30s);
  REQUIRE_OK(reply);
  CHECK(*reply == 6);
  CHECK(again_runs->load() == 4);

  // The policy's own flag, and a deadline that nobody answers within.
  auto absent = bus.caller<Command<"absent", Nothing>>();
  const test::Stopwatch watch;
  CHECK(test::kind(call_with_retry(*absent, {}, policy, 100ms)) == ErrorKind::not_registered);
  CHECK(watch.ms() >= 40);
  CHECK(watch.ms() < 5'000);
}
