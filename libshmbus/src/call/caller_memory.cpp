// Waiting for payload memory. Two rules keep callers from standing still together: a call that
// needs two blocks waits with neither, and a thread whose own unread replies hold memory gets an
// error soon, since only itself can give that back.
#include <algorithm>
#include <utility>

#include "call/caller_core.hpp"
#include "os/futex.hpp"
#include "session/core.hpp"

namespace shmbus::detail {

namespace {

constexpr std::uint64_t memory_slice_ns = 200'000;
constexpr std::uint64_t unread_ns = 10'000'000;  // then a thread with unread replies gets an error

tl::unexpected<Error> holds_unread(std::uint32_t count) noexcept {
  Error error{ErrorKind::overloaded, 0, 0, {}};
  error.message.append("no payload memory left, and this thread holds ")
      .append(count)
      .append(
          " answered replies that it has not read: wait() for them, or drop them, before it "
          "sends more; or create the bus with more capacities.extents");
  return tl::unexpected<Error>(error);
}

}  // namespace

/// Ok when it is worth to try again, after a pause. `began`: when the wait did.
Result<void> CallerCore::wait_a_moment(const Error& why, std::uint64_t began,
                                       Deadline& deadline) noexcept {
  if (why.kind != ErrorKind::overloaded && why.kind != ErrorKind::limit_reached) {
    return tl::unexpected<Error>(why);
  }
  if (!bus().intact()) return unusable();
  const std::uint64_t now = wait::ticks();
  if (options_.when_full == WhenFull::fail || deadline.over(now)) return tl::unexpected<Error>(why);
  if (!enclosing_wanted()) return cancelled_error();
  if (now - began >= bus().rate.from_ns(unread_ns)) {
    if (const auto unread = port_->unread(); unread != 0) return holds_unread(unread);
  }
  if (lane_ != nullptr) {  // what holds the memory may wait where nobody runs it
    check_owner(*lane_);
    withdraw_if_moved();
  }
  // Nobody tells us when a handler is done with a one-way command's memory: look again soon.
  wait::pause_for(std::min(deadline.left_ns(now), memory_slice_ns));
  return {};
}

Result<Block> CallerCore::wait_for_memory(std::uint64_t bytes, Deadline& deadline) noexcept {
  const std::uint64_t began = wait::ticks();
  for (;;) {
    auto block = port_->allocate(bytes);
    if (block) return block;
    if (auto again = wait_a_moment(block.error(), began, deadline); !again) {
      return tl::unexpected<Error>(again.error());
    }
  }
}

Result<Block> CallerCore::wait_for_second(std::uint64_t bytes, Block& first,
                                          std::uint64_t first_bytes, Deadline& deadline) noexcept {
  const std::uint64_t began = wait::ticks();
  const bool two = first.data != nullptr;
  for (;;) {
    Result<Block> block = two && first.data == nullptr ? port_->allocate(first_bytes) : first;
    if (block) {
      first = *block;
      block = port_->allocate(bytes);
      if (block) return block;
      port_->release(std::exchange(first, {}));
    }
    if (auto again = wait_a_moment(block.error(), began, deadline); !again) {
      return tl::unexpected<Error>(again.error());
    }
  }
}

}  // namespace shmbus::detail
