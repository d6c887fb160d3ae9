#include "trace/record.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "layout/participant.hpp"
#include "os/clock.hpp"
#include "recorder/recorder.hpp"

namespace shmbus::trace {
namespace {

using recorder::Event;
using recorder::Kind;

/// The excerpt of caller_span and handler_span. Part of the format.
struct CommandExtra {
  std::uint64_t seq = 0;
  std::uint64_t published = 0;
  std::uint32_t pid = 0;
  std::uint8_t attempt = 0;
  std::array<std::uint8_t, 11> spare{};
};
static_assert(sizeof(CommandExtra) == layout::event_excerpt_bytes);
static_assert(Span::name_bytes < layout::event_excerpt_bytes);

template <class Word, class Id>
Word words_of(const Id& id) noexcept {
  return std::bit_cast<Word>(id);
}

void put_command(Event& event, const SpanRecord& record) noexcept {
  const CommandExtra extra{record.command.seq, record.published, record.pid, record.attempt, {}};
  event.set_excerpt(std::as_bytes(std::span(&extra, 1)));
  event.record = static_cast<std::uint16_t>(record.command.record);
  event.lane = static_cast<std::uint16_t>(record.command.lane);
  event.endpoint = static_cast<std::uint16_t>(record.command.endpoint);
  event.caller = record.command.caller;
  event.detail = static_cast<std::uint32_t>(record.code);
}

void take_command(SpanRecord& record, const Event& event) noexcept {
  CommandExtra extra;
  std::memcpy(&extra, event.excerpt.data(), sizeof extra);
  record.published = extra.published;
  record.attempt = extra.attempt;
  record.pid = extra.pid;
  record.command = {event.record, event.endpoint, event.lane, extra.seq, event.caller};
  record.code = static_cast<std::int32_t>(event.detail);
}

void take_name(SpanRecord& record, const Event& event) noexcept {
  const auto* text = reinterpret_cast<const char*>(event.excerpt.data());
  record.name = std::string_view(text, std::find(text, text + Span::name_bytes, '\0'));
  record.pid = event.detail;
}

}  // namespace

Event to_event(const SpanRecord& record) noexcept {
  Event event;
  event.flags = recorder::event_flags::timed;
  event.outcome = static_cast<std::uint16_t>(record.error);
  event.started_at = record.began;
  event.duration_ns = record.duration_ns;
  event.trace = words_of<decltype(event.trace)>(record.context.trace_id);
  event.span = words_of<std::uint64_t>(record.context.span_id);
  event.parent_span = words_of<std::uint64_t>(record.parent);
  if (record.kind == SpanKind::internal) {
    event.kind = Kind::work_span;
    event.set_excerpt(std::as_bytes(std::span(record.name.view())));
    event.detail = record.pid;
    event.handler = record.party;
    return event;
  }
  put_command(event, record);
  event.kind = record.of_call() ? Kind::caller_span : Kind::handler_span;
  if (record.of_handler()) event.handler = record.party;
  if (record.kind == SpanKind::producer || record.kind == SpanKind::consumer) {
    event.flags |= recorder::event_flags::one_way;
  }
  return event;
}

std::optional<SpanRecord> from_event(const Event& event) noexcept {
  SpanRecord record;
  const bool one_way = (event.flags & recorder::event_flags::one_way) != 0;
  record.context.trace_id = words_of<TraceId>(event.trace);
  record.context.span_id = words_of<SpanId>(event.span);
  record.context.flags = 1;
  record.parent = words_of<SpanId>(event.parent_span);
  record.began = event.started_at;
  record.duration_ns = event.duration_ns;
  record.error = static_cast<ErrorKind>(event.outcome);
  record.party = event.handler;
  switch (event.kind) {
    case Kind::caller_span:
      record.kind = one_way ? SpanKind::producer : SpanKind::client;
      record.party = event.caller;
      take_command(record, event);
      break;
    case Kind::handler_span:
      record.kind = one_way ? SpanKind::consumer : SpanKind::server;
      take_command(record, event);
      break;
    case Kind::work_span:
      take_name(record, event);
      break;
    default:
      return std::nullopt;
  }
  if (!record.context.valid() || event.span == 0) return std::nullopt;
  return record;
}

void write(const Attachment& bus, SpanRecord record) noexcept {
  record.duration_ns = bus.rate.to_ns(wait::ticks() - record.began);
  record.party = bus.me;
  record.pid = bus.view.participant(bus.me.index()).pid.load(std::memory_order_relaxed);
  recorder::record(bus.view, bus.me.index(), to_event(record));
}

}  // namespace shmbus::trace
