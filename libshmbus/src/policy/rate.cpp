#include "policy/rate.hpp"

#include <algorithm>

#include "base/testpoint.hpp"

namespace shmbus::policy {
namespace {

/// Each failed CAS is another caller's turn: who fails so often meets a rush, and is refused.
constexpr int rate_tries = 1000;

/// When the present turn is due. What lies farther ahead than callers can have brought it is no
/// arrival of theirs.
std::uint64_t due_at(std::uint64_t arrival, std::uint64_t now, std::uint64_t farthest) noexcept {
  if (arrival > now && arrival - now > farthest) return now;
  return std::max(arrival, now);
}

}  // namespace

std::uint64_t take_turn(layout::Word64& arrival, std::uint64_t interval, std::uint64_t burst,
                        const wait::TickRate& rate) noexcept {
  const std::uint64_t farthest = burst + interval + rate.per_second();
  std::uint64_t seen = arrival.load(std::memory_order_relaxed);
  for (int i = 0; i < rate_tries; ++i) {
    // After the load: the process that is stopped in between must not take the others for far
    // ahead.
    const std::uint64_t now = wait::ticks();
    const std::uint64_t due = due_at(seen, now, farthest);
    if (due - now > burst) return due - now - burst;
    if (arrival.compare_exchange_strong(seen, due + interval, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
      SHMBUS_TESTPOINT("policy.turn");
      return 0;
    }
  }
  return interval;
}

}  // namespace shmbus::policy
