#include "policy/breaker.hpp"

#include "base/testpoint.hpp"

namespace shmbus::policy {

using layout::Circuit;
using layout::CircuitWord;

namespace {

/// Each failed CAS is another caller's news of the same circuit.
constexpr int breaker_tries = 100;

std::uint64_t ms_of(Duration time) noexcept {
  return static_cast<std::uint64_t>(time.count()) / 1'000'000;
}

bool move(layout::Word64& circuit, CircuitWord& seen, CircuitWord next) noexcept {
  return circuit.compare_exchange_strong(seen.bits, next.bits, std::memory_order_relaxed,
                                         std::memory_order_relaxed);
}

/// The closed word with one more call in it, or the open one that this call brought about.
CircuitWord counted(CircuitWord seen, std::uint64_t now_ms, const CircuitBreaker& breaker,
                    bool failed) noexcept {
  std::uint64_t since = seen.since_ms();
  std::uint32_t failures = seen.failures();
  std::uint32_t calls = seen.calls();
  if (seen.state() != Circuit::closed || calls == 0 ||
      circuit_age_ms(seen, now_ms) >= ms_of(breaker.window)) {
    since = now_ms;
    failures = calls = 0;
  }
  if (calls >= CircuitWord::count_max - 1) {  // the share stays, the numbers begin anew
    calls /= 2;
    failures /= 2;
  }
  ++calls;
  if (failed && failures < calls) ++failures;
  const bool opens =
      calls >= breaker.min_calls &&
      std::uint64_t{failures} * 100 >= std::uint64_t{breaker.failure_percent} * calls;
  return opens ? CircuitWord::make(Circuit::open, now_ms, failures, calls)
               : CircuitWord::make(Circuit::closed, since, failures, calls);
}

}  // namespace

std::uint64_t circuit_age_ms(CircuitWord word, std::uint64_t now_ms) noexcept {
  const std::uint64_t age = (now_ms - word.since_ms()) & CircuitWord::since_mask;
  // A moment ahead of us: another caller's clock. Far ahead: no caller wrote that.
  constexpr std::uint64_t moment_ms = 1000;
  return age > CircuitWord::since_mask - moment_ms ? 0 : age;
}

Passage ask_circuit(layout::Word64& circuit, const CircuitBreaker& breaker, bool has_outcome,
                    const wait::TickRate& rate) noexcept {
  const std::uint64_t open_ms = ms_of(breaker.open_for);
  CircuitWord seen{circuit.load(std::memory_order_relaxed)};
  for (int i = 0; i < breaker_tries; ++i) {
    if (seen.state() != Circuit::open && seen.state() != Circuit::half_open) return {true, 0, 0};
    const std::uint64_t now_ms = circuit_now_ms(rate);  // after the load
    const std::uint64_t age = circuit_age_ms(seen, now_ms);
    if (age < open_ms) return {false, 0, open_ms - age};
    if (!has_outcome) return {false, 0, 1};
    const auto trial = CircuitWord::make(Circuit::half_open, now_ms, seen.failures(), seen.calls());
    if (move(circuit, seen, trial)) {
      SHMBUS_TESTPOINT("policy.trial");
      return {true, trial.bits, 0};
    }
  }
  return {false, 0, 1};
}

bool tell_circuit(layout::Word64& circuit, const CircuitBreaker& breaker, bool failed,
                  std::uint64_t trial, const wait::TickRate& rate) noexcept {
  CircuitWord seen{circuit.load(std::memory_order_relaxed)};
  for (int i = 0; i < breaker_tries; ++i) {
    const std::uint64_t now_ms = circuit_now_ms(rate);
    CircuitWord next;
    if (seen.state() == Circuit::open) return false;  // begun before it opened
    if (seen.state() == Circuit::half_open) {
      if (seen.bits != trial) return false;
      next = failed ? CircuitWord::make(Circuit::open, now_ms, seen.failures(), seen.calls())
                    : CircuitWord::make(Circuit::closed, now_ms, 0, 0);
    } else {
      next = counted(seen, now_ms, breaker, failed);
    }
    if (move(circuit, seen, next)) {
      SHMBUS_TESTPOINT("policy.told");
      return next.state() == Circuit::open;
    }
  }
  return false;
}

}  // namespace shmbus::policy
