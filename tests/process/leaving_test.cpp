// User code that leaves by another door: a handler that destroys its server or ends its thread, a
// task that throws, a handler that cannot be moved.
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// What a program keeps together, and lets go of together.
struct Program {
  explicit Program(const std::string& path) : bus(*Bus::open(path)), server(*bus->serve()) {}
  std::optional<Bus> bus;
  std::optional<Server> server;
  int ran = 0;
};

enum class Loop { run, run_for, poll };

void loop(Server& server, Loop how, std::atomic<bool>& well) {
  switch (how) {
    case Loop::run:
      well = bool(server.run({}));
      return;
    case Loop::run_for:
      well = bool(server.run_for(60s));
      return;
    case Loop::poll:
      // The handle is gone when something has run.
      for (;;) {
        const auto ran = server.poll();
        if (ran && *ran == 0) continue;
        well = bool(ran);
        return;
      }
  }
}

/// Its copy constructor works, its move constructor throws.
struct Sticky {
  Sticky() = default;
  Sticky(const Sticky&) = default;
  Sticky(Sticky&&) { throw std::runtime_error("stuck"); }  // NOLINT: that is the point
  Sticky& operator=(const Sticky&) = default;
  Sticky& operator=(Sticky&&) = default;
  ~Sticky() = default;
  Status operator()(Context&) const { return Status::ok(); }
  void operator()() const {}
};

}  // namespace

TEST_CASE("a handler destroys its server, and the bus with it", "[leaving]") {
  const bool bus_too = GENERATE(false, true);
  const Loop how = GENERATE(Loop::run, Loop::run_for, Loop::poll);
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  auto program = std::make_unique<Program>(path.path());
  const auto leave = [&program, bus_too](Context& context) {
    ++program->ran;
    auto& going = *program;
    going.server.reset();
    if (bus_too) program.reset();
    return test::answer(context, context.request());
  };
  REQUIRE_OK(program->server->on("leave", leave));
  auto caller = test::caller_of(bus, "leave");
  const std::uint64_t sent = 7;
  std::uint64_t back = 0;
  auto first = caller.start(test::raw(sent), sizeof sent, 20s);
  auto second = caller.start(test::raw(sent), sizeof sent, 20s);
  REQUIRE_OK(first);
  REQUIRE_OK(second);
  std::atomic<bool> well = false;
  std::thread serving([&] { loop(*program->server, how, well); });
  const auto reply = first->wait();
  REQUIRE_OK(reply);
  std::memcpy(&back, reply->bytes().data(), sizeof back);
  CHECK(back == sent);
  const auto refused = second->wait();
  CHECK(test::kind(refused) == ErrorKind::not_registered);  // what the handler used may be gone
  serving.join();
  CHECK(well);
  // Its name is free.
  auto next = *bus.serve();
  CHECK_OK(next.on("leave", [](Context&) { return Status::ok(); }));
}

TEST_CASE("a handler puts another server in the place of its own", "[leaving]") {
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  Server server = *bus.serve();
  REQUIRE_OK(server.on("old", [&](Context&) {
    auto next = bus.serve();
    server = std::move(*next);
    return server.on("new", [](Context&) { return Status::ok(); }) ? Status::ok()
                                                                   : Status::reject(1);
  }));
  std::thread calling([&] {
    auto own = *Bus::open(path.path());
    CHECK_OK(test::caller_of(own, "old").call({}, {}, 20s));
    CHECK_OK(test::caller_of(own, "new").call({}, {}, 20s));
  });
  CHECK_OK(server.run_for(60s));  // ends with the old one
  std::atomic<bool> done = false;
  std::thread waiting([&] {
    calling.join();
    done = true;
  });
  while (!done) CHECK_OK(server.run_for(10ms));
  waiting.join();
}

