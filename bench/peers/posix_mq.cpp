// peer.posix_mq: POSIX message queues, one per direction. Spinning means O_NONBLOCK.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <array>
#include <memory>

#include "harness/link.hpp"
#include "peers/descriptor.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

// Ten messages is the limit for processes without privileges.
constexpr long kMessagesMax = 10;

Descriptor make_queue(std::size_t bytes, Wait wait) {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MSGQUEUE, &unlimited);  // refused without privileges: small messages still fit
  const std::string name = "/shmbus-bench-" + std::to_string(getpid());
  mq_attr attributes{};
  attributes.mq_maxmsg = kMessagesMax;
  attributes.mq_msgsize = static_cast<long>(bytes);
  const int flags = O_CREAT | O_EXCL | O_RDWR | (wait == Wait::spin ? O_NONBLOCK : 0);
  const mqd_t queue = mq_open(name.c_str(), flags, 0600, &attributes);
  if (queue == -1) {
    throw_unavailable("mq_open");
  }
  mq_unlink(name.c_str());  // the descriptor is inherited; the name must not outlive a crash
  return Descriptor(queue);
}

class QueueLink {
 public:
  class End {
   public:
    End(mqd_t out, mqd_t in)
        : out_(out), in_(in), buffer_(std::make_unique<std::byte[]>(kBufferBytes)) {}

    template <std::size_t Bytes, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      while (mq_send(out_, text(), Bytes, 0) != 0) {
        check_retry();
      }
    }
    template <std::size_t Bytes, class Read>
    void receive(Read&& read) {
      ssize_t got = 0;
      while ((got = mq_receive(in_, text(), Bytes, nullptr)) < 0) {
        check_retry();
      }
      if (got != static_cast<ssize_t>(Bytes)) {
        throw DataLost("short message");
      }
      read(static_cast<const std::byte*>(buffer_.get()));
    }

   private:
    static constexpr std::size_t kBufferBytes = 64 * 1024;
    [[nodiscard]] char* text() const noexcept { return reinterpret_cast<char*>(buffer_.get()); }
    static void check_retry() {
      if (errno != EAGAIN && errno != EINTR) {
        throw std::runtime_error(std::string("mq: ") + std::strerror(errno));
      }
    }
    mqd_t out_;
    mqd_t in_;
    std::unique_ptr<std::byte[]> buffer_;
  };

  QueueLink(std::size_t bytes, Wait wait)
      : requests_(make_queue(bytes, wait)), replies_(make_queue(bytes, wait)) {}
  End caller() { return {requests_.get(), replies_.get()}; }
  End server() { return {replies_.get(), requests_.get()}; }

 private:
  Descriptor requests_;
  Descriptor replies_;
};

template <std::size_t Bytes, Wait How>
RoundResult echo(const RoundBudget& budget) {
  return run_echo<Bytes, QueueLink>(budget, Isolation::processes, Bytes, How);
}

template <std::size_t Bytes>
RoundResult stream(const RoundBudget& budget) {
  return run_stream<Bytes, QueueLink>(budget, Isolation::processes, Bytes, Wait::block);
}

}  // namespace

void register_peer_posix_mq(Registry& registry) {
  add_peer_echo(registry, "posix_mq", "rtt40", 40, "spin", echo<40, Wait::spin>);
  add_peer_echo(registry, "posix_mq", "rtt40_blocking", 40, "block", echo<40, Wait::block>);
  add_peer_echo(registry, "posix_mq", "rtt1KiB", 1024, "spin", echo<1024, Wait::spin>);
  add_peer_echo(registry, "posix_mq", "rtt64KiB", 65536, "spin", echo<65536, Wait::spin>);
  add_peer_stream(registry, "posix_mq", 32, "block", stream<32>);
  add_peer_stream(registry, "posix_mq", 64, "block", stream<64>);
}

}  // namespace shmbus::bench
