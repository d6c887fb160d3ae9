// The circuit breaker of a name: one word for all callers, moved by CAS.
//
//   closed ──so many percent of a window's calls failed──► open
//   open ──open_for has passed: the next call──► half open, that call on trial
//   half open ──it succeeded──► closed      ──it failed──► open
//   half open ──open_for has passed: its caller has gone──► half open, the next call on trial
//
// Windows do not slide: a window begins with the first call that ends after the last one is over.
#pragma once

#include <cstdint>

#include "layout/policy.hpp"
#include "os/clock.hpp"
#include "shmbus/policy.hpp"

namespace shmbus::policy {

struct Passage {
  bool allowed = false;
  std::uint64_t trial = 0;           ///< not 0: on trial; to be handed back with the outcome
  std::uint64_t retry_after_ms = 0;  ///< when it is not allowed
};

/// `has_outcome`: its end will be known. What has none is never the call on trial.
Passage ask_circuit(layout::Word64& circuit, const CircuitBreaker& breaker, bool has_outcome,
                    const wait::TickRate& rate) noexcept;

/// True when this opened the circuit.
bool tell_circuit(layout::Word64& circuit, const CircuitBreaker& breaker, bool failed,
                  std::uint64_t trial, const wait::TickRate& rate) noexcept;

/// The clock of circuits.
inline std::uint64_t circuit_now_ms(const wait::TickRate& rate) noexcept {
  return rate.to_ns(wait::ticks()) / 1'000'000;
}
/// Milliseconds from a state's beginning to `now_ms`, however the clock has wrapped.
std::uint64_t circuit_age_ms(layout::CircuitWord word, std::uint64_t now_ms) noexcept;

}  // namespace shmbus::policy
