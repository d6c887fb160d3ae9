// peer.zeromq: ZeroMQ over ipc://. PAIR sockets for the echo, PUSH and PULL for the stream;
// payloads are written into the message that is sent and read in the one received. Spinning means
// ZMQ_DONTWAIT, but the library's own I/O threads sleep between messages all the same.

#include <zmq.h>

#include <string>

#include "peers/peers.hpp"
#include "peers/socket_path.hpp"

namespace shmbus::bench {
namespace {

enum class Pattern { pair, push_pull };

[[noreturn]] void throw_zmq(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + zmq_strerror(zmq_errno()));
}

class ZmqEnd {
 public:
  ZmqEnd(int type, const std::string& address, bool binds, Wait wait)
      : context_(zmq_ctx_new()),
        socket_(zmq_socket(context_, type)),
        flags_(wait == Wait::spin ? ZMQ_DONTWAIT : 0) {
    const auto attach = binds ? zmq_bind : zmq_connect;
    if (attach(socket_, address.c_str()) != 0) {
      throw_zmq("attach");
    }
  }
  ZmqEnd(const ZmqEnd&) = delete;
  ZmqEnd& operator=(const ZmqEnd&) = delete;
  ~ZmqEnd() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    zmq_msg_t message;
    zmq_msg_init_size(&message, Bytes);
    fill(static_cast<std::byte*>(zmq_msg_data(&message)));
    while (zmq_msg_send(&message, socket_, flags_) < 0) {
      check_retry("send");
    }
  }
  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, socket_, flags_) < 0) {
      check_retry("recv");
    }
    if (zmq_msg_size(&message) != Bytes) {
      throw DataLost("short message");
    }
    read(static_cast<const std::byte*>(zmq_msg_data(&message)));
    zmq_msg_close(&message);
  }

 private:
  static void check_retry(const char* what) {
    if (zmq_errno() != EAGAIN && zmq_errno() != EINTR) {
      throw_zmq(what);
    }
  }
  void* context_;
  void* socket_;
  int flags_;
};

class ZmqLink {
 public:
  ZmqLink(Pattern pattern, Wait wait) : pattern_(pattern), wait_(wait) {}
  ZmqEnd caller() {
    return {pattern_ == Pattern::pair ? ZMQ_PAIR : ZMQ_PUSH, address(), false, wait_};
  }
  ZmqEnd server() {
    return {pattern_ == Pattern::pair ? ZMQ_PAIR : ZMQ_PULL, address(), true, wait_};
  }

 private:
  [[nodiscard]] std::string address() const { return "ipc://" + path_.path(); }
  SocketPath path_;
  Pattern pattern_;
  Wait wait_;
};

}  // namespace

void register_peer_zeromq(Registry& registry) {
  auto rows = register_link<ZmqLink>(registry, "zeromq");
  rows.echo<40>("spin", Pattern::pair, Wait::spin);
  rows.echo<40, 1024, 64 * 1024>("block", Pattern::pair, Wait::block);
  rows.stream<32, 64>("block", Pattern::push_pull, Wait::block);
}

}  // namespace shmbus::bench
