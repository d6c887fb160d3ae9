#pragma once
// The single-producer single-consumer ring that people build by hand, at its best: power-of-two
// slots, free-running indices, each side keeps a copy of the other's index and reads the real one
// only when the copy says full or empty, and pauses between two looks, so that it takes the line
// away from the other side less often (15 % of a round trip, and without it streams at times fall
// to a quarter). Stride is the distance between its control words: 8 packs all into one line, 64
// and 128 give each a line (or a pair of lines, which the adjacent-line prefetcher couples).

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "harness/clock.hpp"
#include "harness/shared_mapping.hpp"

namespace shmbus::bench {

template <std::size_t Bytes, std::size_t Slots, std::size_t Stride = 128>
class BareRing {
  static_assert((Slots & (Slots - 1)) == 0, "slots are found by masking");

 public:
  template <class Fill>
  void send(Fill&& fill) noexcept {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    while (tail - cached_head_ == Slots) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ == Slots) {
        spin_pause();
      }
    }
    fill(slot(tail));
    tail_.store(tail + 1, std::memory_order_release);
  }

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
  alignas(Stride) std::atomic<std::uint64_t> head_{0};  // written by the consumer
  alignas(Stride) std::uint64_t cached_tail_ = 0;       // the consumer's own
  alignas(128) std::byte slots_[Slots * Bytes];
};

/// Two rings, one per direction; see harness/link.hpp.
template <std::size_t Bytes, std::size_t Slots, std::size_t Stride = 128>
class BareRingLink {
  using Ring = BareRing<Bytes, Slots, Stride>;
  struct Rings {
    Ring requests;
    Ring replies;
  };

 public:
  class End {
   public:
    End(Ring& out, Ring& in) : out_(out), in_(in) {}
    template <std::size_t, class Fill>
    void send(Fill&& fill) noexcept {
      out_.send(fill);
    }
    template <std::size_t, class Read>
    void receive(Read&& read) {
      in_.receive(read);
    }

   private:
    Ring& out_;
    Ring& in_;
  };

  End caller() {
    rings_.prefault();
    return {rings_->requests, rings_->replies};
  }
  End server() {
    rings_.prefault();
    return {rings_->replies, rings_->requests};
  }

 private:
  SharedObject<Rings> rings_;
};

}  // namespace shmbus::bench
