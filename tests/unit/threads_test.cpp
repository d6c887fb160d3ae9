// The whole library in one process and one mapping: a server, callers, and answers from a third
// thread. Its point is ThreadSanitizer, which can see this and nothing that crosses processes.
#include <sched.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t rounds = 300;
#else
constexpr std::uint64_t rounds = 3'000;
#endif

struct Word {
  std::uint64_t value;
};
struct Block {
  std::uint64_t value[200];
};
using Increment = Command<"increment", Word, Word>;
using Invert = Command<"invert", Block, Block>;
using Count = Command<"count", Word>;
using Later = Command<"later", Word, Word>;

/// Answers what a handler deferred, from a thread of its own.
class Desk {
 public:
  Desk() : thread_([this] { work(); }) {}
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  ~Desk() {
    stop_ = true;
    thread_.join();
  }
  void put(Responder responder, std::uint64_t value) {
    const std::scoped_lock lock(mutex_);
    pending_.emplace_back(std::move(responder), value);
  }

 private:
  void work() {
    while (!stop_) {
      std::vector<std::pair<Responder, std::uint64_t>> now;
      {
        const std::scoped_lock lock(mutex_);
        now.swap(pending_);
      }
      for (auto& [responder, value] : now) {
        const Word reply{value + 7};
        (void)responder.reply(std::as_bytes(std::span(&reply, 1)));
      }
      if (now.empty()) ::sched_yield();
    }
  }
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::pair<Responder, std::uint64_t>> pending_;
  std::thread thread_;
};

struct Office {
  Desk desk;
  std::uint64_t counted = 0;  ///< by the serving thread alone

  bool register_all(Server& server) {
    return server.on<Increment>([](const Word& in, Word& out) { out.value = in.value + 1; }) &&
           server.on<Invert>([](const Block& in, Block& out) {
             for (std::size_t i = 0; i < 200; ++i) out.value[i] = ~in.value[i];
           }) &&
           server.on<Count>([this](const Word& in) { counted += in.value; }) &&
           server.on("later", [this](Context& context) {
             Word in{};
             std::memcpy(&in, context.request().data(), sizeof in);
             desk.put(context.defer(), in.value);
             return Status::ok();
           });
  }
};

/// One caller thread: all kinds of commands; false when an answer is wrong.
bool work(Bus& bus, std::uint64_t base) {
  const CallerOptions patient{.when_vacant = WhenVacant::wait};
  auto increment = bus.caller<Increment>(patient);
  auto invert = bus.caller<Invert>(patient);
  auto count = bus.caller<Count>(patient);
  auto later = bus.caller<Later>(patient);
  if (!increment || !invert || !count || !later) return false;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const auto next = increment->call({base + i}, 20s);
    if (!next || next->value != base + i + 1) return false;
    auto deferred = later->start({base + i}, 20s);
    auto loan = invert->loan();
    if (!deferred || !loan) return false;
    for (auto& value : (*loan)->value) value = base + i;
    auto inverted = loan->call(20s);
    if (!inverted || (*inverted)->value[199] != ~(base + i)) return false;
    if (!count->send({1}, Notify::later)) return false;
    auto answered = deferred->wait();
    if (!answered || (*answered)->value != base + i + 7) return false;
  }
  return count->flush().has_value();
}

void run(Order order) {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  std::stop_source stop;
  Office office;
  std::atomic<bool> served{true};
  std::thread server_thread([&] {
    auto server = bus->serve({.order = order});
    served = server && office.register_all(*server) && server->run(stop.get_token());
  });
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < 3; ++t) {
    callers.emplace_back([&, t] { wrong += work(*bus, t << 40U) ? 0 : 1; });
  }
  for (auto& caller : callers) caller.join();
  stop.request_stop();
  server_thread.join();
  CHECK(served);
  CHECK(wrong == 0);
  CHECK(office.counted == 3 * rounds);
}

}  // namespace

TEST_CASE("three callers, a server and a desk in one process", "[threads]") {
  run(Order::per_caller);
}

TEST_CASE("the same under global order", "[threads]") { run(Order::global); }

TEST_CASE("names come and go under calls from other threads", "[threads]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread server_thread([&] {
    for (int i = 0; i < 100; ++i) {
      auto server = bus->serve();
      if (!server->on<Increment>([](const Word& in, Word& out) { out.value = in.value + 1; })) {
        ++wrong;
      }
      (void)server->run_for(1ms);
      if (i % 2 == 0) (void)server->off("increment");
    }
    stop = true;
  });
  std::vector<std::thread> callers;
  for (std::uint64_t t = 0; t < 2; ++t) {
    callers.emplace_back([&, t] {
      auto caller =
          bus->caller<Increment>({.when_vacant = t == 0 ? WhenVacant::fail : WhenVacant::wait});
      while (!stop) {
        const auto reply = caller->call({t}, 200ms);
        if (reply && reply->value != t + 1) ++wrong;
        if (!reply && reply.error().kind == ErrorKind::handler_died_after_start) ++wrong;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  server_thread.join();
  CHECK(wrong == 0);
}
