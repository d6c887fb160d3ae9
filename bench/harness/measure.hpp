#pragma once
// The measuring loops, shared by the floors, the bus and the peers, so that all do the same work
// around the thing measured.
//
// A round trip is measured in alternating blocks: one with a clock reading after every call, which
// feeds the histogram, and one without, whose mean per call is free of the clock's own cost (some
// 10 ns of a 60 ns round trip) and of its grain (AMD's counter advances in steps of 10 ns, which
// shows in the quantiles). The figure of the round is the median block without a clock.

#include <algorithm>

#include "harness/clock.hpp"
#include "harness/payload.hpp"
#include "harness/role_group.hpp"

namespace shmbus::bench {

[[noreturn, gnu::cold, gnu::noinline]] inline void throw_lost(const char* what,
                                                              std::uint64_t sequence) {
  throw DataLost(std::string(what) + " damaged or lost at sequence " + std::to_string(sequence));
}

/// The caller's half of an echo: writes requests, verifies replies.
template <std::size_t Bytes>
class EchoCaller {
 public:
  void fill(std::byte* request) noexcept { payload::write<Bytes>(request, ++sequence_); }
  void fill_end(std::byte* request) noexcept { payload::write<Bytes>(request, payload::kEndSeed); }

  void check(const std::byte* reply) const {
    const std::uint64_t seed = payload::reply_seed(payload::expected_sum<Bytes>(sequence_));
    if (payload::sum<Bytes>(reply) != payload::expected_sum<Bytes>(seed)) [[unlikely]] {
      throw_lost("reply", sequence_);
    }
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return sequence_; }

 private:
  std::uint64_t sequence_ = 0;
};

/// The server's half of an echo: reads a request in full, then writes a reply derived from it. Both
/// may be the same memory.
template <std::size_t Bytes>
class EchoServer {
 public:
  void take(const std::byte* request) noexcept {
    ended_ = payload::is_end(request);
    sum_ = payload::sum<Bytes>(request);
  }
  void reply(std::byte* to) noexcept {
    payload::write<Bytes>(to, payload::reply_seed(sum_));
    ++served_;
  }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return served_; }

 private:
  std::uint64_t sum_ = 0;
  std::uint64_t served_ = 0;
  bool ended_ = false;
};

/// Calls `call()` (one verified round trip) for the round's time and fills in the role's report.
template <class Call>
void measure_calls(RoleContext& context, Call&& call) {
  constexpr double kBlockNs = 20e3;
  const Ticks warm_start = now_ticks();
  const Ticks warm_end = warm_start + ns_to_ticks(context.budget().warmup_ns);
  std::uint64_t warm_calls = 0;
  Ticks now = warm_start;
  do {
    call();
    ++warm_calls;
    now = now_ticks();
  } while (now < warm_end);
  const double call_ns = ticks_to_ns(now - warm_start) / static_cast<double>(warm_calls);
  const auto block = static_cast<unsigned>(std::clamp(kBlockNs / call_ns, 1.0, 512.0));

  RoleReport& report = context.report();
  const Ticks end = now + ns_to_ticks(context.budget().measure_ns);
  while (now < end) {
    Ticks previous = now_ticks();
    for (unsigned i = 0; i < block; ++i) {
      call();
      const Ticks done = now_ticks();
      report.latency.record(done - previous);
      previous = done;
    }
    const Ticks start = now_ticks();
    for (unsigned i = 0; i < block; ++i) {
      call();
    }
    now = now_ticks();
    report.add_block(ticks_to_ns(now - start) / block);
  }
  report.value = report.typical_ns();
}

/// Calls at a fixed pace. A call's latency counts from when it was due, not from when it began, so
/// a stall is charged to every call that it delayed (no coordinated omission). The figure is the
/// median.
template <class Call>
void measure_paced_calls(RoleContext& context, double calls_per_second, Call&& call) {
  const double interval = static_cast<double>(ns_to_ticks(1e9 / calls_per_second));
  RoleReport& report = context.report();
  const Ticks start = now_ticks();
  const Ticks warm_end = start + ns_to_ticks(context.budget().warmup_ns);
  const Ticks end = warm_end + ns_to_ticks(context.budget().measure_ns);
  for (std::uint64_t i = 0;; ++i) {
    const Ticks due = start + static_cast<Ticks>(interval * static_cast<double>(i));
    if (due >= end) {
      break;
    }
    while (now_ticks() < due) {
      spin_pause();
    }
    call();
    if (due >= warm_end) {
      report.latency.record(now_ticks() - due);
    }
  }
  report.value = ticks_to_ns(report.latency.quantile(0.5));
}

/// Calls `send(sequence)` with 1, 2, 3... for the round's time. Returns how many were sent.
template <class Send>
std::uint64_t produce(RoleContext& context, Send&& send) {
  constexpr unsigned kBetweenClockReadings = 64;
  const Ticks end =
      now_ticks() + ns_to_ticks(context.budget().warmup_ns + context.budget().measure_ns);
  std::uint64_t sequence = 0;
  const Ticks slow_send = ns_to_ticks(1e3);
  for (Ticks now = now_ticks(); now < end;) {
    for (unsigned i = 0; i < kBetweenClockReadings; ++i) {
      send(++sequence);
      if (i == 0 && now_ticks() - now > slow_send) {
        break;  // large payloads: look at the clock after each
      }
    }
    now = now_ticks();
  }
  context.report().operations = sequence;
  return sequence;
}

/// The consumer's half of a one-way stream from one producer: every payload in order, nothing lost.
/// With several producers each has its own checker and base, and seeds its payloads base + 1,
/// + 2...
template <std::size_t Bytes>
class StreamChecker {
 public:
  explicit StreamChecker(std::uint64_t base = 0) : base_(base) {}

  /// False when the producer said that it has ended.
  [[nodiscard]] bool take(const std::byte* message) {
    if (payload::sum<Bytes>(message) != payload::expected_sum<Bytes>(base_ + received_ + 1))
        [[unlikely]] {
      if (payload::is_end(message)) {
        return false;
      }
      throw_lost("message", received_ + 1);
    }
    ++received_;
    return true;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return received_; }

 private:
  std::uint64_t base_;
  std::uint64_t received_ = 0;
};

/// Calls `receive(checker)` (at least one message; false at the end) until the stream ends; the
/// figure is messages per second after the warm-up.
template <std::size_t Bytes, class Receive>
void consume(RoleContext& context, Receive&& receive) {
  StreamChecker<Bytes> checker;
  bool more = receive(checker);
  std::uint64_t before = checker.count();
  Ticks start = now_ticks();
  const Ticks warm_end = start + ns_to_ticks(context.budget().warmup_ns);
  while (more && now_ticks() < warm_end) {
    more = receive(checker);
  }
  if (more) {  // else the stream was over before it was warm, and all of it counts
    before = checker.count();
    start = now_ticks();
  }
  while (more) {
    more = receive(checker);
  }
  const double seconds = ticks_to_ns(now_ticks() - start) / 1e9;
  RoleReport& report = context.report();
  report.operations = checker.count();
  report.value = static_cast<double>(checker.count() - before) / seconds;
}

}  // namespace shmbus::bench
