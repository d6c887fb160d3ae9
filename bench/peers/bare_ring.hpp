#pragma once
// The single-producer single-consumer ring that people build by hand, at its best: power-of-two
// slots, free-running indices, each side keeps a copy of the other's index and reads the real one
// only when the copy says full or empty, and pauses between two looks, so that it takes the line
// away from the other side less often (15 % of a round trip, and without it streams at times fall
// to a quarter). Stride is the distance between its control words: 8 packs all into one line, 64
// and 128 give each a line (or a pair of lines, which the adjacent-line prefetcher couples).
// PublishEach says how many messages are published together: the others wait for the last of them,
// for flush(), or for a full ring.

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "harness/clock.hpp"
#include "peers/ring_pair.hpp"

namespace shmbus::bench {

template <std::size_t Bytes, std::size_t Slots, std::size_t Stride = 128, unsigned PublishEach = 1>
class BareRing {
  static_assert((Slots & (Slots - 1)) == 0, "slots are found by masking");

 public:
  template <class Fill>
  void send(Fill&& fill) noexcept {
    const std::uint64_t tail = next_;
    while (tail - cached_head_ == Slots) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ == Slots) {
        flush();
        spin_pause();
      }
    }
    fill(slot(tail));
    next_ = tail + 1;
    if constexpr (PublishEach == 1) {
      flush();
    } else if (next_ % PublishEach == 0) {
      flush();
    }
  }
  void flush() noexcept { tail_.store(next_, std::memory_order_release); }

  template <class Read>
  void receive(Read&& read) {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    while (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) {
        spin_pause();
      }
    }
    read(static_cast<const std::byte*>(slot(head)));
    head_.store(head + 1, std::memory_order_release);
  }

 private:
  [[nodiscard]] std::byte* slot(std::uint64_t index) noexcept {
    return slots_ + (index & (Slots - 1)) * Bytes;
  }

  alignas(Stride) std::atomic<std::uint64_t> tail_{0};  // written by the producer
  alignas(Stride) std::uint64_t cached_head_ = 0;       // the producer's own
  std::uint64_t next_ = 0;                              // the producer's own
  alignas(Stride) std::atomic<std::uint64_t> head_{0};  // written by the consumer
  alignas(Stride) std::uint64_t cached_tail_ = 0;       // the consumer's own
  alignas(128) std::byte slots_[Slots * Bytes];
};

template <std::size_t Bytes, std::size_t Slots, std::size_t Stride = 128, unsigned PublishEach = 1>
using BareRingLink = RingPairLink<BareRing<Bytes, Slots, Stride, PublishEach>>;

}  // namespace shmbus::bench
