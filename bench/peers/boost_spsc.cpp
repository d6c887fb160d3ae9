// peer.boost_spsc: boost::lockfree::spsc_queue with its storage inside the object, placed in shared
// memory, one per direction. consume_one reads the element where it lies.

#include <boost/lockfree/spsc_queue.hpp>

#include "peers/peers.hpp"
#include "peers/ring_pair.hpp"

namespace shmbus::bench {
namespace {

template <std::size_t Bytes>
class SpscQueue {
  struct Message {
    std::byte bytes[Bytes];
  };

 public:
  template <class Fill>
  void send(Fill&& fill) {
    Message message;
    fill(message.bytes);
    while (!queue_.push(message)) {
    }
  }
  template <class Read>
  void receive(Read&& read) {
    while (!queue_.consume_one([&](const Message& message) { read(&message.bytes[0]); })) {
    }
  }

 private:
  static constexpr std::size_t kSlots = Bytes <= 256 ? 1023 : 15;
  boost::lockfree::spsc_queue<Message, boost::lockfree::capacity<kSlots>> queue_;
};

template <std::size_t Bytes>
using SpscLink = RingPairLink<SpscQueue<Bytes>>;

}  // namespace

void register_peer_boost_spsc(Registry& registry) {
  auto rows = register_sized_link<SpscLink>(registry, "boost_spsc");
  rows.echo<40, 1024, 64 * 1024>("spin");
  rows.stream<8, 32, 64, 256>("spin");
}

}  // namespace shmbus::bench
