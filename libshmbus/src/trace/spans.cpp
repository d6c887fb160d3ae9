#include "trace/spans.hpp"

#include "os/clock.hpp"
#include "trace/record.hpp"

namespace shmbus::trace {

CallSpan begin_call(const Here& here, double roots) noexcept {
  CallSpan span;
  TraceContext at = here.context;
  span.parent = at.span_id;
  if (!at.valid() && !here.decided && roots > 0 && drawn(roots)) {
    at.trace_id = new_trace_id();
    at.flags = 1;
    span.parent = {};
  }
  if (!at.valid() && here.attempt == 1) return span;
  span.travels = true;
  // A span that is not recorded is nobody's parent: those below stay with the last that is.
  span.cell = {
      at.trace_id, at.sampled() ? new_span_id() : at.span_id, at.flags, here.attempt, 0, 0};
  span.began = span.published = at.sampled() ? wait::ticks() : 0;
  return span;
}

void end_call(const Attachment& bus, const CallSpan& span, SpanKind kind, const CommandId& command,
              ErrorKind error, std::int32_t code) noexcept {
  if (!span.sampled()) return;
  SpanRecord record;
  record.kind = kind;
  record.context = {span.cell.trace_id, span.cell.span_id, span.cell.trace_flags};
  record.parent = span.parent;
  record.began = span.began;
  record.published = span.published;
  record.attempt = span.cell.attempt;
  record.command = command;
  record.error = error;
  record.code = code;
  write(bus, record);
}

HandlerSpan begin_handler(const layout::CellContext& cell) noexcept {
  HandlerSpan span;
  if (cell.version != 0) return span;
  span.attempt = cell.attempt == 0 ? 1 : cell.attempt;
  span.context = {cell.trace_id, cell.span_id, cell.trace_flags};
  if (!span.context.sampled() || !span.context.valid()) return span;
  span.parent = cell.span_id;
  span.context.span_id = new_span_id();
  span.began = wait::ticks();
  return span;
}

void end_handler(const Attachment& bus, const HandlerSpan& span, bool one_way,
                 const CommandId& command, ErrorKind error, std::int32_t code) noexcept {
  if (!span.context.sampled() || !span.context.valid()) return;
  SpanRecord record;
  record.kind = one_way ? SpanKind::consumer : SpanKind::server;
  record.context = span.context;
  record.parent = span.parent;
  record.began = span.began;
  record.attempt = span.attempt;
  record.command = command;
  record.error = error;
  record.code = code;
  write(bus, record);
}

}  // namespace shmbus::trace
