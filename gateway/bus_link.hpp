// A principal's way onto the bus: one opened bus, a caller for each name, calls under way. Handlers
// see the principal's name as the label of their caller.
//
// Threads   The gateway's one. Nothing here blocks: callers are made with WhenFull::fail and
//           WhenVacant::fail, and what is pending is looked at when its descriptor is readable and
//           on a tick.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/type.hpp"
#include "gateway/event_loop.hpp"
#include "shmbus/bus.hpp"
#include "shmbus/trace.hpp"

namespace shmbus::gateway {

/// A name as it is registered now.
struct KnownName {
  std::string name;
  RegisteredTypes registered;
  bool typed = false;  ///< both types below are known; else it takes bytes
  bool request_stream = false;
  bool reply_stream = false;
  codec::Type request;  ///< of one record, where many go
  codec::Type reply;
  [[nodiscard]] bool streams() const noexcept { return request_stream || reply_stream; }
};

/// Of the text of its types ("request->reply"); empty, or no such text: it takes bytes.
KnownName known_name(std::string_view name, std::string_view types);

class RecordSink;
class StreamCall;

/// Called once, from the loop.
using Answered = std::function<void(Result<ReplyView>)>;

/// What is under way for one request. Destroyed before its end, it is cancelled.
class PendingCall {
 public:
  virtual ~PendingCall() = default;
  /// Goes on as far as it can; true when it has ended.
  virtual bool look() = 0;

 protected:
  PendingCall() = default;
  PendingCall(const PendingCall&) = default;
  PendingCall& operator=(const PendingCall&) = default;
};

struct CallRequest {
  std::shared_ptr<const KnownName> name;
  bool by_type = false;  ///< the request was made by the types: a handler with others refuses it
  std::span<const std::byte> bytes;
  std::size_t reply_capacity = 0;
  Duration timeout{};
  TraceContext trace{};
};

class BusLink {
 public:
  struct Where {
    std::string bus;
    std::int64_t trust = trust_own_and_root;
    std::string label;
  };
  BusLink(EventLoop& loop, Where where);
  BusLink(BusLink&&) noexcept;
  BusLink& operator=(BusLink&&) = delete;
  ~BusLink();

  /// Its types; not_registered when nobody ever registered it.
  Result<std::shared_ptr<const KnownName>> look_up(std::string_view name);
  /// The call ends early when the result is destroyed: it is cancelled then.
  Result<std::shared_ptr<PendingCall>> start(const CallRequest& request, Answered answered);
  /// The same for a name with streams. `sink` outlives the result.
  Result<std::shared_ptr<StreamCall>> open(const CallRequest& request, std::size_t window,
                                           RecordSink& sink);
  Result<void> send(const CallRequest& request);
  [[nodiscard]] Result<Bus*> bus();

  /// Looks for answers, deaths and deadlines. To be called every few milliseconds while busy().
  void tick();
  [[nodiscard]] bool busy() const noexcept;
  /// Lets go of a bus that was removed or replaced. To be called now and then.
  void check_bus();
  [[nodiscard]] bool leads_to(std::string_view bus, std::int64_t trust) const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shmbus::gateway
