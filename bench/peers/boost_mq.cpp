// peer.boost_mq: boost::interprocess::message_queue, one per direction. Spinning means try_send and
// try_receive; it copies in and out under the queue's own mutex either way.

#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <memory>
#include <string>

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

template <std::size_t Bytes>
class BoostQueueLink {
 public:
  class End {
   public:
    End(ipc::message_queue& out, ipc::message_queue& in, Wait wait)
        : out_(out), in_(in), wait_(wait), buffer_(std::make_unique<std::byte[]>(Bytes)) {}

    template <std::size_t, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      if (wait_ == Wait::block) {
        out_.send(buffer_.get(), Bytes, 0);
      } else {
        while (!out_.try_send(buffer_.get(), Bytes, 0)) {
          spin_pause();
        }
      }
    }
    template <std::size_t, class Read>
    void receive(Read&& read) {
      ipc::message_queue::size_type got = 0;
      unsigned priority = 0;
      if (wait_ == Wait::block) {
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
    ipc::message_queue& out_;
    ipc::message_queue& in_;
    Wait wait_;
    std::unique_ptr<std::byte[]> buffer_;
  };

  explicit BoostQueueLink(Wait wait)
      : wait_(wait),
        requests_(make_queue(kMessages, Bytes)),
        replies_(make_queue(kMessages, Bytes)) {}
  End caller() { return {*requests_, *replies_, wait_}; }
  End server() { return {*replies_, *requests_, wait_}; }

 private:
  static constexpr std::size_t kMessages = Bytes <= 1024 ? 1024 : 4;
  Wait wait_;
  std::unique_ptr<ipc::message_queue> requests_;
  std::unique_ptr<ipc::message_queue> replies_;
};

}  // namespace

void register_peer_boost_mq(Registry& registry) {
  auto rows = register_sized_link<BoostQueueLink>(registry, "boost_mq");
  rows.echo<40, 1024, 64 * 1024, 4 * 1024 * 1024>("spin", Wait::spin);
  rows.echo<40>("block", Wait::block);
  rows.stream<32, 64>("block", Wait::block);
}

}  // namespace shmbus::bench
