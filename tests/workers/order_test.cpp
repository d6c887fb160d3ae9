// What runs at the same time and what does not: order by caller, names with Parallel::yes, room.
#include <algorithm>
#include <mutex>
#include <thread>

#include "workers/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Barrier;
using test::Echo;
using test::Note;
using test::Served;
using test::Slow;

TEST_CASE("commands of one caller run one at a time, in order, beside those of others",
          "[workers]") {
  constexpr std::uint64_t callers = 4;
  constexpr std::uint64_t each = 400;
  test::TempBus path;
  std::atomic<int> out_of_order{0};
  std::atomic<int> overlapping{0};
  std::atomic<int> beside{0};
  std::atomic<int> running{0};
  std::array<std::atomic<std::uint64_t>, callers> last{};
  std::array<std::atomic<int>, callers> inside{};
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Echo>([&](std::uint64_t number) {
      const std::uint64_t caller = number / each;
      if (inside[caller]++ != 0) ++overlapping;
      if (++running > 1) ++beside;
      if (last[caller].exchange(number % each + 1) != number % each) ++out_of_order;
      if (number % 16 == 0) test::nap(200us);
      --running;
      --inside[caller];
      return number + 1;
    }));
  });
  std::atomic<std::uint64_t> right{0};
  std::vector<std::thread> threads;
  for (std::uint64_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      auto bus = Bus::open(path.path());
      if (!bus) return;
      auto echo = bus->caller<Echo>();
      if (!echo) return;
      std::vector<TypedPending<std::uint64_t>> pending;
      for (std::uint64_t i = 0; i < each; ++i) {
        auto one = echo->start(caller * each + i, 30s);
        if (!one) return;
        pending.push_back(std::move(*one));
        if (pending.size() < 24 && i + 1 != each) continue;
        for (auto& reply : pending) {
          if (reply.wait()) ++right;
        }
        pending.clear();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == callers * each);
  CHECK(out_of_order == 0);
  CHECK(overlapping == 0);
  CHECK(beside > 0);
}

TEST_CASE("slow commands of several callers take the time of one", "[workers]") {
  constexpr int callers = 4;
  test::TempBus path;
  Served served(path.path(), callers, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([](std::uint64_t number) {
      test::nap(50ms);
      return number;
    }));
  });
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  const test::Stopwatch watch;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      auto bus = Bus::open(path.path());
      if (!bus) return;
      auto slow = bus->caller<Slow>();
      if (slow && slow->call(7, 20s)) ++right;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == callers);
  CHECK(watch.ms() >= 50);
  CHECK(watch.ms() < 180);  // one after the other: 200
}

TEST_CASE("commands of a Parallel::yes name run at the same time, also those of one caller",
          "[workers]") {
  test::TempBus path;
  Barrier barrier;
  std::atomic<int> most{0};
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>(
        [&](std::uint64_t number) {
          barrier.wait();
          return number;
        },
        {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < 6; ++i) {
    auto one = slow.start(i, 30s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  CHECK(test::eventually([&] { return barrier.inside == 3; }, 20s));
  barrier.open();
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto reply = pending[i].wait();
    REQUIRE_OK(reply);
    CHECK(**reply == i);
  }
}

TEST_CASE("a slow command of one caller does not hold up those of another", "[workers]") {
  test::TempBus path;
  Barrier barrier;
  Served served(path.path(), 2, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t number) {
      barrier.wait();
      return number;
    }));
    REQUIRE_OK(server.on<Echo>([](std::uint64_t number) { return number; }));
  });
  auto bus = test::open_bus(path.path());
  std::vector<TypedPending<std::uint64_t>> pending;
  auto slow = test::typed_caller<Slow>(bus);
  for (std::uint64_t i = 0; i < 20; ++i) {
    auto one = slow.start(i, 30s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  std::thread([&] {
    auto own = Bus::open(path.path());
    auto echo = own->caller<Echo>();
    for (std::uint64_t i = 0; i < 100; ++i) {
      const auto reply = echo->call(i, 20s);
      CHECK_OK(reply);
    }
  }).join();
  barrier.open();
  for (auto& one : pending) CHECK_OK(one.wait());
}

TEST_CASE("what finds no room waits in its lane, and nobody spins", "[workers]") {
  constexpr std::uint64_t commands = 60;
  test::TempBus path;
  Barrier barrier;
  std::atomic<std::uint64_t> ran{0};
  Served served(path.path(), 1, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>(
        [&](std::uint64_t number) {
          barrier.wait();
          ++ran;
          return number;
        },
        {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < commands; ++i) {
    auto one = slow.start(i, 60s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
  }
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  test::nap(50ms);
  // The handler looks every 0.2 ms and is nearly all that runs in this process.
  const auto before = test::cpu_time();
  test::nap(500ms);
  CHECK(test::cpu_time() - before < 250ms);
  barrier.open();
  for (std::uint64_t i = 0; i < commands; ++i) {
    const auto reply = pending[i].wait();
    REQUIRE_OK(reply);
    CHECK(**reply == i);
  }
  CHECK(ran == commands);
}

TEST_CASE("one-way commands are all run, in order by caller or not, and their cells come back",
          "[workers]") {
  constexpr std::uint64_t commands = 2'000;
  const bool parallel = GENERATE(false, true);
  test::TempBus path;
  std::atomic<std::uint64_t> sum{0};
  std::atomic<std::uint64_t> last{0};
  std::atomic<int> out_of_order{0};
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Note>(
        [&](std::uint64_t number) {
          if (last.exchange(number) + 1 != number) ++out_of_order;
          sum += number;
        },
        {.parallel = parallel ? Parallel::yes : Parallel::no}));
  });
  auto bus = test::open_bus(path.path());
  auto note = test::typed_caller<Note>(bus);
  for (std::uint64_t i = 1; i <= commands; ++i) REQUIRE_OK(note.send(i));
  CHECK(test::eventually([&] { return sum == commands * (commands + 1) / 2; }, 30s));
  if (!parallel) CHECK(out_of_order == 0);
  CHECK(note.raw().lost() == 0);
}

TEST_CASE("workers and a global order exclude each other", "[workers]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  CHECK(test::kind(bus.serve({.order = Order::global, .workers = 2})) ==
        ErrorKind::invalid_argument);
  CHECK(test::kind(bus.serve({.workers = 1'001})) == ErrorKind::invalid_argument);
  auto server = bus.serve({.workers = 2});
  REQUIRE_OK(server);
  CHECK(test::kind(server->on<Echo>([](std::uint64_t number) { return number; },
                                    {.parallel = static_cast<Parallel>(7)})) ==
        ErrorKind::invalid_argument);
}
