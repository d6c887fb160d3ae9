// A handler of a storm: writes down each run before anything else, checks order and content.
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/roles.hpp"

namespace shmbus::torture {
namespace {

/// Answers deferred commands a moment later, from a thread of its own.
class Deferrer {
 public:
  Deferrer() : thread_([this](const std::stop_token& stop) { work(stop); }) {}

  void add(Responder responder, std::uint64_t answer) {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({std::move(responder), answer});
    some_.notify_one();
  }

 private:
  struct Item {
    Responder responder;
    std::uint64_t answer;
  };
  void work(const std::stop_token& stop) {
    for (;;) {
      std::unique_lock lock(mutex_);
      if (!some_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      Item item = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      test::nap(std::chrono::microseconds(item.answer % 200));
      (void)item.responder.reply(std::as_bytes(std::span(&item.answer, 1)));
    }
  }

  std::mutex mutex_;
  std::condition_variable_any some_;
  std::deque<Item> queue_;
  std::jthread thread_;
};

void misordered(Book& book, const Request& request, const char* why, std::uint64_t after) {
  if (book.misordered++ >= 5) return;
  std::printf("  command %lu of caller life %u started out of order (%s), after %lu\n", request.id,
              request.life, why, after);
  std::fflush(stdout);
}

void check_order(const Role& role, const Request& request) {
  Book& book = role.book;
  auto& life = book.lives[request.life % lives_max];
  const std::uint32_t last = life.last_started.exchange(request.index);
  if (last >= request.index) misordered(book, request, "its caller's", last);
  if (role.weather.order != Order::global || role.weather.handlers > 1) return;
  // Misordered: this publish was over before that of one that was started earlier began.
  const std::uint64_t over = book.published_at[request.id];
  const std::uint64_t newest = book.newest_started;
  if (over != 0 && over < newest) misordered(book, request, "all callers'", newest - over);
  if (request.stamp > newest) book.newest_started = request.stamp;
}

Status run(const Role& role, Deferrer& deferrer, Context& context) {
  Request request{};
  const auto body = context.request();
  if (body.size() < sizeof request) return Status::reject(1);
  std::memcpy(&request, body.data(), sizeof request);
  Book& book = role.book;
  if (request.id >= ids_max) {
    ++book.damaged;
    return Status::reject(1);
  }
  ++book.runs[request.id];
  check_order(role, request);
  bool whole = request.check == check_of(request.id);
  for (const auto byte : body.subspan(sizeof request)) {
    whole = whole && byte == static_cast<std::byte>(request.id);
  }
  if (!whole) ++book.damaged;
  if (!context.one_way() && request.id % 61 == 0) {
    deferrer.add(context.defer(), request.check);
    return Status::ok();
  }
  const auto reply = context.reply_buffer(sizeof request.check);
  if (!reply.empty()) std::memcpy(reply.data(), &request.check, sizeof request.check);
  return Status::ok();
}

}  // namespace

int serve_for_ever(const Role& role, unsigned which) {
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
  std::stop_source stop;
  std::thread([stop, terminate]() mutable {
    int signal = 0;
    ::sigwait(&terminate, &signal);
    stop.request_stop();
  }).detach();

  auto bus = Bus::open(role.path, {.label = "storm handler"});
  if (!bus) return 10;
  auto server = bus->serve({.label = name_of(which),
                            .wait = role.weather.handler_wait,
                            .order = role.weather.order,
                            .hot_lanes = role.weather.hot_lanes});
  if (!server) return 11;
  Deferrer deferrer;
  // In a storm a name's owner may be a process whose kill is still under way.
  const auto until = now_ns() + patience_ns;
  for (;;) {
    const auto added =
        server->on(name_of(which), [&](Context& c) { return run(role, deferrer, c); });
    if (added) break;
    if (now_ns() > until) {
      std::printf("  a handler cannot register: %s\n",
                  std::string(added.error().message.view()).c_str());
      return 12;
    }
    test::nap(std::chrono::milliseconds(1));
  }
  role.book.serving[which] = true;
  return server->run(stop.get_token()) ? 0 : 13;
}

}  // namespace shmbus::torture
