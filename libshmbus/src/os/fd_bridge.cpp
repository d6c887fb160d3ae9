#include "os/fd_bridge.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "os/descriptor.hpp"
#include "os/futex.hpp"
#include "os/scoped_signal_mask.hpp"

namespace shmbus::wait {
namespace {

constexpr std::uint64_t slice_ns = 1'000'000'000;

}  // namespace

Result<std::unique_ptr<FdBridge>> FdBridge::watch(layout::Word32& word,
                                                  const liveness::HandleGuard& guard, int fd) {
  if (fd < 0) fd = descriptor::event(0, EFD_NONBLOCK);
  if (fd < 0) return fail(ErrorKind::overloaded, "cannot make an eventfd", errno);
  std::unique_ptr<FdBridge> bridge(new FdBridge(fd, word, guard));
  try {
    const ScopedSignalMask blocked;
    bridge->thread_ = std::thread([raw = bridge.get()] { raw->run(); });
  } catch (const std::system_error& e) {
    return fail(ErrorKind::overloaded, "cannot start the thread behind fd()", e.code().value());
  }
  return bridge;
}

FdBridge::~FdBridge() {
  if (guard_->forked()) {
    // The thread is the parent's; there is nothing here to join.
    if (thread_.joinable()) thread_.detach();
    ::close(fd_);
    return;
  }
  stopping_.store(true, std::memory_order_release);  // SYNC bridge.stop
  if (thread_.joinable()) {
    bump_and_wake(*word_.load(std::memory_order_relaxed));
    thread_.join();
  }
  ::close(fd_);
}

void FdBridge::run() noexcept {
  const layout::Word32* watched = nullptr;
  std::uint32_t seen = 0;
  while (!stopping_.load(std::memory_order_acquire)) {               // SYNC bridge.stop
    layout::Word32& word = *word_.load(std::memory_order_acquire);   // SYNC bridge.word
    const std::uint32_t now = word.load(std::memory_order_acquire);  // SYNC wait.event
    // A word looked at for the first time counts as changed: it may have, before we were here.
    if (&word != watched || now != seen) signal();
    watched = &word;
    seen = now;
    futex_wait(word, seen, slice_ns);
  }
}

void FdBridge::move_to(layout::Word32& word) noexcept {
  layout::Word32* old = word_.exchange(&word, std::memory_order_acq_rel);  // SYNC bridge.word
  bump_and_wake(*old);
}

void FdBridge::clear() noexcept {
  eventfd_t count = 0;
  (void)::eventfd_read(fd_, &count);
}

void FdBridge::signal() noexcept { (void)::eventfd_write(fd_, 1); }

}  // namespace shmbus::wait
