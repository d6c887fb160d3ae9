// peer.nng: nng pair sockets over ipc://. Payloads are written into the message that is sent and
// read in the one received. Blocking only: its I/O runs on threads of its own, which sleep between
// messages.

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include <string>

#include "peers/peers.hpp"
#include "peers/socket_path.hpp"

namespace shmbus::bench {
namespace {

void check(int result, const char* what) {
  if (result != 0) {
    throw std::runtime_error(std::string(what) + ": " + nng_strerror(result));
  }
}

class NngEnd {
 public:
  NngEnd(const std::string& address, bool listens) {
    check(nng_pair0_open(&socket_), "pair0_open");
    check(nng_socket_set_int(socket_, NNG_OPT_SENDBUF, kBuffered), "send buffer");
    check(nng_socket_set_int(socket_, NNG_OPT_RECVBUF, kBuffered), "receive buffer");
    if (listens) {
      check(nng_listen(socket_, address.c_str(), nullptr, 0), "listen");
    } else {
      check(nng_dial(socket_, address.c_str(), nullptr, 0), "dial");
    }
  }
  NngEnd(const NngEnd&) = delete;
  NngEnd& operator=(const NngEnd&) = delete;
  ~NngEnd() { nng_close(socket_); }

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    nng_msg* message = nullptr;
    check(nng_msg_alloc(&message, Bytes), "msg_alloc");
    fill(static_cast<std::byte*>(nng_msg_body(message)));
    check(nng_sendmsg(socket_, message, 0), "sendmsg");
  }
  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    nng_msg* message = nullptr;
    check(nng_recvmsg(socket_, &message, 0), "recvmsg");
    if (nng_msg_len(message) != Bytes) {
      throw DataLost("short message");
    }
    read(static_cast<const std::byte*>(nng_msg_body(message)));
    nng_msg_free(message);
  }

 private:
  static constexpr int kBuffered = 1024;  // messages
  nng_socket socket_{};
};

class NngLink {
 public:
  NngEnd caller() { return {address(), false}; }
  NngEnd server() { return {address(), true}; }

 private:
  [[nodiscard]] std::string address() const { return "ipc://" + path_.path(); }
  SocketPath path_;
};

}  // namespace

void register_peer_nng(Registry& registry) {
  auto rows = register_link<NngLink>(registry, "nng");
  rows.echo<40, 1024, 64 * 1024>("block");
  rows.stream<32, 64>("block");
}

}  // namespace shmbus::bench
