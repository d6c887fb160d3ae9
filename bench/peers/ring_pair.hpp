#pragma once
// Two queues between two sides, one for each direction: what a bare ring becomes when it is used
// for calls. Queue has send(fill) and receive(read), each of which waits; it lies in shared memory,
// or, for sides that are threads, at least its first bytes do.

#include <cstddef>
#include <new>
#include <type_traits>

#include "harness/shared_mapping.hpp"

namespace shmbus::bench {

template <class Queue>
class RingPairLink {
  struct Queues {
    alignas(128) Queue requests;
    alignas(128) Queue replies;
  };

 public:
  class End {
   public:
    End(Queue& out, Queue& in) : out_(out), in_(in) {}
    template <std::size_t, class Fill>
    void send(Fill&& fill) {
      out_.send(fill);
    }
    template <std::size_t, class Read>
    void receive(Read&& read) {
      in_.receive(read);
    }
    void flush() requires requires(Queue& queue) { queue.flush(); }
    { out_.flush(); }

   private:
    Queue& out_;
    Queue& in_;
  };

  RingPairLink() : mapping_(sizeof(Queues)), queues_(::new (mapping_.data()) Queues) {}
  RingPairLink(const RingPairLink&) = delete;
  RingPairLink& operator=(const RingPairLink&) = delete;
  /// In the process that made it, after its sides have ended.
  ~RingPairLink() { queues_->~Queues(); }

  End caller() {
    mapping_.prefault();
    return {queues_->requests, queues_->replies};
  }
  End server() {
    mapping_.prefault();
    return {queues_->replies, queues_->requests};
  }

 private:
  SharedMapping mapping_;
  Queues* queues_;
};

}  // namespace shmbus::bench
