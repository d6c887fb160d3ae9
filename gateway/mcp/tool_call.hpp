// One tools/call under way: a call or a stream on the bus, its records as progress, its end as the
// result. Destroyed before its end, it is cancelled on the bus.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/exchange.hpp"
#include "gateway/mcp/tool.hpp"
#include "gateway/principals.hpp"
#include "gateway/stream_call.hpp"

namespace shmbus::gateway {
struct UnderWay;
}

namespace shmbus::gateway::mcp {

/// Where the messages that answer one request go, without line ends.
class Outlet {
 public:
  /// Before the answer. One that cannot take it now drops it.
  virtual void notify(std::string message) = 0;
  /// Once, and last: what answers may be destroyed by it.
  virtual void answer(std::string message) = 0;
  /// In its place: the client has cancelled the request and wants no answer.
  virtual void cancelled() = 0;

 protected:
  Outlet() = default;
  Outlet(const Outlet&) = default;
  Outlet& operator=(const Outlet&) = default;
  ~Outlet() = default;
};

class ToolCall final : public RecordSink {
 public:
  struct What {
    Slot slot;
    std::shared_ptr<const KnownName> known;
    std::string id;
    std::string progress_token;  ///< empty: no progress is wanted
    TraceContext trace{};
  };
  ToolCall(What what, const Limits& limits, UnderWay& under_way, Outlet& to);
  ~ToolCall() override;
  ToolCall(const ToolCall&) = delete;
  ToolCall& operator=(const ToolCall&) = delete;

  /// Once. It may answer, and so destroy this, before it returns.
  void begin(std::string_view arguments);
  [[nodiscard]] const std::string& id() const noexcept { return what_.id; }
  void cancel() { to_.cancelled(); }

  [[nodiscard]] bool has_room() const override { return true; }
  void record(std::span<const std::byte> bytes) override;
  void ended(Result<ReplyView> how) override;

 private:
  Result<void> start(const std::vector<Bytes>& requests, CallRequest request);
  void answered(const Result<ReplyView>& reply);
  void answer(const std::string& result) { to_.answer(result_message_of(result)); }
  [[nodiscard]] std::string result_message_of(const std::string& result) const;

  What what_;
  const Limits& limits_;
  UnderWay& under_way_;
  Outlet& to_;
  std::shared_ptr<PendingCall> call_;
  std::shared_ptr<StreamCall> stream_;
  std::vector<std::string> records_;
  std::size_t record_bytes_ = 0;
  std::uint64_t count_ = 0;
  bool truncated_ = false;
  std::optional<Error> broken_;
};

}  // namespace shmbus::gateway::mcp
