// Many commands under way at once, answered later and in another order: pipeline [BUS]
//
// The handler hands each command to a worker thread and returns at once, so one slow answer delays
// nobody. The worker answers newest first; the caller still gets each answer to its own question.
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "report.hpp"

namespace {

using Square = shmbus::Command<"math.square", std::int64_t, std::int64_t>;
constexpr std::int64_t questions = 32;

/// Collects `questions` commands, then answers them, the newest first.
class Worker {
 public:
  void take(std::int64_t number, shmbus::Responder responder) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({number, std::move(responder)});
    changed_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.size() == questions; });
    for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
      const std::int64_t square = job->number * job->number;
      (void)job->responder.reply(std::as_bytes(std::span(&square, 1)));
    }
    jobs_.clear();
  }

 private:
  struct Job {
    std::int64_t number;
    shmbus::Responder responder;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> jobs_;
};

int ask_all(shmbus::Bus& bus) {
  auto square = bus.caller<Square>();
  if (!square) return report(square.error());
  std::vector<shmbus::TypedPending<std::int64_t>> answers;
  for (std::int64_t number = 0; number < questions; ++number) {
    auto pending = square->start(number);
    if (!pending) return report(pending.error());
    answers.push_back(std::move(*pending));
  }
  std::int64_t sum = 0;
  for (auto& answer : answers) {
    const auto reply = answer.wait();
    if (!reply) return report(reply.error());
    sum += **reply;
  }
  std::printf("%lld answers, sum of squares %lld\n", static_cast<long long>(answers.size()),
              static_cast<long long>(sum));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto bus = shmbus::Bus::open(argc > 1 ? argv[1] : "hello");
  if (!bus) return report(bus.error());
  auto server = bus->serve();
  if (!server) return report(server.error());
  Worker worker;
  const auto added = server->on("math.square", [&worker](shmbus::Context& context) {
    std::int64_t number = 0;
    if (context.request().size() != sizeof number) return shmbus::Status::reject(1, "not a number");
    std::memcpy(&number, context.request().data(), sizeof number);
    worker.take(number, context.defer());
    return shmbus::Status::ok();
  });
  if (!added) return report(added.error());
  const std::jthread serving([&](const std::stop_token& stop) { (void)server->run(stop); });
  const std::jthread answering([&worker] { worker.run(); });
  return ask_all(*bus);
}
