#include "policy/status.hpp"

#include "policy/breaker.hpp"
#include "policy/outstanding.hpp"

namespace shmbus::policy {

using layout::Circuit;
using layout::CircuitWord;

namespace {

CircuitState state_of(CircuitWord word) noexcept {
  if (word.state() == Circuit::open) return CircuitState::open;
  return word.state() == Circuit::half_open ? CircuitState::half_open : CircuitState::closed;
}

Duration ms(std::uint64_t value) noexcept {
  return std::chrono::milliseconds(static_cast<std::int64_t>(value));
}

}  // namespace

PolicyStatus status_of(const segment::View& view, const wait::TickRate& rate,
                       std::uint32_t record) noexcept {
  const auto& policy = view.policy(record);
  const CircuitWord circuit{policy.live.circuit.load(std::memory_order_relaxed)};
  PolicyStatus status;
  status.circuit = state_of(circuit);
  if (circuit.bits != 0) {
    status.circuit_since = ms(circuit_age_ms(circuit, circuit_now_ms(rate)));
  }
  status.window_calls = circuit.calls();
  status.window_failures = circuit.failures();
  status.outstanding = outstanding_of(view, record, ~0U);
  status.denied = policy.live.denied.load(std::memory_order_relaxed);
  status.over_rate = policy.live.over_rate.load(std::memory_order_relaxed);
  status.over_outstanding = policy.live.over_outstanding.load(std::memory_order_relaxed);
  status.circuit_open = policy.live.circuit_open.load(std::memory_order_relaxed);
  status.opened = policy.live.opened.load(std::memory_order_relaxed);
  const std::uint64_t set_by = policy.asked.set_by.load(std::memory_order_relaxed);
  status.set_by_uid = static_cast<std::uint32_t>(set_by >> 32U);
  status.set_by_pid = static_cast<std::uint32_t>(set_by);
  status.set_at_unix_s = policy.asked.set_at_unix_s.load(std::memory_order_relaxed);
  return status;
}

}  // namespace shmbus::policy
