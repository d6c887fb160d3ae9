// peer.moodycamel: moodycamel::ConcurrentQueue between two threads of one process, since it
// allocates and so cannot live in shared memory. With explicit producer and consumer tokens, its
// fast path.

#include <concurrentqueue.h>

#include "peers/peers.hpp"
#include "peers/ring_pair.hpp"

namespace shmbus::bench {
namespace {

/// For one producer and one consumer.
template <std::size_t Bytes>
class TokenQueue {
  struct Message {
    std::byte bytes[Bytes];
  };

 public:
  template <class Fill>
  void send(Fill&& fill) {
    Message message;
    fill(message.bytes);
    while (!queue_.try_enqueue(producer_, message)) {
      spin_pause();  // it never grows past its first size, so that a slow reader holds it back
    }
  }
  template <class Read>
  void receive(Read&& read) {
    Message message;
    while (!queue_.try_dequeue(consumer_, message)) {
    }
    read(static_cast<const std::byte*>(message.bytes));
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  moodycamel::ConcurrentQueue<Message> queue_{kSlots};
  alignas(128) moodycamel::ProducerToken producer_{queue_};
  alignas(128) moodycamel::ConsumerToken consumer_{queue_};
};

template <std::size_t Bytes>
using MoodycamelLink = RingPairLink<TokenQueue<Bytes>>;

}  // namespace

void register_peer_moodycamel(Registry& registry) {
  auto rows = register_sized_link<MoodycamelLink>(registry, "moodycamel", Isolation::threads);
  rows.echo<40>("threads");
  rows.stream<32, 64>("threads");
}

}  // namespace shmbus::bench
