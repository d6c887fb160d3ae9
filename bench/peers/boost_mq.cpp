// peer.boost_mq: boost::interprocess::message_queue, one per direction. Spinning means try_send and
// try_receive; it copies in and out under the queue's own mutex either way.

#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <memory>
#include <string>

#include "harness/link.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

namespace ipc = boost::interprocess;

std::unique_ptr<ipc::message_queue> make_queue(std::size_t messages, std::size_t bytes) {
  const std::string name = "shmbus-bench-" + std::to_string(getpid());
  ipc::message_queue::remove(name.c_str());
  auto queue =
      std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(), messages, bytes);
  ipc::message_queue::remove(name.c_str());  // forked roles inherit the mapping
  return queue;
}

template <Wait How>
class BoostQueueLink {
 public:
  class End {
   public:
    End(ipc::message_queue& out, ipc::message_queue& in)
        : out_(out), in_(in), buffer_(std::make_unique<std::byte[]>(kBufferBytes)) {}

    template <std::size_t Bytes, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      if constexpr (How == Wait::block) {
        out_.send(buffer_.get(), Bytes, 0);
      } else {
        while (!out_.try_send(buffer_.get(), Bytes, 0)) {
          spin_pause();
        }
      }
    }
    template <std::size_t Bytes, class Read>
    void receive(Read&& read) {
      ipc::message_queue::size_type got = 0;
      unsigned priority = 0;
      if constexpr (How == Wait::block) {
        in_.receive(buffer_.get(), Bytes, got, priority);
      } else {
        while (!in_.try_receive(buffer_.get(), Bytes, got, priority)) {
          spin_pause();
        }
      }
      if (got != Bytes) {
        throw DataLost("short message");
      }
      read(static_cast<const std::byte*>(buffer_.get()));
    }

   private:
    static constexpr std::size_t kBufferBytes = 4 << 20;
    ipc::message_queue& out_;
    ipc::message_queue& in_;
    std::unique_ptr<std::byte[]> buffer_;
  };

  BoostQueueLink(std::size_t messages, std::size_t bytes)
      : requests_(make_queue(messages, bytes)), replies_(make_queue(messages, bytes)) {}
  End caller() { return {*requests_, *replies_}; }
  End server() { return {*replies_, *requests_}; }

 private:
  std::unique_ptr<ipc::message_queue> requests_;
  std::unique_ptr<ipc::message_queue> replies_;
};

constexpr std::size_t messages_for(std::size_t bytes) { return bytes <= 1024 ? 1024 : 4; }

template <std::size_t Bytes, Wait How>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, BoostQueueLink<How>>(budget, Isolation::processes, messages_for(Bytes),
                                              Bytes);
}

template <std::size_t Bytes>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, BoostQueueLink<Wait::block>>(budget, Isolation::processes,
                                                        messages_for(Bytes), Bytes);
}

}  // namespace

void register_peer_boost_mq(Registry& registry) {
  add_peer_echo(registry, "boost_mq", "rtt40", 40, "spin", echo<40, Wait::spin>);
  add_peer_echo(registry, "boost_mq", "rtt40_blocking", 40, "block", echo<40, Wait::block>);
  add_peer_echo(registry, "boost_mq", "rtt1KiB", 1024, "spin", echo<1024, Wait::spin>);
  add_peer_echo(registry, "boost_mq", "rtt64KiB", 65536, "spin", echo<65536, Wait::spin>);
  add_peer_echo(registry, "boost_mq", "rtt4MiB", 4 << 20, "spin", echo<4 << 20, Wait::spin>);
  add_peer_stream(registry, "boost_mq", 32, "block", stream<32>);
  add_peer_stream(registry, "boost_mq", 64, "block", stream<64>);
}

}  // namespace shmbus::bench
