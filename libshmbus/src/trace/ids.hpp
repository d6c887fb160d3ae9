// Random ids for traces and spans, and the dice for sampling. Each thread has a generator of its
// own; no system call after its first number.
#pragma once

#include <array>
#include <cstdint>

namespace shmbus::trace {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

TraceId new_trace_id() noexcept;
SpanId new_span_id() noexcept;
/// True for this part of all questions; 0: never, 1: always.
bool drawn(double ratio) noexcept;

}  // namespace shmbus::trace
