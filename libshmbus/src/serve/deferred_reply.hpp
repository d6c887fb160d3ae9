// What a Responder holds: a command that was started, and the way for its answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "lane/reply_target.hpp"
#include "serve/cancellation.hpp"
#include "serve/handler_table.hpp"
#include "serve/reply_gate.hpp"
#include "session/core.hpp"
#include "trace/spans.hpp"

namespace shmbus::detail {

struct DeferredReply {
  std::shared_ptr<BusCore> bus;
  std::shared_ptr<ReplyGate> gate;
  std::shared_ptr<std::atomic<std::uint32_t>> lane_deferred;
  std::shared_ptr<serve::HandlerLife> life;  ///< of the handler that deferred it
  serve::ReplyTarget target;
  serve::Started command;
  serve::CallerProbe probe;
  std::uint64_t deadline_ticks = 0;
  std::span<std::byte> request_window;  // of a stream, until a reader or writer takes them
  std::span<std::byte> reply_window;
  std::unique_ptr<serve::StopWatch> stop;
  std::optional<trace::HandlerSpan> span;
  trace::CommandId id;  ///< when there is a span
  bool answered = false;
};

}  // namespace shmbus::detail
