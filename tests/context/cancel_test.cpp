// How a handler learns that its answer is not wanted any more: asked for, as a token, and when its
// caller dies; and what it is told of its caller.
#include <unistd.h>

#include <thread>

#include "context/chain.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Seen;

namespace {

/// Waits on the token alone.
Status until_stopped(Context& context, Seen& seen) {
  const auto token = context.stop_token();
  if (!token.stop_possible()) return Status::reject(97, "no token");
  ++seen.started;
  std::atomic<bool> told{false};
  const std::stop_callback callback(token, [&] {
    seen.notice();
    told = true;
  });
  const test::Stopwatch watch;
  while (!told) {
    if (watch.ms() > 20'000) return ++seen.gave_up, Status::reject(98, "nobody stopped it");
    test::nap(100us);
  }
  return token.stop_requested() ? Status::reject(99, "stopped") : Status::reject(96);
}

Status answer_from_a_thread(Context& context, Seen& seen) {
  std::thread([&seen, responder = context.defer()]() mutable {
    const auto token = responder.stop_token();
    ++seen.started;
    const test::Stopwatch watch;
    while (!token.stop_requested() && watch.ms() < 20'000) test::nap(100us);
    if (token.stop_requested()) seen.notice();
    (void)responder.reject(99);
  }).detach();
  return Status::ok();
}

/// A process that calls `name` with `options`, and waits to be killed.
test::Child caller_process(const std::string& path, const std::string& name,
                           const CallerOptions& options, int calls, std::atomic<int>& made) {
  return test::Child([=, &made] {
    auto bus = Bus::open(path);
    if (!bus) return 10;
    auto caller = bus->caller(name, options);
    if (!caller) return 11;
    std::vector<Pending> pending;
    for (int i = 0; i < calls; ++i) {
      auto one = caller->start({}, 0, forever);
      if (!one) return 12;
      pending.push_back(std::move(*one));
      ++made;
    }
    (void)pending.front().wait();
    test::nap(1h);
    return 0;
  });
}

}  // namespace

TEST_CASE("a running handler is told by its token", "[context]") {
  const bool deferred = GENERATE(false, true);
  test::TempBus path;
  test::Shared<Seen> seen;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"work", [&](Context& context) {
                                      return deferred ? answer_from_a_thread(context, *seen)
                                                      : until_stopped(context, *seen);
                                    }}}));
  auto bus = test::open_when_served(path.path(), "work");
  auto caller = test::caller_of(bus, "work");
  for (int i = 1; i <= 20; ++i) {
    auto pending = caller.start({}, 0, forever);
    REQUIRE_OK(pending);
    REQUIRE(test::eventually([&] { return seen->started == i; }, 20s));
    CHECK(seen->noticed == i - 1);
    pending->cancel();
    const auto reply = pending->wait();
    REQUIRE(test::kind(reply) == ErrorKind::rejected);
    REQUIRE(reply.error().code == 99);
    REQUIRE(seen->noticed == i);
  }
}

