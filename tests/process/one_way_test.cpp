// One-way commands: all run once and in order; a batch wakes the handler once; what a dead handler
// had started is reported lost, what it had not waits for the successor.
#include <unistd.h>

#include <csignal>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Tally {
  std::atomic<std::uint64_t> ran{0};
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> out_of_order{0};
  std::atomic<int> blocked{0};
  std::atomic<std::uint64_t> seen_blocking{0};
};

/// "count" checks that numbers come in order; "block" never returns.
test::Child counter(const std::string& path, test::Shared<Tally>& tally,
                    WaitMode wait = WaitMode::adaptive) {
  return test::handler_process(path,
                               test::handlers({{"count",
                                                [&](Context& c) {
                                                  const auto number =
                                                      test::number_in<std::uint64_t>(c.request());
                                                  if (number != tally->next.load())
                                                    ++tally->out_of_order;
                                                  tally->next = number + 1;
                                                  ++tally->ran;
                                                  return Status::ok();
                                                }},
                                               {"block",
                                                [&](Context&) {
                                                  ++tally->seen_blocking;
                                                  tally->blocked = 1;
                                                  for (;;) ::pause();
                                                  return Status::ok();
                                                }}}),
                               {.label = "counter", .wait = wait});
}

struct Lost {
  std::vector<std::uint64_t> sequences;
  std::vector<ErrorKind> kinds;
  static void note(void* user, std::uint64_t sequence, ErrorKind why) {
    static_cast<Lost*>(user)->sequences.push_back(sequence);
    static_cast<Lost*>(user)->kinds.push_back(why);
  }
};

}  // namespace

TEST_CASE("batches of one-way commands run once, in order, in each wait mode", "[one_way]") {
  for (const auto wait : {WaitMode::adaptive, WaitMode::blocking}) {
    test::TempBus path;
    test::Shared<Tally> tally;
    const auto handler = counter(path.path(), tally, wait);
    auto bus = test::open_when_served(path.path(), "count");
    auto caller = test::caller_of(bus, "count");
    constexpr std::uint64_t total = 200'000;
    for (std::uint64_t i = 0; i < total; ++i) {
      REQUIRE_OK(caller.send(test::raw(i), i % 32 == 31 ? Notify::now : Notify::later));
    }
    REQUIRE_OK(caller.flush());
    CHECK(test::eventually([&] { return tally->ran == total; }));
    CHECK(tally->out_of_order == 0);
    CHECK(caller.lost() == 0);
  }
}

TEST_CASE("a flush wakes a handler that sleeps", "[one_way]") {
  test::TempBus path;
  test::Shared<Tally> tally;
  const auto handler = counter(path.path(), tally, WaitMode::blocking);
  auto bus = test::open_when_served(path.path(), "count");
  auto caller = test::caller_of(bus, "count");
  for (std::uint64_t i = 0; i < 50; ++i) {
    test::nap(2ms);  // asleep again
    REQUIRE_OK(caller.send(test::raw(i), Notify::later));
    const test::Stopwatch watch;
    REQUIRE_OK(caller.flush());
    REQUIRE(test::eventually([&] { return tally->ran == i + 1; }, 1s));
    CHECK(watch.ms() < 100);
  }
}

TEST_CASE("a one-way command whose handler was killed is reported lost, once", "[one_way]") {
  test::TempBus path;
  test::Shared<Tally> tally;
  auto handler = counter(path.path(), tally);
  auto bus = test::open_when_served(path.path(), "count");
  auto count = test::caller_of(bus, "count", {.when_vacant = WhenVacant::wait});
  auto block = test::caller_of(bus, "block", {.when_vacant = WhenVacant::wait});
  Lost lost;
  count.on_lost(&Lost::note, &lost);
  for (std::uint64_t i = 0; i < 10; ++i) REQUIRE_OK(count.send(test::raw(i)));
  const auto killer = block.send({});
  REQUIRE_OK(killer);
  for (std::uint64_t i = 10; i < 20; ++i) REQUIRE_OK(count.send(test::raw(i)));
  REQUIRE(test::eventually([&] { return tally->blocked == 1; }));
  handler.kill();
  auto successor = counter(path.path(), tally);
  CHECK(test::eventually([&] { return tally->ran == 20; }));
  REQUIRE_OK(count.flush());
  CHECK(tally->out_of_order == 0);
  CHECK(tally->seen_blocking == 1);
  CHECK(lost.sequences == std::vector<std::uint64_t>{*killer});
  CHECK(lost.kinds == std::vector<ErrorKind>{ErrorKind::handler_died_after_start});
  CHECK(count.lost() == 1);
  REQUIRE_OK(count.flush());
  CHECK(lost.sequences.size() == 1);
}

TEST_CASE("a callback for lost commands may be set before there is a handler", "[one_way]") {
  test::TempBus path;
  test::Shared<Tally> tally;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto block = test::caller_of(*bus, "block", {.when_vacant = WhenVacant::wait});
  Lost lost;
  block.on_lost(&Lost::note, &lost);
  auto handler = counter(path.path(), tally);
  REQUIRE_OK(block.send({}));
  REQUIRE(test::eventually([&] { return tally->blocked == 1; }));
  handler.kill();
  CHECK(test::eventually([&] {
    (void)bus->reclaim();
    return block.flush() && lost.sequences.size() == 1;
  }));
}

TEST_CASE("one-way commands past their deadline are not run and reported", "[one_way]") {
  test::TempBus path;
  test::Shared<Tally> tally;
  const auto handler = counter(path.path(), tally);
  auto bus = test::open_when_served(path.path(), "count");
  auto caller = test::caller_of(bus, "count");
  Lost lost;
  caller.on_lost(&Lost::note, &lost);
  const std::uint64_t number = 0;
  const auto expired = caller.send(test::raw(number), Notify::now, 0ms);
  REQUIRE_OK(expired);
  CHECK(test::eventually([&] { return caller.flush() && lost.sequences.size() == 1; }));
  CHECK(lost.kinds == std::vector<ErrorKind>{ErrorKind::timed_out});
  CHECK(tally->ran == 0);
}

TEST_CASE("a sender that ends at once still has its large commands run", "[one_way]") {
  // Memory of a thread that is gone is borrowed by the handler until it is done; then it comes back
  // to the bus, although the process lives on.
  test::TempBus path;
  { CHECK_OK(Bus::open(path.path(), test::small_bus())); }
  test::Shared<Tally> tally;
  const auto handler = test::handler_process(
      path.path(), test::handlers({{"sum", [&](Context& c) {
                                      test::nap(1ms);
                                      for (const auto byte : c.request()) {
                                        tally->next += static_cast<std::uint64_t>(byte);
                                      }
                                      ++tally->ran;
                                      return Status::ok();
                                    }}}));
  auto bus = test::open_when_served(path.path(), "sum");
  const std::vector<std::byte> ones(4096, std::byte{1});
  for (int i = 0; i < 50; ++i) {
    bool sent = false;
    std::thread([&] {
      // Eight lanes and eight extents: those of earlier threads must be free again in time.
      sent = test::eventually([&] {
        auto caller = bus.caller("sum");
        return caller && caller->send(ones);
      });
    }).join();
    REQUIRE(sent);
  }
  CHECK(test::eventually([&] { return tally->ran == 50; }));
  CHECK(tally->next == 50 * 4096);
}
