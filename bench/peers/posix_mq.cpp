// peer.posix_mq: POSIX message queues, one per direction. Spinning means O_NONBLOCK.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <array>
#include <memory>

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

template <std::size_t Bytes>
class QueueLink {
 public:
  class End {
   public:
    End(mqd_t out, mqd_t in) : out_(out), in_(in), buffer_(std::make_unique<std::byte[]>(Bytes)) {}

    template <std::size_t, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      while (mq_send(out_, text(), Bytes, 0) != 0) {
        check_retry();
      }
    }
    template <std::size_t, class Read>
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

  explicit QueueLink(Wait wait)
      : requests_(make_queue(Bytes, wait)), replies_(make_queue(Bytes, wait)) {}
  End caller() { return {requests_.get(), replies_.get()}; }
  End server() { return {replies_.get(), requests_.get()}; }

 private:
  Descriptor requests_;
  Descriptor replies_;
};

}  // namespace

void register_peer_posix_mq(Registry& registry) {
  auto rows = register_sized_link<QueueLink>(registry, "posix_mq");
  rows.echo<40, 1024, 64 * 1024>("spin", Wait::spin);
  rows.echo<40>("block", Wait::block);
  rows.stream<32, 64>("block", Wait::block);
}

}  // namespace shmbus::bench
