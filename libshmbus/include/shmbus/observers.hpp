// Middlewares that only look: how long it took, and what became of it. See middleware.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shmbus/error.hpp"
#include "shmbus/middleware.hpp"
#include "shmbus/retry.hpp"
#include "shmbus/server.hpp"

namespace shmbus {

/// What timed() has seen. Plain memory of one thread.
struct CallTimes {
  std::uint64_t count = 0;
  std::uint64_t failed = 0;
  Duration total{};
  Duration longest{};
  /// By the number of bits of the nanoseconds: [10] counts those of 512 to 1023 ns.
  std::array<std::uint64_t, 64> by_bits{};

  void add(Duration took, bool ok) noexcept {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    ++count;
    failed += ok ? 0 : 1;
    total += took;
    longest = std::max(longest, took);
    ++by_bits[static_cast<unsigned>(std::bit_width(ns)) & 63U];
  }
  /// At least this share of all took no longer: within a factor of two, never less than the truth.
  [[nodiscard]] Duration quantile(double share) const noexcept {
    std::uint64_t seen = 0;
    for (std::size_t bits = 0; bits < by_bits.size(); ++bits) {
      seen += by_bits[bits];
      if (seen == 0 || static_cast<double>(seen) < share * static_cast<double>(count)) continue;
      return std::min(longest, Duration((std::int64_t{1} << std::min<std::size_t>(bits, 62)) - 1));
    }
    return longest;
  }
};

/// Around a handler or a call: `sink(std::string_view name, Duration took, bool ok)` after each.
template <class Sink>
class Timed {
 public:
  explicit Timed(Sink sink) : sink_(std::move(sink)) {}

  template <class Where, class Next>
  auto operator()(Where& where, Next& next) -> std::invoke_result_t<Next&> {
    const Duration began = detail::MonotonicTime::now();
    auto outcome = next();
    sink_(where.name(), detail::MonotonicTime::now() - began, succeeded(outcome));
    return outcome;
  }

 private:
  Sink sink_;
};
template <class Sink>
requires std::is_invocable_v<Sink&, std::string_view, Duration, bool> Timed<Sink> timed(Sink sink) {
  return Timed<Sink>(std::move(sink));
}
/// The same into `times`, which must live as long as the chain.
class TimedInto {
 public:
  explicit TimedInto(CallTimes& times) noexcept : times_(&times) {}

  template <class Where, class Next>
  auto operator()(Where& /*where*/, Next& next) -> std::invoke_result_t<Next&> {
    const Duration began = detail::MonotonicTime::now();
    auto outcome = next();
    times_->add(detail::MonotonicTime::now() - began, succeeded(outcome));
    return outcome;
  }

 private:
  CallTimes* times_;
};
inline TimedInto timed(CallTimes& times) noexcept { return TimedInto(times); }

namespace detail {

using LogLine = FixedText<256>;

inline void append_signed(LogLine& line, std::int64_t value) noexcept {
  if (value < 0) line.append("-");
  line.append(value < 0 ? 0 - static_cast<unsigned long long>(value)
                        : static_cast<unsigned long long>(value));
}
inline void append_who(LogLine& line, const Context& context) noexcept {
  const CallerInfo caller = context.caller();
  line.append(" from ").append(caller.label.view()).append(" pid=").append(caller.pid);
  line.append(" uid=").append(caller.uid);
}
inline void append_who(LogLine& /*line*/, const CallInfo& /*call*/) noexcept {}

inline void append_why(LogLine& line, ErrorKind kind, std::int32_t code,
                       std::string_view message) noexcept {
  line.append(" ").append(to_string(kind)).append(" code=");
  append_signed(line, code);
  line.append(" \"").append(message).append("\"");
}
inline void append_outcome(LogLine& line, const Status& status) noexcept {
  if (status.is_ok()) {
    line.append(" ok");
  } else {
    append_why(line, status.kind(), status.code(), status.message());
  }
}
template <class T>
void append_outcome(LogLine& line, const Result<T>& result) noexcept {
  if (result) {
    line.append(" ok");
  } else {
    append_why(line, result.error().kind, result.error().code, result.error().message.view());
  }
}

}  // namespace detail

/// Around a handler or a call: `sink(std::string_view line)` after each, without a line's end:
///   user.create from front pid=17 uid=1000 ok 12345ns
///   user.create from front pid=17 uid=1000 rejected code=409 "the address is known" 9876ns
template <class Sink>
class Logged {
 public:
  explicit Logged(Sink sink) : sink_(std::move(sink)) {}

  template <class Where, class Next>
  auto operator()(Where& where, Next& next) -> std::invoke_result_t<Next&> {
    detail::LogLine line(where.name());
    detail::append_who(line, where);
    const Duration began = detail::MonotonicTime::now();
    auto outcome = next();
    const Duration took = detail::MonotonicTime::now() - began;
    detail::append_outcome(line, outcome);
    line.append(" ").append(static_cast<unsigned long long>(took.count())).append("ns");
    sink_(line.view());
    return outcome;
  }

 private:
  Sink sink_;
};
template <class Sink>
requires std::is_invocable_v<Sink&, std::string_view> Logged<Sink> logged(Sink sink) {
  return Logged<Sink>(std::move(sink));
}

}  // namespace shmbus