TEST_CASE("a task destroys the server that it was posted to", "[leaving]") {
  test::TempBus path;
  Program program(path.path());
  REQUIRE_OK(program.server->on("work", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(program.server->post([&] { program.server.reset(); }));
  CHECK_OK(program.server->run({}));
  CHECK_FALSE(program.server);
}

TEST_CASE("a thread that ends in a handler leaves an answer and a server that goes on",
          "[leaving]") {
  const bool one_way = GENERATE(false, true);
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  auto server = *bus.serve();
  std::atomic<int> ran = 0;
  REQUIRE_OK(server.on("end", [&](Context&) {
    if (++ran == 1) ::pthread_exit(nullptr);
    return Status::ok();
  }));
  std::thread serving([&] {
    (void)server.run({});
    FAIL("the thread has ended");
  });
  auto own = *Bus::open(path.path());
  auto end = test::caller_of(own, "end");
  if (one_way) {
    REQUIRE_OK(end.send({}));
    REQUIRE(test::eventually([&] { return ran == 1; }));
  } else {
    CHECK(test::kind(end.call({}, {}, 20s)) == ErrorKind::abandoned);
  }
  serving.join();
  if (one_way) {
    REQUIRE_OK(end.flush());
    CHECK(end.lost() == 1);
  }
  std::atomic<bool> done = false;
  std::thread next([&] {
    while (!done) CHECK_OK(server.run_for(10ms));
  });
  CHECK_OK(end.call({}, {}, 20s));
  done = true;
  next.join();
}

TEST_CASE("a task that throws is an error of the loop, which goes on when it is asked to",
          "[leaving]") {
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  auto server = *bus.serve();
  int done = 0;
  REQUIRE_OK(server.on("work", [&](Context&) { return ++done, Status::ok(); }));
  const Loop how = GENERATE(Loop::run, Loop::run_for, Loop::poll);
  REQUIRE_OK(server.post([] { throw std::runtime_error("no coffee left"); }));
  REQUIRE_OK(server.post([&] { ++done; }));
  Result<void> ended;
  if (how == Loop::run) ended = server.run({});
  if (how == Loop::run_for) ended = server.run_for(60s).map([](std::size_t) {});
  if (how == Loop::poll) ended = server.poll().map([](std::size_t) {});
  REQUIRE_FALSE(ended);
  CHECK(ended.error().kind == ErrorKind::rejected);
  CHECK(ended.error().code == detail::handler_threw);
  CHECK(ended.error().message.view() == "a task of post() threw: no coffee left");
  CHECK(done == 0);
  CHECK_OK(server.run_for(1ms));
  CHECK(done == 1);
}

TEST_CASE("what throws when it is moved is not taken", "[leaving]") {
  test::TempBus path;
  auto bus = *Bus::open(path.path());
  auto server = *bus.serve();
  const auto refused = server.on("sticky", Sticky{});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::invalid_argument);
  CHECK(refused.error().message.view().find("threw an exception when it was moved") !=
        std::string_view::npos);
  CHECK(test::kind(server.post(Sticky{})) == ErrorKind::invalid_argument);
  REQUIRE_OK(server.on("smooth", [](Context&) { return Status::ok(); }));
  CHECK(test::kind(server.replace("smooth", Sticky{})) == ErrorKind::invalid_argument);
}

TEST_CASE("a caller is destroyed by its own report of a loss", "[leaving]") {
  test::TempBus path;
  auto owner = test::handler_process(
      path.path(), test::handlers({{"work", [](Context&) { return Status::ok(); }}}));
  auto bus = test::open_when_served(path.path(), "work");
  std::unique_ptr<RawCaller> work(new RawCaller(test::caller_of(bus, "work")));
  owner.signal(SIGSTOP);
  for (int i = 0; i < 3; ++i) REQUIRE_OK(work->send({}));
  owner.kill();
  work->on_lost([](void* caller, std::uint64_t,
                   ErrorKind) { static_cast<std::unique_ptr<RawCaller>*>(caller)->reset(); },
                &work);
  auto* raw = work.get();
  auto next = *bus.serve();  // the name lives on elsewhere: what was sent is lost
  auto other = *bus.serve();
  REQUIRE_OK(other.on("other", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(next.on("work", [](Context&) { return Status::ok(); }));
  REQUIRE_OK(next.off("work"));
  (void)next.poll();
  CHECK(test::eventually([&] {
    if (work) (void)raw->flush();
    return !work;
  }));
  CHECK_OK(test::caller_of(bus, "other").send({}));
}
