// The end, while commands are on workers: a stop, a kill, another server in the endpoint, a handle
// that is destroyed, also by a handler. Each caller is told what became of its command.
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "workers/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Barrier;
using test::Echo;
using test::Note;
using test::Served;
using test::Slow;

TEST_CASE("run() returns from a stop when what was committed before it has run", "[workers]") {
  test::TempBus path;
  std::atomic<int> ran{0};
  std::atomic<int> running{0};
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t number) {
      ++running;
      test::nap(10ms);
      ++ran;
      --running;
      return number;
    }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto one = slow.start(i, 60s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  CHECK(served.stop());
  CHECK(running == 0);
  CHECK(ran == 20);
  for (auto& one : pending) CHECK_OK(one.wait());
}

TEST_CASE("a process is killed with commands on its workers", "[workers]") {
  struct Counts {
    std::atomic<int> started{0};
    std::atomic<int> answered{0};
  };
  test::TempBus path;
  test::Shared<Counts> counts;
  auto handler = test::handler_process(
      path.path(),
      [&](Bus&, Server& server) {
        return server
                   .on<Slow>(
                       [&](std::uint64_t number) {
                         ++counts->started;
                         if (number >= 2) test::nap(30s);
                         ++counts->answered;
                         return number;
                       },
                       {.parallel = Parallel::yes})
                   .has_value() &&
               server.on<Note>([](std::uint64_t) { test::nap(30s); }, {.parallel = Parallel::yes})
                   .has_value();
      },
      test::with_workers(3));
  auto bus = test::open_when_served(path.path(), std::string(Note::name.text));
  auto slow = test::typed_caller<Slow>(bus);
  auto note = test::typed_caller<Note>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < 10; ++i) {
    auto one = slow.start(i, 30s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  REQUIRE_OK(note.send(1));
  // 0 and 1 are answered, three run, the others wait in the queue: all of them were taken.
  REQUIRE(test::eventually([&] { return counts->started == 5 && counts->answered == 2; }, 20s));
  test::nap(20ms);
  handler.kill();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto reply = pending[i].wait();
    if (i < 2) {
      CHECK_OK(reply);
    } else {
      CHECK(test::kind(reply) == ErrorKind::handler_died_after_start);
    }
  }
  CHECK(test::eventually(
      [&] {
        (void)note.flush();
        return note.raw().lost() == 1;
      },
      20s));
  // A successor finds nothing of it, and serves.
  Served next(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([](std::uint64_t number) { return number + 100; }));
  });
  const auto again = slow.call(1, 20s);
  REQUIRE_OK(again);
  CHECK(*again == 101);
}

