// A stuck worker can be seen from outside, costs one worker, and a sleeping one costs nothing.
#include <thread>

#include "inspect/reader.hpp"
#include "inspect/snapshot.hpp"
#include "workers/support.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Barrier;
using test::Echo;
using test::Served;
using test::Slow;

namespace {

inspect::EndpointInfo endpoint_of(const std::string& path, std::string_view name) {
  const auto reader = inspect::Reader::open(path);
  REQUIRE_OK(reader);
  const auto snapshot = inspect::take_snapshot(*reader);
  const auto* info = snapshot.name(std::string(name));
  REQUIRE(info != nullptr);
  REQUIRE(info->endpoint.has_value());
  return snapshot.endpoints[*info->endpoint];
}

}  // namespace

TEST_CASE("a stuck worker is seen, and the others go on", "[workers]") {
  test::TempBus path;
  Barrier barrier;
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Slow>([&](std::uint64_t number) {
      barrier.wait();
      return number;
    }));
    REQUIRE_OK(server.on<Echo>([](std::uint64_t number) { return number; }));
  });
  auto bus = test::open_bus(path.path());
  auto slow = test::typed_caller<Slow>(bus);
  auto stuck = slow.start(1, 60s);
  REQUIRE_OK(stuck);
  REQUIRE(test::eventually([&] { return barrier.inside == 1; }, 20s));
  test::nap(100ms);
  const auto seen = endpoint_of(path.path(), Slow::name.text);
  CHECK(seen.workers == 3);
  CHECK(seen.busy == 1);
  CHECK(seen.oldest_ns >= 90'000'000);
  CHECK(seen.oldest_ns < 20'000'000'000);
  std::thread([&] {
    auto own = Bus::open(path.path());
    auto echo = own->caller<Echo>();
    for (std::uint64_t i = 0; i < 50; ++i) CHECK_OK(echo->call(i, 20s));
  }).join();
  CHECK(endpoint_of(path.path(), Slow::name.text).oldest_ns >= seen.oldest_ns);
  barrier.open();
  CHECK_OK(stuck->wait());
  CHECK(test::eventually([&] { return endpoint_of(path.path(), Slow::name.text).busy == 0; }));
  CHECK(endpoint_of(path.path(), Slow::name.text).oldest_ns == 0);
  CHECK(endpoint_of(path.path(), Slow::name.text).workers == 3);
}

TEST_CASE("commands on workers are counted", "[workers]") {
  constexpr std::uint64_t commands = 500;
  test::TempBus path;
  Served served(path.path(), 3, [&](Server& server) {
    REQUIRE_OK(server.on<Echo>(
        [](std::uint64_t number, std::uint64_t& reply) {
          reply = number;
          return number % 10 == 0 ? Status::reject(1) : Status::ok();
        },
        {.parallel = Parallel::yes}));
  });
  auto bus = test::open_bus(path.path());
  auto echo = test::typed_caller<Echo>(bus);
  std::vector<TypedPending<std::uint64_t>> pending;
  for (std::uint64_t i = 0; i < commands; ++i) {
    auto one = echo.start(i, 30s);
    REQUIRE_OK(one);
    pending.push_back(std::move(*one));
    if (pending.size() < 20) continue;
    for (auto& reply : pending) (void)reply.wait();
    pending.clear();
  }
  served.stop();
  const auto reader = inspect::Reader::open(path.path());
  REQUIRE_OK(reader);
  const auto snapshot = inspect::take_snapshot(*reader);
  const auto* info = snapshot.name(std::string(Echo::name.text));
  REQUIRE(info != nullptr);
  CHECK(info->commands == commands);
  CHECK(info->errors == commands / 10);
  CHECK(info->service.total > 0);
}

TEST_CASE("workers without commands use no processor", "[workers]") {
  test::TempBus path;
  Served served(path.path(), 8, [&](Server& server) {
    REQUIRE_OK(server.on<Echo>([](std::uint64_t number) { return number; }));
  });
  auto bus = test::open_bus(path.path());
  auto echo = test::typed_caller<Echo>(bus);
  CHECK_OK(echo.call(1, 20s));
  test::nap(100ms);
  const auto before = test::cpu_time();
  test::nap(500ms);
  CHECK(test::cpu_time() - before < 50ms);
}
