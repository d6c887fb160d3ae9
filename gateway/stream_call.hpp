// A call with records, as the loop drives it: what the handler sends goes to a sink as long as that
// has room, and what the client sends goes to the handler as long as there is room in the window.
// Nothing waits: RawStream is only asked for what is there.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "gateway/bus_link.hpp"
#include "gateway/event_loop.hpp"
#include "shmbus/stream.hpp"

namespace shmbus::gateway {

/// Where records and the end of a stream go. Called from the loop; it may destroy the StreamCall.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  /// Whether it can take another record now. When that changes, it calls StreamCall::go_on().
  [[nodiscard]] virtual bool has_room() const = 0;
  virtual void record(std::span<const std::byte> bytes) = 0;
  /// Once, and last. Of a stream from the handler the reply is empty.
  virtual void ended(Result<ReplyView> how) = 0;

 protected:
  RecordSink() = default;
  RecordSink(const RecordSink&) = default;
  RecordSink& operator=(const RecordSink&) = default;
};

class StreamCall final : public PendingCall, public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(EventLoop& loop, RawStream stream, Records records, RecordSink& sink)
      : loop_(loop), stream_(std::move(stream)), records_(records), sink_(sink) {}

  /// Sends these to the handler, one after the other, and then closes its side.
  void send_all(std::vector<std::vector<std::byte>> records);
  /// The sink has room again. Not from within its record().
  void go_on() { (void)look(); }
  bool look() override;

 private:
  void send_on();
  bool read_on();
  bool end();

  EventLoop& loop_;
  RawStream stream_;
  Records records_;
  RecordSink& sink_;
  std::deque<std::vector<std::byte>> waiting_;  ///< for room in the window
  std::optional<Error> refused_;                ///< why a record of the client was not sent
  bool sending_ = false;
  bool ended_ = false;
};

}  // namespace shmbus::gateway
