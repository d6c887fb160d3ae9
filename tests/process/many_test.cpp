// Many at once: more lanes than a server polls, threads that share one bus, servers in one process
// with their callers, callers that come and go.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/census.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

Status echo(Context& c) { return test::answer(c, c.request()); }

bool echo_works(RawCaller& caller, std::uint64_t number) {
  std::uint64_t back = 0;
  const auto result = caller.call(test::raw(number), test::raw(back), 10s);
  return result && back == number;
}

}  // namespace

TEST_CASE("seventy lanes on a server that polls eight", "[many]") {
  // One thread each, in one process; all take turns, so that most lanes are cold when they call.
  for (const auto wait : {WaitMode::adaptive, WaitMode::blocking}) {
    test::TempBus path;
    const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}),
                                               {.wait = wait, .hot_lanes = 8});
    auto bus = test::open_when_served(path.path(), "echo");
    std::atomic<int> wrong{0};
    std::atomic<int> slow{0};
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 70; ++t) {
      threads.emplace_back([&, t] {
        auto caller = bus.caller("echo");
        if (!caller) {
          ++wrong;
          return;
        }
        for (std::uint64_t i = 0; i < 100; ++i) {
          const test::Stopwatch watch;
          if (!echo_works(*caller, t << 32U | i)) ++wrong;
          if (watch.ms() > 400) ++slow;
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(slow == 0);  // a lost bell is found only by the sweep, half a second later
  }
}

TEST_CASE("a budget of one command reaches every lane and every slot", "[many]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve({.hot_lanes = 2});
  REQUIRE_OK(server->on("echo", echo));
  // Each thread keeps its lane full; two are hot, two are cold.
  constexpr int threads = 4;
  std::atomic<bool> stop{false};
  std::array<std::atomic<std::uint64_t>, threads> answered{};
  std::vector<std::jthread> callers;
  for (auto& mine : answered) {
    callers.emplace_back([&] {
      auto caller = test::caller_of(*bus, "echo");
      std::vector<Pending> window;
      while (!stop) {
        window.clear();
        for (int i = 0; i < 32; ++i) {
          if (auto pending = caller.start({}, 0)) window.push_back(std::move(*pending));
        }
        for (auto& pending : window) {
          if (pending.wait()) ++mine;
        }
      }
    });
  }
  const auto least = [&] {
    std::uint64_t low = ~0ULL;
    for (const auto& mine : answered) low = std::min(low, mine.load());
    return low;
  };
  const test::Stopwatch watch;
  while (least() < 200 && watch.ms() < 20'000) REQUIRE_OK(server->poll(1));
  CHECK(least() >= 200);
  stop = true;
  const test::Stopwatch drain;
  while (drain.ms() < 500) REQUIRE_OK(server->poll());
}

TEST_CASE("cold lanes ring promptly, one after the other", "[many]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}),
                                             {.wait = WaitMode::blocking, .hot_lanes = 1});
  auto bus = test::open_when_served(path.path(), "echo");
  // Twenty threads, each with a lane; one at a time is let through.
  constexpr std::uint64_t count = 20;
  std::atomic<std::uint64_t> turn{0};
  std::atomic<int> wrong{0};
  std::atomic<int> slow{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      auto caller = bus.caller("echo");
      for (std::uint64_t round = 0; round < 10; ++round) {
        while (turn != round * count + t) test::nap(50us);
        test::nap(200us);
        const test::Stopwatch watch;
        if (!caller || !echo_works(*caller, t)) ++wrong;
        if (watch.ms() > 50) ++slow;
        ++turn;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(slow <= 2);
}

TEST_CASE("a server without hot lanes works by bells alone", "[many]") {
  test::TempBus path;
  const auto handler =
      test::handler_process(path.path(), test::handlers({{"echo", echo}}), {.hot_lanes = 0});
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "echo");
  for (std::uint64_t i = 0; i < 20'000; ++i) REQUIRE(echo_works(caller, i));
}

TEST_CASE("a caller belongs to its thread, whatever is done with it", "[many]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}));
  auto bus = test::open_when_served(path.path(), "echo");
  auto caller = test::caller_of(bus, "echo");
  REQUIRE(echo_works(caller, 1));
  auto pending = caller.start({}, 0);
  auto loan = caller.loan(100);
  REQUIRE((pending && loan));
  std::thread([&] {
    CHECK(test::kind(caller.call({}, {})) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.start({}, 0)) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.send({})) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.loan(1)) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.flush()) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.fd()) == ErrorKind::wrong_thread);
    CHECK(test::kind(caller.poll()) == ErrorKind::wrong_thread);
    CHECK(test::kind(pending->wait()) == ErrorKind::wrong_thread);
    CHECK(test::kind(loan->send()) == ErrorKind::wrong_thread);
    auto own = bus.caller("echo");
    CHECK(own);
    if (own) CHECK(echo_works(*own, 2));
  }).join();
  CHECK_OK(pending->wait());
  CHECK_OK(loan->send());
  CHECK(echo_works(caller, 3));
}

TEST_CASE("threads come and go and leave no lane, no memory", "[many]") {
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  const auto handler = test::handler_process(path.path(), test::handlers({{"echo", echo}}));
  auto bus = test::open_when_served(path.path(), "echo");
  const auto watcher = test::join(path.path());
  std::atomic<int> wrong{0};
  for (int i = 0; i < 50; ++i) {
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        auto caller = bus.caller("echo");
        const std::vector<std::byte> large(3000);
        std::vector<std::byte> back(3000);
        if (!caller || !echo_works(*caller, t) || !caller->call(large, back)) ++wrong;
      });
    }
    for (auto& thread : threads) thread.join();
    // The handler frees the lanes when it looks; the next four must find some of eight.
  }
  CHECK(wrong == 0);
  CHECK(test::eventually([&] {
    const auto used = test::census(watcher->view());
    return used.lanes == 0 && used.extents == 0;
  }));
}

TEST_CASE("callers and servers in one process share a bus", "[many]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  std::stop_source stop;
  std::vector<std::thread> servers;
  for (int i = 0; i < 3; ++i) {
    servers.emplace_back([&, i] {
      auto server = bus->serve();
      if (!server->on("echo" + std::to_string(i), echo)) return;
      (void)server->run(stop.get_token());
    });
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int name = 0; name < 3; ++name) {
        auto caller = bus->caller("echo" + std::to_string(name), {.when_vacant = WhenVacant::wait});
        for (std::uint64_t i = 0; i < 500; ++i) {
          if (!caller || !echo_works(*caller, t << 32U | i)) ++wrong;
        }
      }
    });
  }
  for (auto& thread : callers) thread.join();
  CHECK(wrong == 0);
  const test::Stopwatch watch;
  stop.request_stop();
  for (auto& thread : servers) thread.join();
  CHECK(watch.ms() < 400);  // not the end of a slice
}

TEST_CASE("a server stops at once when asked, also when it sleeps or has no name", "[many]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  for (int i = 0; i < 40; ++i) {
    std::stop_source stop;
    std::thread thread([&] {
      auto server = bus->serve({.wait = i % 2 == 0 ? WaitMode::blocking : WaitMode::adaptive});
      if (i % 4 != 3) (void)server->on("echo", echo);
      (void)server->run(stop.get_token());
    });
    test::nap(std::chrono::microseconds(i * 50));
    const test::Stopwatch watch;
    stop.request_stop();
    thread.join();
    CHECK(watch.ms() < 200);
  }
}
