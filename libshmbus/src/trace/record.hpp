// A span that has ended, as it is kept in the flight recorder for the process that exports it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "attach/attachment.hpp"
#include "recorder/event.hpp"
#include "shmbus/trace.hpp"
#include "trace/spans.hpp"

namespace shmbus::trace {

struct SpanRecord {
  SpanKind kind = SpanKind::internal;
  TraceContext context;     ///< the span's own
  SpanId parent{};          ///< zeros: a root
  std::uint64_t began = 0;  ///< clock ticks, as all times here
  std::uint64_t duration_ns = 0;
  std::uint64_t published = 0;  ///< of a call: when it was committed
  std::uint8_t attempt = 1;
  CommandId command;                 ///< but for internal
  FixedText<Span::name_bytes> name;  ///< of internal
  layout::ParticipantId party;       ///< who wrote it
  std::uint32_t pid = 0;             ///< the same, in its own pid namespace
  ErrorKind error = ErrorKind::none;
  std::int32_t code = 0;

  [[nodiscard]] bool of_call() const noexcept {
    return kind == SpanKind::client || kind == SpanKind::producer;
  }
  [[nodiscard]] bool of_handler() const noexcept {
    return kind == SpanKind::server || kind == SpanKind::consumer;
  }
};

/// It ends now, and is this process's. Nobody waits; what is overwritten before it was exported is
/// lost. Adds what is not set: duration, party, pid.
void write(const Attachment& bus, SpanRecord record) noexcept;

[[nodiscard]] recorder::Event to_event(const SpanRecord& record) noexcept;
/// Nothing when the event is no span, or one that no correct participant writes.
[[nodiscard]] std::optional<SpanRecord> from_event(const recorder::Event& event) noexcept;

}  // namespace shmbus::trace
