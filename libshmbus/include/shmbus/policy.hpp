// What is asked of the callers of a name. A policy is kept in the bus, by name: it may be set
// before anybody has registered the name, outlives its owners, and reaches every process that calls
// the name with its next call. See Bus::set_policy, `shmbus policy`, and docs/policies.md.
//
// It is kept by the callers' own library, before a command is sent: what it refuses never ran, and
// its error says for how long to hold back (Error::retry_after_ns).
#pragma once

#include <chrono>
#include <cstdint>

#include "shmbus/options.hpp"

namespace shmbus {

/// So many commands in so much time, from all callers together, evenly; `burst` of them may come
/// at once after a pause. 0: no limit.
struct RateLimit {
  std::uint32_t commands = 0;
  Duration per{std::chrono::seconds(1)};
  std::uint32_t burst = 1;

  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

/// Opens when, of the calls that ended within a window, so many percent failed, and lets none
/// through for a while; then one call goes through on trial, and what becomes of it decides. 0:
/// none. Failures are calls that timed out, whose handler died, was overloaded or gave no sound
/// answer.
struct CircuitBreaker {
  std::uint32_t failure_percent = 0;
  std::uint32_t min_calls = 20;  ///< it does not judge by fewer
  Duration window{std::chrono::seconds(10)};
  Duration open_for{std::chrono::seconds(5)};
  bool count_rejections = false;  ///< what a handler rejected counts as failed

  friend bool operator==(const CircuitBreaker&, const CircuitBreaker&) = default;
};

struct Policy {
  bool deny = false;                         ///< nobody may call the name or send to it
  Duration deadline{0};                      ///< of commands that name none; 0: that of the bus
  std::uint32_t outstanding_per_caller = 0;  ///< commands of one caller thread; 0: no limit
  std::uint32_t outstanding = 0;             ///< commands of all callers together; 0: no limit
  RateLimit rate{};
  CircuitBreaker breaker{};

  friend bool operator==(const Policy&, const Policy&) = default;
};

enum class CircuitState : std::uint8_t { closed, open, half_open };

/// How a policy fares.
struct PolicyStatus {
  CircuitState circuit = CircuitState::closed;
  Duration circuit_since{0};       ///< for so long; of a closed one: its window
  std::uint32_t window_calls = 0;  ///< counted by the breaker in its present window
  std::uint32_t window_failures = 0;
  std::uint32_t outstanding = 0;  ///< commands of this name under way, of all callers
  std::uint64_t denied = 0;       ///< refused since the bus was created, by what refused them
  std::uint64_t over_rate = 0;
  std::uint64_t over_outstanding = 0;
  std::uint64_t circuit_open = 0;
  std::uint64_t opened = 0;  ///< times that the circuit opened
  std::uint32_t set_by_uid = 0;
  std::uint32_t set_by_pid = 0;
  std::uint64_t set_at_unix_s = 0;  ///< 0: never
};

}  // namespace shmbus
