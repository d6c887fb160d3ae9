// Records of a stream: to the handler, in place, and from it, by value and in place.
#include <algorithm>
#include <memory>
#include <string>

#include "bus/commands.hpp"
#include "bus/private_bus.hpp"
#include "bus/rows.hpp"
#include "harness/link.hpp"

namespace shmbus::bench {
namespace {

constexpr const char* name = "records";

constexpr StreamOptions window_for(std::size_t bytes) noexcept {
  return {.window = std::max<std::size_t>(StreamOptions().window, 16 * bytes)};
}

/// The handler's process: it defers the one call that there is, and goes on in its own loop.
struct Handler {
  explicit Handler(const PrivateBus& place)
      : bus(place.open()), server(value_of("serve", bus.serve({.wait = WaitMode::spinning}))) {
    value_of("on", server.on(name, [this](Context& context) {
      responder = context.defer();
      return Status::ok();
    }));
  }
  void wait_for_call() {
    while (!responder.valid()) value_of("poll", server.poll());
  }
  Bus bus;
  Server server;
  Responder responder;
};

struct Caller {
  explicit Caller(const PrivateBus& place) : bus(place.open()) {}
  void open(std::size_t bytes, Records records) {
    value_of("wait", bus.wait_until_available(name, std::chrono::seconds(10)));
    caller = value_of("caller", bus.caller(name, {.wait = WaitMode::spinning}));
    stream = value_of("open", caller.open({}, window_for(bytes), records));
  }
  Bus bus;
  RawCaller caller;
  RawStream stream;
};

template <class To, class Fill>
void send_in_place(To& to, std::size_t bytes, Fill&& fill) {
  auto loan = to.loan(bytes);
  if (!loan) [[unlikely]]
    throw_error("loan", loan.error());
  fill(loan->data());
  if (auto sent = to.commit(bytes); !sent) [[unlikely]]
    throw_error("commit", sent.error());
}

template <class From, class Read>
void receive_in_place(From& from, Read&& read) {
  const auto record = from.next();
  if (!record) [[unlikely]]
    throw_error("next", record.error());
  read(record->data());
}

/// The end of the handler's process, as a producer or a consumer.
class HandlerEnd {
 public:
  explicit HandlerEnd(const PrivateBus& place) : handler_(std::make_unique<Handler>(place)) {}
  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    if (!out_.valid()) [[unlikely]] {
      handler_->wait_for_call();
      out_ = RawWriter(handler_->responder);
    }
    send_in_place(out_, Bytes, fill);
  }
  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    if (!in_.valid()) [[unlikely]] {
      handler_->wait_for_call();
      in_ = RawReader(handler_->responder);
    }
    receive_in_place(in_, read);
  }

 private:
  std::unique_ptr<Handler> handler_;
  RawReader in_;
  RawWriter out_;
};

class CallerEnd {
 public:
  explicit CallerEnd(const PrivateBus& place) : caller_(std::make_unique<Caller>(place)) {}
  template <std::size_t Bytes, class Fill>
  void send(Fill&& fill) {
    if (!caller_->stream.valid()) [[unlikely]]
      caller_->open(Bytes, Records::to_handler);
    send_in_place(caller_->stream, Bytes, fill);
  }
  template <std::size_t Bytes, class Read>
  void receive(Read&& read) {
    if (!caller_->stream.valid()) [[unlikely]]
      caller_->open(Bytes, Records::from_handler);
    receive_in_place(caller_->stream, read);
  }

 private:
  std::unique_ptr<Caller> caller_;
};

/// `Producer` and `Consumer` are one of each.
template <class Producer, class Consumer>
class RecordLink {
 public:
  Consumer server() { return Consumer(place_); }
  Producer caller() { return Producer(place_); }

 private:
  PrivateBus place_{Capacities{.extents = 256}};
};
using ToHandler = RecordLink<CallerEnd, HandlerEnd>;
using FromHandler = RecordLink<HandlerEnd, CallerEnd>;

}  // namespace

void register_bus_records(Registry& registry) {
  add_stream_row<64, ToHandler>(registry, "record.to_handler.64B", "floor.ring.64B");
  add_stream_row<64, FromHandler>(registry, "record.from_handler.64B", "floor.ring.64B");
  add_stream_row<1024, FromHandler>(registry, "record.from_handler.1KiB", "floor.ring.1024B");
  add_stream_row<64 * 1024, FromHandler>(registry, "record.from_handler.64KiB",
                                         "oneway.loan.64KiB");
}

}  // namespace shmbus::bench
