#include "cli/host/reloader.hpp"

#include <utility>

namespace shmbus::cli::host {
namespace {

constexpr std::chrono::milliseconds settle_interval{5};

std::uint64_t count(std::chrono::nanoseconds time) noexcept {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

Reloader::Reloader(Host& host) : host_(&host), thread_([this] { run(); }) {}

Reloader::~Reloader() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Reloader::ask(const ReloadRequest& request, Deferred<ReloadPlugin> answer) {
  {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back({request, std::move(answer)});
  }
  changed_.notify_all();
}

ReloadReply Reloader::reload(const ReloadRequest& request) {
  ReloadReply reply;
  try {
    const auto done =
        host_->install(std::string(request.plugin.view()), std::string(request.path.view()));
    reply.switched = true;
    reply.from = String<24>::truncate(done.from);
    reply.to = String<24>::truncate(done.to);
    reply.trial_ns = count(done.trial);
    reply.start_ns = count(done.start);
    reply.switch_ns = count(done.switching);
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(request.drain_ms);
    (void)host_->settle();
    while (done.old && done.old->state() != PluginState::unloaded &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      (void)host_->settle();
    }
    reply.old_state = done.old ? done.old->state() : PluginState::unloaded;
  } catch (const std::exception& e) {
    reply.why_not = String<200>::truncate(e.what());
  }
  return reply;
}

void Reloader::run() {
  bool draining = false;
  for (;;) {
    std::unique_lock lock(mutex_);
    const auto wanted = [this] { return stopping_ || !jobs_.empty(); };
    if (draining) {
      changed_.wait_for(lock, settle_interval, wanted);
    } else {
      changed_.wait(lock, wanted);
    }
    if (stopping_) return;
    if (!jobs_.empty()) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      (void)job.answer.reply(reload(job.request));
    } else {
      lock.unlock();
    }
    draining = host_->settle();
  }
}

}  // namespace shmbus::cli::host
