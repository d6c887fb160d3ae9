// peer.moodycamel: moodycamel::ConcurrentQueue between two threads of one process, since it
// allocates and so cannot live in shared memory. With explicit producer and consumer tokens, its
// fast path.

#include <concurrentqueue.h>

#include "harness/link.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

template <std::size_t Bytes>
struct Message {
  std::byte bytes[Bytes];
};

template <std::size_t Bytes>
class MoodycamelLink {
  using Queue = moodycamel::ConcurrentQueue<Message<Bytes>>;

 public:
  class End {
   public:
    End(Queue& out, Queue& in) : out_(out), in_(in), producer_(out), consumer_(in) {}

    template <std::size_t, class Fill>
    void send(Fill&& fill) {
      fill(message_.bytes);
      while (!out_.try_enqueue(producer_, message_)) {
        spin_pause();  // it never grows past its first size, so that a slow reader holds it back
      }
    }
    template <std::size_t, class Read>
    void receive(Read&& read) {
      while (!in_.try_dequeue(consumer_, message_)) {
      }
      read(static_cast<const std::byte*>(message_.bytes));
    }

   private:
    Queue& out_;
    Queue& in_;
    moodycamel::ProducerToken producer_;
    moodycamel::ConsumerToken consumer_;
    Message<Bytes> message_;
  };

  End caller() { return {requests_, replies_}; }
  End server() { return {replies_, requests_}; }

 private:
  static constexpr std::size_t kSlots = 1024;
  Queue requests_{kSlots};
  Queue replies_{kSlots};
};

template <std::size_t Bytes>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, MoodycamelLink<Bytes>>(budget, Isolation::threads);
}

template <std::size_t Bytes>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, MoodycamelLink<Bytes>>(budget, Isolation::threads);
}

}  // namespace

void register_peer_moodycamel(Registry& registry) {
  add_peer_echo(registry, "moodycamel", "rtt40", 40, "threads", echo<40>);
  add_peer_stream(registry, "moodycamel", 32, "threads", stream<32>);
  add_peer_stream(registry, "moodycamel", 64, "threads", stream<64>);
}

}  // namespace shmbus::bench
