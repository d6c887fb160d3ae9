// A handler of a storm: writes down each run before anything else, checks order and content.
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "serve/server_core.hpp"
#include "shmbus/shmbus.hpp"
#include "support/child.hpp"
#include "torture/storm/order.hpp"
#include "torture/storm/roles.hpp"
#include "trace/current_command.hpp"

namespace shmbus::torture {
namespace {

using namespace std::chrono_literals;

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

/// SIGTERM as a stop token.
std::stop_token stopped_by_signal() {
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
  return stop.get_token();
}

class StormHandler {
 public:
  StormHandler(const Role& role, const Post& post)
      : role_(role), post_(post), name_(name_of(post.name)), stop_(stopped_by_signal()) {}

  int run() {
    auto bus = open_patiently(role_.path, "storm handler");
    if (!bus) return 10;
    auto server = bus->serve({.label = name_,
                              .wait = role_.weather.handler_wait,
                              .order = role_.weather.order,
                              .hot_lanes = role_.weather.hot_lanes,
                              .stand_by = post_.part >= Part::successor});
    if (!server) return 11;
    Deferrer deferrer;
    deferrer_ = &deferrer;
    if (const int code = sit_down(*server); code != 0 || stop_.stop_requested()) return code;
    role_.book.serving[post_.number] = true;
    return serve(*server) ? 0 : 13;
  }

 private:
  Result<void> add(Server& server, Sharing sharing) {
    return server.on(std::string_view(name_), [this](Context& c) { return handle(c); },
                     {.sharing = sharing});
  }

  /// In a storm a name's owner may be a process whose kill is still under way.
  int sit_down(Server& server) {
    if (post_.part >= Part::successor) return follow(server);
    const auto until = now_ns() + patience_ns;
    const bool trial_first = post_.part == Part::canary;
    const Sharing alone =
        role_.weather.owners == Owners::group ? Sharing::group : Sharing::exclusive;
    Result<void> added;
    do {
      added = add(server, trial_first ? Sharing::canary : alone);
      if (!added && role_.weather.canary)
        added = add(server, trial_first ? alone : Sharing::canary);
      if (added) return 0;
      test::nap(1ms);
    } while (now_ns() < until && !stop_.stop_requested());
    if (stop_.stop_requested()) return 0;
    return cannot("register", added.error());
  }

  /// Of the process that has the name now.
  int follow(Server& server) {
    if (auto added = add(server, Sharing::exclusive); !added)
      return cannot("stand by", added.error());
    if (post_.part == Part::heir) {
      while (!stop_.stop_requested()) {
        const auto sits = server.stand_by(50ms);
        if (!sits) return cannot("stand by", sits.error());
        if (*sits) break;
      }
      return 0;
    }
    const auto within = std::chrono::microseconds(role_.seed % 100'000);
    const auto how = post_.part == Part::enforcer ? IfUnresponsive::kill : IfUnresponsive::fail;
    const auto taken = server.take_over(within, how);
    if (taken) return 0;
    // Another was quicker with the name.
    const auto kind = taken.error().kind;
    if (kind == ErrorKind::timed_out || kind == ErrorKind::already_registered) return not_given;
    return cannot("take over", taken.error());
  }

  static int cannot(const char* what, const Error& error) {
    std::printf("  a handler cannot %s: %s\n", what, std::string(error.message.view()).c_str());
    return 12;
  }

  bool serve(Server& server) {
    if (!role_.weather.shared()) return server.run(stop_).has_value();
    while (!stop_.stop_requested()) {
      idle_at_ns_ = now_ns();
      if (!server.run_for(1ms)) return false;
    }
    return true;
  }

  Status handle(Context& context) {
    const Status status = run_one(context);
    idle_at_ns_ = now_ns();
    return status;
  }

  Status run_one(Context& context) {
    Request request{};
    const auto body = context.request();
    if (body.size() < sizeof request) return Status::reject(1);
    std::memcpy(&request, body.data(), sizeof request);
    Book& book = role_.book;
    if (request.id >= ids_max) {
      ++book.damaged;
      return Status::reject(1);
    }
    ++book.runs[request.id];
    const auto& lane = *detail::this_thread.running->lane;
    check_order(book, role_.weather, request,
                {lane.index(), lane.adopted_word().endpoint(), idle_at_ns_});
    bool whole = request.check == check_of(request.id);
    for (const auto byte : body.subspan(sizeof request)) {
      whole = whole && byte == static_cast<std::byte>(request.id);
    }
    if (!whole) ++book.damaged;
    if (!context.one_way() && request.id % 61 == 0) {
      deferrer_->add(context.defer(), request.check);
      return Status::ok();
    }
    const auto reply = context.reply_buffer(sizeof request.check);
    if (!reply.empty()) std::memcpy(reply.data(), &request.check, sizeof request.check);
    return Status::ok();
  }

  const Role& role_;
  Post post_;
  std::string name_;
  std::stop_token stop_;
  Deferrer* deferrer_ = nullptr;
  std::uint64_t idle_at_ns_ = 0;
};

}  // namespace

int serve_for_ever(const Role& role, const Post& post) { return StormHandler(role, post).run(); }

}  // namespace shmbus::torture
