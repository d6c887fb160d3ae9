// peer.dbus: method calls through a private dbus-daemon, both sides with sd-bus. The payload is one
// array of bytes. The stream is of calls that want no reply. Blocking only, as D-Bus is used.

#include <systemd/sd-bus.h>

#include <cstring>
#include <string>

#include "peers/daemon_process.hpp"
#include "peers/peers.hpp"
#include "peers/socket_path.hpp"

namespace shmbus::bench {
namespace {

constexpr const char* kName = "org.shmbus.Bench";
constexpr const char* kPath = "/org/shmbus/Bench";
constexpr const char* kMember = "Echo";

void check(int result, const char* what) {
  if (result < 0) {
    throw std::runtime_error(std::string(what) + ": " + std::strerror(-result));
  }
}

const std::string& daemon_address() {
  static const SocketPath path;
  static const std::string address = "unix:path=" + path.path();
  static const DaemonProcess daemon({SHMBUS_BENCH_DBUS_DAEMON, "--session", "--nofork",
                                     "--nopidfile", "--print-address", "--address=" + address},
                                    "unix:path=");
  return address;
}

class Message {
 public:
  Message() = default;
  explicit Message(sd_bus_message* message) : message_(message) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  ~Message() { sd_bus_message_unref(message_); }
  [[nodiscard]] sd_bus_message* get() const noexcept { return message_; }
  [[nodiscard]] sd_bus_message** out() noexcept { return &message_; }

  template <std::size_t Bytes, class Fill>
  void fill(Fill&& fill) {
    void* space = nullptr;
    check(sd_bus_message_append_array_space(message_, 'y', Bytes, &space), "append");
    fill(static_cast<std::byte*>(space));
  }
  template <std::size_t Bytes, class Read>
  void read(Read&& read) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    check(sd_bus_message_read_array(message_, 'y', &bytes, &size), "read_array");
    if (size != Bytes) {
      throw DataLost("short message");
    }
    read(static_cast<const std::byte*>(bytes));
  }

 private:
  sd_bus_message* message_ = nullptr;
};

class DbusEnd {
 public:
  explicit DbusEnd(bool owns_name) {
    check(sd_bus_new(&bus_), "new");
    check(sd_bus_set_address(bus_, daemon_address().c_str()), "set_address");
    check(sd_bus_set_bus_client(bus_, 1), "set_bus_client");
    check(sd_bus_start(bus_), "start");
    if (owns_name) {
      check(sd_bus_request_name(bus_, kName, 0), "request_name");
    }
  }
  DbusEnd(const DbusEnd&) = delete;
  DbusEnd& operator=(const DbusEnd&) = delete;
  ~DbusEnd() { sd_bus_flush_close_unref(bus_); }

  template <std::size_t Bytes, class Fill, class Read>
  void call(Fill&& fill, Read&& read) {
    Message request(new_call());
    request.fill<Bytes>(fill);
    Message reply;
    check(sd_bus_call(bus_, request.get(), 0, nullptr, reply.out()), "call");
    reply.read<Bytes>(read);
  }

  template <std::size_t Bytes, class Echo>
  void serve(Echo& echo) {
    while (!echo.ended()) {
      Message request(next_call());
      request.read<Bytes>([&](const std::byte* from) { echo.take(from); });
      Message reply;
      check(sd_bus_message_new_method_return(request.get(), reply.out()), "new_method_return");
      reply.fill<Bytes>([&](std::byte* to) { echo.reply(to); });
      check(sd_bus_send(bus_, reply.get(), nullptr), "send");
    }
  }

  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    Message message(new_call());
    check(sd_bus_message_set_expect_reply(message.get(), 0), "set_expect_reply");
    message.fill<Bytes>(fill);
    check(sd_bus_send(bus_, message.get(), nullptr), "send");
    check(sd_bus_flush(bus_), "flush");
  }

  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    Message message(next_call());
    message.read<Bytes>(read);
  }

 private:
  [[nodiscard]] sd_bus_message* new_call() {
    sd_bus_message* message = nullptr;
    check(sd_bus_message_new_method_call(bus_, &message, kName, kPath, kName, kMember), "new_call");
    return message;
  }

  [[nodiscard]] sd_bus_message* next_call() {
    for (;;) {
      sd_bus_message* message = nullptr;
      const int progress = sd_bus_process(bus_, &message);
      check(progress, "process");
      if (message != nullptr && sd_bus_message_is_method_call(message, kName, kMember) > 0) {
        return message;
      }
      sd_bus_message_unref(message);
      if (progress == 0) {
        check(sd_bus_wait(bus_, UINT64_MAX), "wait");
      }
    }
  }

  sd_bus* bus_ = nullptr;
};

class DbusLink {
 public:
  DbusLink() { static_cast<void>(daemon_address()); }
  DbusEnd caller() { return DbusEnd(false); }
  DbusEnd server() { return DbusEnd(true); }
};

}  // namespace

void register_peer_dbus(Registry& registry) {
  auto rows = register_link<DbusLink>(registry, "dbus");
  rows.echo<40, 1024, 64 * 1024>("block");
  rows.stream<32, 64>("block");
}

}  // namespace shmbus::bench
