#include "trace/ids.hpp"

#include <sys/random.h>

#include <cstring>

#include "os/clock.hpp"

namespace shmbus::trace {
namespace {

struct Generator {
  std::uint64_t state = 0;
  bool seeded = false;
};
thread_local constinit Generator generator;

/// splitmix64 over a secret start and the clock, so that the two sides of a fork part at once.
std::uint64_t random_bits() noexcept {
  if (!generator.seeded) [[unlikely]] {
    generator.seeded = true;
    if (::getrandom(&generator.state, sizeof generator.state, GRND_NONBLOCK) !=
        static_cast<ssize_t>(sizeof generator.state)) {
      generator.state = reinterpret_cast<std::uintptr_t>(&generator) ^ wait::monotonic_ns();
    }
  }
  generator.state += 0x9E3779B97F4A7C15ULL ^ (wait::ticks() << 1U);
  std::uint64_t z = generator.state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

/// An id of zeros would stand for none.
template <class Id>
Id new_id() noexcept {
  Id id{};
  while (id == Id{}) {
    for (std::size_t at = 0; at < id.size(); at += sizeof(std::uint64_t)) {
      const std::uint64_t bits = random_bits();
      std::memcpy(id.data() + at, &bits, sizeof bits);
    }
  }
  return id;
}

}  // namespace

TraceId new_trace_id() noexcept { return new_id<TraceId>(); }
SpanId new_span_id() noexcept { return new_id<SpanId>(); }

bool drawn(double ratio) noexcept {
  constexpr double one = 9007199254740992.0;  // 2^53
  return static_cast<double>(random_bits() >> 11U) < ratio * one;
}

}  // namespace shmbus::trace