TEST_CASE("a token is not stopped by another command's cancellation, or after its own",
          "[context]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> wrong;
  test::Shared<std::atomic<int>> ran;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    static std::vector<std::stop_token> tokens;
    return server
        .on("quick",
            [&](Context& context) {
              for (const auto& old : tokens) *wrong += old.stop_requested() ? 1 : 0;
              tokens.push_back(context.stop_token());
              ++*ran;
              return Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "quick");
  auto caller = test::caller_of(bus, "quick");
  int made = 0;
  for (int i = 0; i < 300; ++i) {
    auto pending = caller.start({}, 0, forever);
    REQUIRE_OK(pending);
    const bool done = test::eventually([&] { return *ran > made; }, 20s);
    REQUIRE(done);
    made = *ran;
    test::eventually([&] { return pending->ready(); }, 20s);
    pending->cancel();  // too late: it was answered
    REQUIRE_OK(pending->wait());
  }
  CHECK(*wrong == 0);
}

TEST_CASE("what a dead caller asked for runs, or is cancelled if it said so", "[context]") {
  const auto goes = GENERATE(OnCallerExit::run, OnCallerExit::cancel);
  const bool by_token = GENERATE(false, true);
  test::TempBus path;
  test::Shared<Seen> seen;
  test::Shared<std::atomic<int>> made;
  test::Shared<std::atomic<int>> finished;
  test::Shared<std::atomic<bool>> finish;
  const auto handler =
      test::handler_process(path.path(), test::handlers({{"work", [&](Context& context) {
                                                            std::stop_token token;
                                                            if (by_token)
                                                              token = context.stop_token();
                                                            ++seen->started;
                                                            while (!*finish) {
                                                              if (by_token ? token.stop_requested()
                                                                           : context.cancelled()) {
                                                                return seen->notice(), Status::ok();
                                                              }
                                                              test::nap(50us);
                                                            }
                                                            ++*finished;
                                                            return Status::ok();
                                                          }}}));
  auto bus = test::open_when_served(path.path(), "work");
  constexpr int calls = 5;  // the first runs, the others are queued behind it
  auto child = caller_process(path.path(), "work", {.on_caller_exit = goes}, calls, *made);
  REQUIRE(test::eventually([&] { return seen->started == 1 && *made == calls; }, 20s));
  CHECK(seen->noticed == 0);
  child.kill();
  if (goes == OnCallerExit::cancel) {
    CHECK(test::eventually([&] { return seen->noticed == 1; }, 20s));
    *finish = true;
    auto caller = test::caller_of(bus, "work");
    REQUIRE_OK(caller.call({}, {}));  // behind the dead one's
    CHECK(test::eventually([&] { return seen->started == 2; }, 20s));
    CHECK(*finished == 1);  // ours alone
  } else {
    test::nap(150ms);  // somebody has noticed by now
    CHECK(seen->noticed == 0);
    *finish = true;
    CHECK(test::eventually([&] { return *finished == calls; }, 20s));
  }
}

TEST_CASE("the death of a caller reaches the calls made on its behalf", "[context]") {
  test::TempBus path;
  test::Shared<Seen> seen;
  test::Shared<std::atomic<int>> made;
  const auto deep = test::deep_process(path.path(), seen);
  const auto front = test::handler_process(
      path.path(), test::pass_on("front", "deep", &*seen, {.when_vacant = WhenVacant::wait}));
  auto bus = test::open_when_served(path.path(), "front");
  REQUIRE_OK(bus.wait_until_available("deep", 20s));
  auto child =
      caller_process(path.path(), "front", {.on_caller_exit = OnCallerExit::cancel}, 1, *made);
  REQUIRE(test::eventually([&] { return seen->started == 1; }, 20s));
  child.kill();
  CHECK(test::eventually([&] { return seen->noticed == 1; }, 20s));
  CHECK(seen->gave_up == 0);
}

TEST_CASE("one-way commands of a caller that goes are cancelled if it said so", "[context]") {
  const auto goes = GENERATE(OnCallerExit::run, OnCallerExit::cancel);
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto server = bus->serve();
  int ran = 0;
  REQUIRE_OK(
      server->on("note", [&](Context& c) { return ran += c.one_way() ? 1 : 0, Status::ok(); }));
  test::Child child([&] {
    auto own = Bus::open(path.path());
    auto caller = own->caller("note", {.on_caller_exit = goes});
    for (int i = 0; i < 3; ++i) {
      if (!caller->send({})) return 1;
    }
    return 0;
  });
  REQUIRE(child.wait() == 0);
  for (int i = 0; i < 100; ++i) REQUIRE_OK(server->poll());
  CHECK(ran == (goes == OnCallerExit::run ? 3 : 0));
}

TEST_CASE("a handler knows who calls", "[context]") {
  test::TempBus path;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"who", [](Context& context) {
                                      const auto who = context.caller();
                                      const std::string text = std::to_string(who.pid) + "/" +
                                                               std::to_string(who.uid) + "/" +
                                                               std::string(who.label.view());
                                      return test::answer(context, test::bytes_of(text));
                                    }}}));
  auto bus = test::open_when_served(path.path(), "who");
  auto caller = test::caller_of(bus, "who");
  std::string text(48, ' ');
  const auto size = caller.call({}, std::as_writable_bytes(std::span(text.data(), text.size())));
  REQUIRE_OK(size);
  text.resize(*size);
  CHECK(text == std::to_string(::getpid()) + "/" + std::to_string(::geteuid()) + "/test");
}
