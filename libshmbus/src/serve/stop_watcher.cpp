#include "serve/stop_watcher.hpp"

#include <algorithm>
#include <utility>

#include "os/scoped_signal_mask.hpp"

namespace shmbus::serve {
namespace {

constexpr std::uint64_t slice_ns = 1'000'000'000;
constexpr std::uint64_t death_slice_ns = 10'000'000;   // nobody may have told us that a caller died
constexpr std::uint64_t crowded_slice_ns = 1'000'000;  // more lanes than can be slept on

}  // namespace

StopWatch::~StopWatch() { watcher_->forget(id_); }

StopWatcher::~StopWatcher() {
  // After shut_down() only the thread itself may still be there, in the last of its callbacks.
  if (thread_.joinable()) thread_.detach();
}

std::unique_ptr<StopWatch> StopWatcher::watch(const Started& command) {
  const std::scoped_lock lock(mutex_);
  if (stopping_.load(std::memory_order_relaxed)) return nullptr;
  if (!thread_.joinable()) {
    const wait::ScopedSignalMask blocked;
    // It keeps this alive: a stop callback may let go of everything else.
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  }
  watched_.reserve(watched_.size() + 1);
  std::stop_source source;
  auto watch = std::make_unique<StopWatch>(shared_from_this(), ++last_id_, source.get_token());
  watched_.push_back({last_id_, command, {}, std::move(source)});
  wait::bump_and_wake(loop_flags_);
  return watch;
}

void StopWatcher::forget(std::uint64_t id) noexcept {
  if (guard_->forked()) return;
  const std::scoped_lock lock(mutex_);
  std::erase_if(watched_, [id](const Watched& one) { return one.id == id; });
}

void StopWatcher::shut_down() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    stopping_.store(true, std::memory_order_release);  // SYNC stop_watcher.stop
    if (!thread_.joinable()) return;
  }
  wait::bump_and_wake(loop_flags_);
  if (thread_.get_id() == std::this_thread::get_id()) return;  // run() ends when we return to it
  thread_.join();
}

std::stop_source StopWatcher::take_cancelled(bool all) noexcept {
  const std::scoped_lock lock(mutex_);
  if (!all && stopping_.load(std::memory_order_relaxed)) return std::stop_source(std::nostopstate);
  for (auto& one : watched_) {
    if (!all && !one.probe.cancelled(one.command)) continue;
    std::stop_source source = std::move(one.source);
    std::swap(one, watched_.back());
    watched_.pop_back();
    return source;
  }
  return std::stop_source(std::nostopstate);
}

StopWatcher::Sleep StopWatcher::prepare_sleep() noexcept {
  Sleep sleep;
  sleep.limit_ns = slice_ns;
  const auto add = [&sleep](layout::Word32& word) {
    const auto known = [&word](const wait::FutexWaiter& one) { return one.word == &word; };
    const auto end = sleep.words.begin() + static_cast<std::ptrdiff_t>(sleep.count);
    if (std::find_if(sleep.words.begin(), end, known) != end) return;
    if (sleep.count == sleep.words.size()) {
      sleep.limit_ns = crowded_slice_ns;
      return;
    }
    sleep.words[sleep.count++] = {&word, word.load(std::memory_order_acquire)};  // SYNC wait.event
  };
  const std::scoped_lock lock(mutex_);
  add(loop_flags_);
  for (const auto& one : watched_) {
    add(one.command.head().events.count);
    if (one.command.with_caller) sleep.limit_ns = std::min(sleep.limit_ns, death_slice_ns);
  }
  return sleep;
}

bool StopWatcher::stop_cancelled(bool all) noexcept {
  bool any = false;
  for (auto source = take_cancelled(all); source.stop_possible(); source = take_cancelled(all)) {
    any = true;
    source.request_stop();
  }
  return any;
}

void StopWatcher::run() noexcept {
  // After a callback the segment may be gone: look at nothing of it before asking whether to go on.
  while (!stopping_.load(std::memory_order_acquire)) {  // SYNC stop_watcher.stop
    // The counts first: what is cancelled after we looked has bumped one of them.
    const Sleep sleep = prepare_sleep();
    if (stopping_.load(std::memory_order_acquire)) break;  // SYNC stop_watcher.stop
    if (!stop_cancelled(false)) {
      wait::futex_wait_any({sleep.words.data(), sleep.count}, sleep.limit_ns);
    }
  }
  (void)stop_cancelled(true);
}

}  // namespace shmbus::serve
