// Tracing: which calls, in which processes, belong to one piece of work, and how long each took.
//
//   shmbus::Span span(bus, "checkout");       // the root of a trace
//   (void)reserve->call(order);               // its child, and so are the calls made inside
//                                             // the handler of that, in whatever process
//
// A call that belongs to a trace is recorded as two spans: its caller's (with the time of day, the
// duration, the outcome) and its handler's. They go into the bus's flight recorder, where `shmbus
// trace export` and `shmbusd --otlp` find them. A trace that was not sampled travels all the same,
// so that logs can name it, but nothing is recorded. Whether it is, is decided once, at the root:
// by Sample, or by trace_ratio for calls that stand alone. Nobody below decides again.
//
// Trace and span travel as in W3C Trace Context; `tracestate` does not travel.
//
// Cost      Commands outside of traces pay nothing. One inside pays for its context, for a block of
//           payload memory unless its request is empty, and, if sampled, for two records of 128
//           bytes. Tracing never makes a call fail or wait: without memory for the context the
//           command goes without it, and its trace ends there.
// Threads   A Span, TraceScope and AttemptScope belongs to the thread that made it, ends there,
//           after those made later, and inside a handler before that returns.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "shmbus/error_kind.hpp"
#include "shmbus/export.hpp"
#include "shmbus/fixed_string.hpp"

namespace shmbus {

class Bus;

/// A place in a trace, as W3C Trace Context has it: ids of zeros only stand for "none".
struct SHMBUS_API TraceContext {
  static constexpr std::size_t text_bytes = 55;

  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  std::uint8_t flags = 0;

  [[nodiscard]] bool valid() const noexcept { return trace_id != decltype(trace_id){}; }
  [[nodiscard]] bool sampled() const noexcept { return (flags & 1U) != 0; }
  /// Of a `traceparent` header: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
  [[nodiscard]] static std::optional<TraceContext> parse(std::string_view traceparent) noexcept;
  /// For one; empty when it is not valid().
  [[nodiscard]] FixedText<text_bytes> traceparent() const noexcept;
  friend bool operator==(const TraceContext&, const TraceContext&) noexcept = default;
};

/// What this thread works for: the innermost Span or TraceScope, or the command whose handler runs.
SHMBUS_API TraceContext current_trace() noexcept;

namespace detail {
class BusCore;
struct Invocation;

/// One entry of what a thread works for. It counts while the thread runs the handler (or none) that
/// it was entered in, so a handler does not belong to the trace of the thread that polls its
/// server.
struct SHMBUS_API TraceFrame {
  TraceContext context;
  std::uint8_t attempt = 1;
  bool decided = false;  ///< calls without a trace stay without
  const Invocation* running = nullptr;
  const TraceFrame* before = nullptr;

  void enter(const TraceContext& where, std::uint32_t made, bool is_decided = true) noexcept;
  void leave() noexcept;
};
}  // namespace detail

/// While one lives, calls of this thread go on in a trace that came from elsewhere: another thread,
/// an HTTP request. It is no span of its own. An invalid context: they belong to none.
class SHMBUS_API TraceScope {
 public:
  explicit TraceScope(const TraceContext& context) noexcept { frame_.enter(context, 1); }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;
  ~TraceScope() { frame_.leave(); }

 private:
  detail::TraceFrame frame_;
};

/// Says of a root whether its trace is recorded.
enum class Sample : std::uint8_t {
  always,
  by_ratio,  ///< OpenOptions::trace_ratio
  never,
};

struct SpanOptions {
  Sample sample = Sample::always;  ///< only if it is a root
  TraceContext parent{};           ///< go on there, not in what this thread works for
};

/// A piece of this thread's work: the child of what it works for, else the root of a new trace.
/// While it lives, calls of this thread are its children.
class SHMBUS_API Span {
 public:
  static constexpr std::size_t name_bytes = 31;

  /// The name is cut to 31 bytes.
  Span(const Bus& bus, std::string_view name, const SpanOptions& options = {}) noexcept;
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
  ~Span();  ///< ends it, and records it if it is sampled

  /// The work has failed, with this kind.
  void fail(ErrorKind kind) noexcept { error_ = kind; }
  [[nodiscard]] const TraceContext& context() const noexcept { return frame_.context; }

 private:
  detail::TraceFrame frame_;
  std::shared_ptr<detail::BusCore> bus_;
  std::array<std::uint8_t, 8> parent_{};
  std::uint64_t began_ = 0;
  FixedText<name_bytes> name_;
  ErrorKind error_ = ErrorKind::none;
};

/// While one lives, commands of this thread say which attempt they are. retry.hpp uses it.
class SHMBUS_API AttemptScope {
 public:
  explicit AttemptScope(std::uint32_t made) noexcept : repeated_(made > 1) {
    if (repeated_) enter(made);
  }
  AttemptScope(const AttemptScope&) = delete;
  AttemptScope& operator=(const AttemptScope&) = delete;
  ~AttemptScope() {
    if (repeated_) frame_.leave();
  }

 private:
  void enter(std::uint32_t made) noexcept;
  bool repeated_;
  detail::TraceFrame frame_;
};

}  // namespace shmbus
