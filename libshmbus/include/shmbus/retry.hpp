// Calling again after an error that may pass: which kinds, how often, how long to wait in between,
// and never beyond the deadline of the whole.
//
//   auto reply = shmbus::call_with_retry(caller, request, {.attempts = 5}, 200ms);
//
// A command that may have been started is not sent again, whatever the policy says, unless to run
// it twice does no more than to run it once: Command<..., shmbus::Idempotent>, or the policy's own
// flag.
//
// Handlers see which attempt a command is (Context::attempt()), and so does its span.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/options.hpp"
#include "shmbus/trace.hpp"

namespace shmbus {

struct RetryPolicy {
  /// Errors that may pass. Kinds that say "it may have been started" count for idempotent ones
  /// only.
  KindSet kinds{ErrorKind::not_registered,
                ErrorKind::handler_died_before_start,
                ErrorKind::handler_died_after_start,
                ErrorKind::overloaded,
                ErrorKind::timed_out,
                ErrorKind::abandoned};
  std::uint32_t attempts = 4;  ///< in all, the first included
  /// Before the second attempt; doubled before each further one, up to the longest. Of each pause
  /// the upper half is random, so that callers who failed together do not come back together.
  Duration backoff{std::chrono::milliseconds(1)};
  Duration backoff_max{std::chrono::milliseconds(100)};
  /// The limit of one attempt; by default what is left of the whole.
  Duration attempt_timeout = default_timeout;
  bool idempotent = false;  ///< though the Command does not say so
};

namespace detail {

/// splitmix64 (Steele, Lea, Flood): a few random bits, no more is asked of them.
class Jitter {
 public:
  constexpr explicit Jitter(std::uint64_t seed) noexcept : state_(seed) {}
  constexpr std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  /// From half of `most` to all of it.
  constexpr Duration pause(Duration most) noexcept {
    const auto half = static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0)) / 2;
    return Duration(static_cast<std::int64_t>(half + next() % (half + 1)));
  }

 private:
  std::uint64_t state_;
};

/// The clock and the sleep of a real retry; tests bring their own.
struct MonotonicTime {
  static Duration now() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }
  static void sleep(Duration time) noexcept { std::this_thread::sleep_for(time); }
};

constexpr bool worth_repeating(const RetryPolicy& policy, const Error& error) noexcept {
  return policy.kinds.has(error.kind) && (policy.idempotent || !may_have_started(error));
}

template <class Attempt, class Time>
auto retry(const RetryPolicy& policy, Duration timeout, Attempt&& attempt, Time&& time)
    -> std::invoke_result_t<Attempt&, Duration> {
  const Duration began = time.now();
  const bool endless = timeout == forever || timeout > forever - began;
  const Duration until = endless ? forever : began + timeout;
  Jitter jitter(static_cast<std::uint64_t>(began.count()) ^
                reinterpret_cast<std::uintptr_t>(&policy));  // two threads at one moment differ
  Duration longest = policy.backoff;
  Duration left = timeout;
  for (std::uint32_t made = 1;; ++made) {
    const bool own_limit =
        policy.attempt_timeout != default_timeout && policy.attempt_timeout < left;
    auto result = [&] {
      const AttemptScope numbered(made);
      return attempt(own_limit ? policy.attempt_timeout : left);
    }();
    if (result || made >= policy.attempts || !worth_repeating(policy, result.error())) {
      return result;
    }
    // Not before the time that a policy of the name says; then not all at once.
    const Duration held_back(static_cast<std::int64_t>(result.error().retry_after_ns));
    const Duration pause = held_back + jitter.pause(std::min(longest, policy.backoff_max));
    const Duration now = time.now();
    if (!endless && (now >= until || pause >= until - now)) return result;
    time.sleep(pause);
    longest = std::min(longest, policy.backoff_max) * 2;
    if (!endless) left = std::max(until - time.now(), Duration(1));
  }
}

}  // namespace detail

/// Calls `attempt(timeout)`, which returns a Result, until it succeeds, fails for good, or
/// `timeout` would be over. For anything but a plain call; the policy alone says what is
/// idempotent. REQUIRES: timeout is not default_timeout.
template <class Attempt>
requires std::is_invocable_v<Attempt&, Duration>
auto retry(const RetryPolicy& policy, Duration timeout, Attempt&& attempt)
    -> std::invoke_result_t<Attempt&, Duration> {
  return detail::retry(policy, timeout, attempt, detail::MonotonicTime{});
}

/// One call, with as many attempts as the policy allows. `timeout` is for all of them together.
template <class C, template <class> class CallerOf>
auto call_with_retry(CallerOf<C>& caller, const typename C::Request& request,
                     RetryPolicy policy = {}, Duration timeout = default_timeout)
    -> Result<typename C::Reply> {
  policy.idempotent = policy.idempotent || C::idempotent;
  if (timeout == default_timeout) timeout = caller.raw().usual_timeout();
  return retry(policy, timeout, [&](Duration left) { return caller.call(request, left); });
}

}  // namespace shmbus
