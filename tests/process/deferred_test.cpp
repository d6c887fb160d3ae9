// Deferred answers: given later, by another thread, in any order, or never.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "support/catch.hpp"
#include "support/handler_process.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

/// A thread of the handler process that answers what was deferred, `batch` at a time, newest first.
class Clerk {
 public:
  explicit Clerk(std::size_t batch) : batch_(batch), thread_([this] { work(); }) {}
  void add(Responder responder, std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    pending_.push_back({std::move(responder), number});
    changed_.notify_one();
  }

 private:
  struct Work {
    Responder responder;
    std::uint64_t number;
  };
  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, 2ms, [this] { return pending_.size() >= batch_; });
      std::deque<Work> now;
      now.swap(pending_);
      lock.unlock();
      for (; !now.empty(); now.pop_back()) {
        auto& [responder, number] = now.back();
        if (number % 7 == 6) {
          (void)responder.reject(7, "seventh");
        } else if (number % 7 != 5) {  // the sixth is dropped
          (void)responder.reply(test::raw(number));
        }
      }
    }
  }
  std::size_t batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> pending_;
  std::thread thread_;
};

Status defer_to(Clerk& clerk, Context& context) {
  const auto number = test::number_in<std::uint64_t>(context.request());
  auto responder = context.defer();
  if (!responder.valid()) return Status::reject(1, "cannot defer");
  clerk.add(std::move(responder), number);
  return Status::ok();
}

bool right_answer(std::uint64_t number, const Result<ReplyView>& reply) {
  if (number % 7 == 6) return test::kind(reply) == ErrorKind::rejected && reply.error().code == 7;
  if (number % 7 == 5) return test::kind(reply) == ErrorKind::abandoned;
  return reply && test::number_in<std::uint64_t>(reply->bytes()) == number;
}

}  // namespace

TEST_CASE("sixty deferred calls are answered out of order by another thread", "[deferred]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    static Clerk clerk(60);
    return server.on("later", [](Context& c) { return defer_to(clerk, c); }).has_value();
  });
  auto bus = test::open_when_served(path.path(), "later");
  auto caller = test::caller_of(bus, "later");
  for (int round = 0; round < 200; ++round) {
    std::vector<Pending> pending;
    for (std::uint64_t i = 0; i < 60; ++i) {
      auto one = caller.start(test::raw(i), 8);
      REQUIRE_OK(one);
      pending.push_back(std::move(*one));
    }
    for (std::uint64_t i = 0; i < 60; ++i) REQUIRE(right_answer(i, pending[i].wait()));
  }
}

TEST_CASE("large deferred answers are written in place", "[deferred]") {
  test::TempBus path;
  const auto handler = test::handler_process(path.path(), [](Bus&, Server& server) {
    return server
        .on("large",
            [](Context& c) {
              std::thread([responder = c.defer()]() mutable {
                const auto memory = responder.buffer(5000);
                std::fill(memory.begin(), memory.end(), std::byte{9});
                (void)responder.reply();
              }).detach();
              return Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "large");
  auto caller = test::caller_of(bus, "large");
  for (int i = 0; i < 100; ++i) {
    std::vector<std::byte> room(5000);
    REQUIRE(caller.call({}, room) == 5000U);
    REQUIRE(room[4999] == std::byte{9});
    std::vector<std::byte> little(100);
    REQUIRE(caller.call({}, little).error().needed == 5000);
  }
}

TEST_CASE("a responder sees that its caller no longer waits", "[deferred]") {
  test::TempBus path;
  test::Shared<std::atomic<int>> cancelled;
  const auto handler = test::handler_process(path.path(), [&](Bus&, Server& server) {
    return server
        .on("watch",
            [&](Context& c) {
              std::thread([&, responder = c.defer()]() mutable {
                while (!responder.cancelled()) test::nap(100us);
                ++*cancelled;
                (void)responder.reply();
              }).detach();
              return Status::ok();
            })
        .has_value();
  });
  auto bus = test::open_when_served(path.path(), "watch");
  auto caller = test::caller_of(bus, "watch");
  CHECK(test::kind(caller.call({}, {}, 20ms)) == ErrorKind::timed_out);
  CHECK(test::eventually([&] { return cancelled->load() == 1; }));
}

TEST_CASE("a server that leaves tells the callers of what it had deferred", "[deferred]") {
  test::TempBus path;
  const auto bus = Bus::open(path.path());
  REQUIRE_OK(bus);
  auto local = *bus;
  Responder kept;
  auto server = local.serve();
  REQUIRE_OK(server);
  REQUIRE_OK(server->on("keep", [&](Context& c) { return kept = c.defer(), Status::ok(); }));
  auto caller = test::caller_of(local, "keep");
  auto pending = caller.start({}, 8);
  REQUIRE_OK(pending);
  while (!kept.valid()) REQUIRE_OK(server->poll());
  CHECK_FALSE(pending->ready());
  { const Server gone = std::move(*server); }
  CHECK(test::kind(pending->wait()) == ErrorKind::abandoned);
  CHECK(test::kind(kept.reply()) == ErrorKind::abandoned);
  CHECK_FALSE(kept.reply());  // once is enough
}

TEST_CASE("one-way commands cannot be deferred", "[deferred]") {
  test::TempBus path;
  auto bus = Bus::open(path.path());
  auto server = bus->serve();
  bool valid = true;
  REQUIRE_OK(server->on("x", [&](Context& c) { return valid = c.defer().valid(), Status::ok(); }));
  auto caller = test::caller_of(*bus, "x");
  REQUIRE_OK(caller.send({}));
  while (valid) REQUIRE_OK(server->poll());
  SUCCEED();
}
