// The loops for large payloads. They are compiled once per instruction set and picked at load time,
// so that the payload work, which everyone measured here shares, costs no more than it must.
// Vectors are spelled out because GCC 12 miscompiles the plain loop with an array of sums at -O3.

#include "harness/payload.hpp"

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define SHMBUS_BENCH_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define SHMBUS_BENCH_CLONES
#endif

namespace shmbus::bench::payload {
namespace {

using Vector = std::uint64_t __attribute__((vector_size(32)));
using VectorInMemory = std::uint64_t __attribute__((vector_size(32), aligned(1), may_alias));
constexpr std::size_t kVectorWords = 4;
constexpr std::size_t kUnrolled = 4;  // independent chains, so that no addition waits for the last
constexpr std::size_t kBlockWords = kVectorWords * kUnrolled;

}  // namespace

SHMBUS_BENCH_CLONES
void write_words(std::byte* to, std::size_t words, std::uint64_t seed) noexcept {
  const Vector first = {seed, seed + kStep, seed + 2 * kStep, seed + 3 * kStep};
  Vector a = first;
  Vector b = first + 4 * kStep;
  Vector c = first + 8 * kStep;
  Vector d = first + 12 * kStep;
  std::size_t i = 0;
  for (; i + kBlockWords <= words; i += kBlockWords) {
    auto* out = reinterpret_cast<VectorInMemory*>(to + 8 * i);
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
    a += kBlockWords * kStep;
    b += kBlockWords * kStep;
    c += kBlockWords * kStep;
    d += kBlockWords * kStep;
  }
  for (; i < words; ++i) {
    const std::uint64_t word = seed + i * kStep;
    std::memcpy(to + 8 * i, &word, 8);
  }
}

SHMBUS_BENCH_CLONES
std::uint64_t sum_words(const std::byte* from, std::size_t words) noexcept {
  Vector sums[kUnrolled] = {};
  std::size_t i = 0;
  for (; i + kBlockWords <= words; i += kBlockWords) {
    const auto* in = reinterpret_cast<const VectorInMemory*>(from + 8 * i);
    sums[0] += in[0];
    sums[1] += in[1];
    sums[2] += in[2];
    sums[3] += in[3];
  }
  const Vector sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  std::uint64_t total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  for (; i < words; ++i) {
    std::uint64_t word;
    std::memcpy(&word, from + 8 * i, 8);
    total += word;
  }
  return total;
}

}  // namespace shmbus::bench::payload