TEST_CASE("another server takes over while workers run: each answers what it has taken",
          "[workers]") {
  test::TempBus path;
  Barrier barrier;
  Served old(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>(
        [&](std::uint64_t) -> std::uint64_t {
          barrier.wait();
          return 1;
        },
        {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < 6; ++i) {
    auto one = slow.start(i, 60s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  REQUIRE(test::eventually([&] { return barrier.inside == 2; }, 20s));
  auto own = test::open_bus(path.path());
  auto next = own.serve({.label = "next", .stand_by = true, .workers = 2});
  REQUIRE_OK(next);
  REQUIRE_OK(next->on<Slow>([](std::uint64_t) -> std::uint64_t { return 2; }));
  REQUIRE_OK(next->take_over(20s));
  std::stop_source stop;
  std::thread serving([&] { (void)next->run(stop.get_token()); });
  const auto reply = slow.call(9, 20s);  // the old one is still busy
  REQUIRE_OK(reply);
  CHECK(*reply == 2);
  CHECK(old.server().draining());
  barrier.open();
  for (auto& one : pending) {
    const auto answer = one.wait();
    REQUIRE_OK(answer);
    CHECK(**answer == 1);
  }
  CHECK(test::eventually([&] { return !old.server().draining(); }, 20s));
  CHECK(old.stop());
  stop.request_stop();
  serving.join();
}

TEST_CASE("a server is taken over when its one-way commands have ended", "[workers]") {
  test::TempBus path;
  Barrier barrier;
  std::atomic<std::uint64_t> by_old{0};
  std::atomic<std::uint64_t> by_new{0};
  Served old(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Note>([&](std::uint64_t number) {
      if (number == 1) barrier.wait();
      ++by_old;
    }));
  });
  auto bus = test::open_bus(path.path());
  auto note = test::typed_caller<Note>(bus);
  REQUIRE_OK(note.send(1));
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  auto own = test::open_bus(path.path());
  auto next = own.serve({.label = "next", .stand_by = true});
  REQUIRE_OK(next);
  REQUIRE_OK(next->on<Note>([&](std::uint64_t) { ++by_new; }));
  CHECK(test::kind(next->take_over(100ms)) == ErrorKind::timed_out);
  // Those that come meanwhile wait, and run when the other has gone.
  for (std::uint64_t i = 2; i < 40; ++i) REQUIRE_OK(note.send(i));
  std::thread opens([&] {
    test::nap(50ms);
    barrier.open();
  });
  REQUIRE_OK(next->take_over(20s));
  opens.join();
  std::stop_source stop;
  std::thread serving([&] { (void)next->run(stop.get_token()); });
  CHECK(test::eventually([&] { return by_old + by_new == 39; }, 20s));
  CHECK(note.raw().lost() == 0);
  stop.request_stop();
  serving.join();
  CHECK(old.stop());
}

TEST_CASE("a server that is polled leaves handlers to its workers, and waits for them at its end",
          "[workers]") {
  test::TempBus path;
  Barrier barrier;
  std::atomic<int> ran{0};
  auto bus = test::open_bus(path.path());
  auto own = test::open_bus(path.path());
  std::vector<TypedPending<std::uint64_t>> pending;
  {
    auto server = own.serve(test::with_workers(1));
    REQUIRE_OK(server);
    REQUIRE_OK(server->on<Slow>([&](std::uint64_t number) {
      barrier.wait();
      ++ran;
      return number;
    }));
    auto slow = test::typed_caller<Slow>(bus);
    for (std::uint64_t i = 0; i < 12; ++i) {
      auto one = slow.start(i, 60s);
      REQUIRE_OK(one);
      pending.push_back(std::move(*one));
    }
    REQUIRE(test::eventually(
        [&] {
          (void)server->poll();
          return barrier.inside == 1;
        },
        20s));
    std::thread([&] {
      test::nap(20ms);
      barrier.open();
    }).detach();
  }
  CHECK(barrier.inside == 0);
  const int done = ran;
  CHECK(done >= 1);
  int answered = 0;
  for (auto& one : pending) {
    const auto reply = one.wait();
    if (reply) {
      ++answered;
    } else {
      CHECK(test::kind(reply) == ErrorKind::not_registered);
    }
  }
  CHECK(answered == done);
  CHECK(ran == done);
}

TEST_CASE("a handler on a worker destroys its own server", "[workers]") {
  const bool polled = GENERATE(true, false);
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto own = test::open_bus(path.path());
  auto server = std::make_unique<Server>();
  {
    auto made = own.serve(test::with_workers(2));
    REQUIRE_OK(made);
    *server = std::move(*made);
  }
  std::atomic<bool> gone{false};
  REQUIRE_OK(server->on<Slow>([&](std::uint64_t number) {
    if (!polled) test::nap(20ms);  // the last poll() has returned
    server.reset();
    gone = true;
    return number + 1;
  }));
  auto slow = test::typed_caller<Slow>(bus);
  auto pending = slow.start(1, 30s);
  REQUIRE_OK(pending);
  if (polled) {
    auto* serving = server.get();
    CHECK_OK(serving->run({}));
  } else {
    REQUIRE(test::eventually([&] { return server->poll().value_or(0) == 1; }, 20s));
  }
  const auto reply = pending->wait();
  REQUIRE_OK(reply);
  CHECK(**reply == 2);
  CHECK(gone);
  CHECK(test::eventually([&] { return test::kind(slow.call(1, 1s)) == ErrorKind::not_registered; },
                         20s));
}

#if !defined(__SANITIZE_THREAD__)  // it does not follow pthread_exit through its own frames
TEST_CASE("a worker that ends in a handler is replaced", "[workers]") {
  test::TempBus path;
  Served served(path.path(), 1, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t number) -> std::uint64_t {
      if (number == 0) ::pthread_exit(nullptr);
      return number;
    }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  for (int round = 0; round < 5; ++round) {
    CHECK(test::kind(slow.call(0, 20s)) == ErrorKind::abandoned);
    CHECK_OK(slow.call(1, 20s));
  }
}
#endif

TEST_CASE("a forked child lets go of a server with workers", "[workers]") {
  test::TempBus path;
  auto own = test::open_bus(path.path());
  auto made = own.serve(test::with_workers(2));
  REQUIRE_OK(made);
  auto server = std::make_unique<Server>(std::move(*made));
  test::Child child([&] {
    server.reset();
    return 7;
  });
  CHECK(child.wait() == 7);
}
