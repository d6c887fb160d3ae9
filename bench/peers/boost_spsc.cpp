// peer.boost_spsc: boost::lockfree::spsc_queue with its storage inside the object, placed in shared
// memory, one per direction. consume_one reads the element where it lies.

#include <boost/lockfree/spsc_queue.hpp>
#include <memory>

#include "harness/link.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

template <std::size_t Bytes>
struct Message {
  std::byte bytes[Bytes];
};

template <std::size_t Bytes>
class SpscLink {
  static constexpr std::size_t kSlots = Bytes <= 256 ? 1023 : 15;
  using Queue = boost::lockfree::spsc_queue<Message<Bytes>, boost::lockfree::capacity<kSlots>>;
  struct Queues {
    alignas(128) Queue requests;
    alignas(128) Queue replies;
  };

 public:
  class End {
   public:
    End(Queue& out, Queue& in) : out_(out), in_(in), message_(std::make_unique<Message<Bytes>>()) {}

    template <std::size_t, class Fill>
    void send(Fill&& fill) {
      fill(message_->bytes);
      while (!out_.push(*message_)) {
      }
    }
    template <std::size_t, class Read>
    void receive(Read&& read) {
      while (!in_.consume_one([&](const Message<Bytes>& message) { read(&message.bytes[0]); })) {
      }
    }

   private:
    Queue& out_;
    Queue& in_;
    std::unique_ptr<Message<Bytes>> message_;
  };

  SpscLink() : mapping_(sizeof(Queues) + alignof(Queues)) {
    queues_ = ::new (mapping_.data()) Queues;
  }
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
  Queues* queues_;  // never destroyed: its elements are plain bytes, and the mapping goes away
};

template <std::size_t Bytes>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, SpscLink<Bytes>>(budget, Isolation::processes);
}

template <std::size_t Bytes>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, SpscLink<Bytes>>(budget, Isolation::processes);
}

}  // namespace

void register_peer_boost_spsc(Registry& registry) {
  add_peer_echo(registry, "boost_spsc", "rtt40", 40, "spin", echo<40>);
  add_peer_echo(registry, "boost_spsc", "rtt1KiB", 1024, "spin", echo<1024>);
  add_peer_echo(registry, "boost_spsc", "rtt64KiB", 65536, "spin", echo<65536>);
  add_peer_stream(registry, "boost_spsc", 8, "spin", stream<8>);
  add_peer_stream(registry, "boost_spsc", 32, "spin", stream<32>);
  add_peer_stream(registry, "boost_spsc", 64, "spin", stream<64>);
  add_peer_stream(registry, "boost_spsc", 256, "spin", stream<256>);
}

}  // namespace shmbus::bench
