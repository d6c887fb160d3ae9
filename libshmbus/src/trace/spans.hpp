// The spans that the library itself makes: of a call, and of the handler that runs it. Everything
// here is off the usual path: it is reached for commands that carry a context.
#pragma once

#include <cstdint>
#include <string_view>

#include "attach/attachment.hpp"
#include "layout/lane.hpp"
#include "shmbus/error_kind.hpp"
#include "shmbus/trace.hpp"
#include "trace/here.hpp"
#include "trace/ids.hpp"

namespace shmbus::trace {

/// Numbers of OpenTelemetry, as they stand in events and in what is exported.
enum class SpanKind : std::uint8_t {
  internal = 1,
  server = 2,
  client = 3,
  producer = 4,
  consumer = 5,
};

/// Which command a span is about.
struct CommandId {
  std::uint32_t record = 0;
  std::uint32_t endpoint = 0;
  std::uint32_t lane = 0;
  std::uint64_t seq = 0;
  layout::ParticipantId caller;
};

/// A call under way, on its caller's side.
struct CallSpan {
  CallSpan() noexcept {}  // NOLINT: the rest stays as it is until it travels

  bool travels = false;  ///< the rest counts only then
  layout::CellContext cell;
  SpanId parent;
  std::uint64_t began;
  std::uint64_t published;

  [[nodiscard]] bool sampled() const noexcept { return travels && (cell.trace_flags & 1U) != 0; }
};

/// The span of a call made here, or one that does not travel. `roots`: begin a trace when there is
/// none, for this part of the calls.
CallSpan begin_call(const Here& here, double roots) noexcept;

/// Ends it, unless it is not sampled. `error`: none when it was answered well. `code`: the
/// handler's own.
void end_call(const Attachment& bus, const CallSpan& span, SpanKind kind, const CommandId& command,
              ErrorKind error, std::int32_t code) noexcept;

/// A command that carries a context, while its handler runs.
struct HandlerSpan {
  TraceContext context;  ///< the handler's own place, not valid when it was only repeated
  SpanId parent{};
  std::uint8_t attempt = 1;
  std::uint64_t began = 0;
};

/// What stood in the cell, which anybody may have written.
HandlerSpan begin_handler(const layout::CellContext& cell) noexcept;
void end_handler(const Attachment& bus, const HandlerSpan& span, bool one_way,
                 const CommandId& command, ErrorKind error, std::int32_t code) noexcept;

}  // namespace shmbus::trace
