// The time that a command waited for its handler, as a span of its own: from the moment its caller
// committed it, which the call's span tells, to the moment its handler began.
//
// A call's span comes after its handler's, which is therefore kept back until then, but not long:
// the caller may have been killed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "inspect/spans.hpp"

namespace shmbus::telemetry {

using inspect::SpanInfo;

class QueueSpans {
 public:
  static constexpr std::uint64_t patience_ns = 1'000'000'000;

  /// Takes what was just read; returns what is complete. `now_ns` is any monotonic clock.
  std::vector<SpanInfo> pass(std::vector<SpanInfo> spans, std::uint64_t now_ns);
  /// All that is kept back: nothing more will come.
  std::vector<SpanInfo> rest();

 private:
  struct Call {
    std::uint64_t published = 0;
    std::uint64_t published_unix_ns = 0;
  };
  struct Held {
    SpanInfo span;
    std::uint64_t since_ns = 0;
  };
  using Key = std::array<std::uint8_t, 24>;  // trace, span
  static Key key(const trace::TraceId& trace, const trace::SpanId& span) noexcept;
  void remember(const SpanInfo& call);
  [[nodiscard]] const Call* call_of(const SpanInfo& handler) const;
  static void put(std::vector<SpanInfo>& out, SpanInfo handler, const Call* call);

  std::map<Key, Call> calls_;
  std::deque<Key> order_;  ///< the oldest call first
  std::vector<Held> held_;
};

}  // namespace shmbus::telemetry
