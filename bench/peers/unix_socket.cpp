// peer.unix_socket: SOCK_SEQPACKET, one message per send. Blocking, and spinning on a receive that
// does not wait (the sender never sleeps then either, but still pays both system calls).

#include <sys/socket.h>

#include <array>
#include <memory>

#include "peers/descriptor.hpp"
#include "peers/peers.hpp"

namespace shmbus::bench {
namespace {

class SocketLink {
 public:
  class End {
   public:
    End(int socket, Wait wait)
        : socket_(socket),
          flags_(wait == Wait::spin ? MSG_DONTWAIT : 0),
          buffer_(std::make_unique<std::byte[]>(kBufferBytes)) {}

    template <std::size_t Bytes, class Fill>
    void send(Fill&& fill) {
      fill(buffer_.get());
      while (::send(socket_, buffer_.get(), Bytes, flags_ | MSG_NOSIGNAL) < 0) {
        check_retry("send");
      }
    }
    template <std::size_t Bytes, class Read>
    void receive(Read&& read) {
      ssize_t got = 0;
      while ((got = recv(socket_, buffer_.get(), Bytes, flags_)) < 0) {
        check_retry("recv");
      }
      if (got != static_cast<ssize_t>(Bytes)) {
        throw DataLost("short message");
      }
      read(static_cast<const std::byte*>(buffer_.get()));
    }

   private:
    static constexpr std::size_t kBufferBytes = 64 * 1024;
    static void check_retry(const char* what) {
      if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
        throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
      }
    }
    int socket_;
    int flags_;
    std::unique_ptr<std::byte[]> buffer_;
  };

  explicit SocketLink(Wait wait) : wait_(wait) {
    std::array<int, 2> pair{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair.data()) != 0) {
      throw_unavailable("socketpair");
    }
    caller_ = Descriptor(pair[0]);
    server_ = Descriptor(pair[1]);
  }
  End caller() { return {caller_.get(), wait_}; }
  End server() { return {server_.get(), wait_}; }

 private:
  Wait wait_;
  Descriptor caller_;
  Descriptor server_;
};

}  // namespace

void register_peer_unix_socket(Registry& registry) {
  auto rows = register_link<SocketLink>(registry, "unix_socket");
  rows.echo<40, 1024, 64 * 1024>("spin", Wait::spin);
  rows.echo<40>("block", Wait::block);
  rows.stream<32, 64>("block", Wait::block);
}

}  // namespace shmbus::bench
