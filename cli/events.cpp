#include "cli/events.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "cli/output.hpp"
#include "codec/values.hpp"
#include "common/escape.hpp"
#include "inspect/snapshot.hpp"
#include "layout/status_code.hpp"
#include "layout/text.hpp"
#include "recorder/reader.hpp"
#include "words/table.hpp"

namespace shmbus::cli {
namespace {

using recorder::Event;
using recorder::Kind;

std::int64_t unix_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

Who from_slot(const layout::Participant& slot) {
  layout::TextBuffer<8> buffer{};
  return {slot.pid.load(std::memory_order_relaxed),
          std::string(layout::load_text(slot.label, buffer))};
}

/// From what was recorded of somebody who has left the slot since.
std::optional<Who> from_ring(const segment::View& view, layout::ParticipantId party) {
  for (const auto& one : recorder::read_ring(view, party.index()).events) {
    const Kind kind = one.event.kind;
    if (one.event.handler != party) continue;
    if (kind != Kind::joined && kind != Kind::left && kind != Kind::died) continue;
    recorder::Identity identity;
    std::memcpy(&identity, one.event.excerpt.data(), sizeof identity);
    const auto& label = identity.label;
    return Who{identity.pid, std::string(label.data(), ::strnlen(label.data(), label.size()))};
  }
  return std::nullopt;
}

/// An id as W3C writes it: byte by byte, as it lies in memory.
std::string hex_of(std::uint64_t value) {
  const auto bytes = std::bit_cast<std::array<std::uint8_t, 8>>(value);
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

}  // namespace

std::string Who::text() const {
  const std::string name = label.empty() ? "-" : printable(label);
  return pid == 0 ? name : fmt::format("{}[{}]", name, pid);
}

EventTexts::EventTexts(const inspect::Reader& reader)
    : reader_(&reader),
      rate_(reader.header().ticks_per_s),
      now_unix_ns_(unix_ns()),
      now_ticks_(wait::ticks()) {}

const std::string& EventTexts::name_of(std::uint16_t record) {
  const auto known = names_.find(record);
  if (known != names_.end()) return known->second;
  if (record >= reader_->view().capacities().names) {
    return names_.emplace(record, "-").first->second;
  }
  return names_.emplace(record, names::text_of(reader_->view(), record).view()).first->second;
}

const Who& EventTexts::who(layout::ParticipantId party) {
  const auto known = parties_.find(party.bits);
  if (known != parties_.end()) return known->second;
  Who found;
  if (!party.nobody() && party.index() < reader_->view().capacities().participants) {
    const auto& slot = reader_->view().participant(party.index());
    const layout::ParticipantWord state{
        slot.state.load(std::memory_order_acquire)};  // SYNC slot.alive
    const bool same = state.epoch() == party.epoch();
    // A free slot holds what its last holder wrote, until the next one comes.
    const bool just_left = state.state() == layout::ParticipantState::free &&
                           state.epoch() == layout::next_epoch(party.epoch());
    if (same || just_left) {
      found = from_slot(slot);
    } else {
      found = from_ring(reader_->view(), party).value_or(Who{});
    }
  }
  return parties_.emplace(party.bits, std::move(found)).first->second;
}

std::int64_t EventTexts::unix_ns_of(std::uint64_t ticks) const {
  const bool later = ticks > now_ticks_;
  const std::uint64_t ns = rate_.to_ns(later ? ticks - now_ticks_ : now_ticks_ - ticks);
  // No event lies so far away; a forged one shows as 1970.
  if (ns > static_cast<std::uint64_t>(now_unix_ns_)) return 0;
  return later ? now_unix_ns_ + static_cast<std::int64_t>(ns)
               : now_unix_ns_ - static_cast<std::int64_t>(ns);
}

std::string EventTexts::time_of(std::uint64_t ticks) const {
  const std::int64_t ns = unix_ns_of(ticks);
  const std::time_t seconds = ns / 1'000'000'000;
  return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(seconds), ns % 1'000'000'000 / 1000);
}

const NamedTypes& EventTexts::types(std::uint16_t record) {
  const auto known = types_.find(record);
  if (known != types_.end()) return known->second;
  NamedTypes found;
  const auto snapshot = inspect::take_snapshot(*reader_);
  if (const auto* name = snapshot.name(name_of(record))) {
    found = {registered_types(*reader_, *name), name->request_bytes, name->reply_bytes};
  }
  return types_.emplace(record, std::move(found)).first->second;
}

std::optional<std::string> EventTexts::request_json(std::uint16_t record,
                                                    std::span<const std::byte> request) {
  const auto& known = types(record);
  if (!known.types || known.types->hash_only || known.types->request.is_none()) return std::nullopt;
  std::string text;
  if (!codec::decode(known.types->request, request, text)) return std::nullopt;
  return text;
}

std::string EventTexts::request_text(std::uint16_t record, std::span<const std::byte> request,
                                     std::size_t whole_bytes) {
  if (whole_bytes == 0) return {};
  if (request.size() == whole_bytes) {
    if (const auto value = request_json(record, request)) return escape::json_document(*value);
  }
  constexpr std::size_t shown_max = 32;
  const auto shown = request.first(std::min(request.size(), shown_max));
  const std::string rest = shown.size() < whole_bytes ? "..." : "";
  if (is_text(as_chars(shown))) return "\"" + printable(as_chars(shown)) + rest + "\"";
  return to_hex(shown) + rest;
}

std::string_view kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::none:
      break;
    case Kind::served:
      return "served";
    case Kind::caller_span:
      return "called";
    case Kind::joined:
      return "joined";
    case Kind::left:
      return "left";
    case Kind::died:
      return "died";
    case Kind::registered:
      return "registered";
    case Kind::unregistered:
      return "unregistered";
    case Kind::failed_by_recovery:
      return "failed-by-recovery";
    case Kind::gave_up:
      return "gave-up";
    case Kind::handler_span:
      return "ran";
    case Kind::work_span:
      return "worked";
  }
  return "unknown";
}

std::string outcome_text(const Event& event) {
  if (event.kind == Kind::caller_span || event.kind == Kind::handler_span) {
    return event.outcome == 0 ? "ok"
                              : std::string(to_string(static_cast<ErrorKind>(event.outcome)));
  }
  switch (static_cast<StatusCode>(event.outcome)) {
    case StatusCode::ok:
      return (event.flags & recorder::event_flags::deferred) != 0 ? "deferred" : "ok";
    case StatusCode::rejected:
    case StatusCode::rejected_because:
      return fmt::format("rejected({})", static_cast<std::int32_t>(event.detail));
    case StatusCode::handler_died:
      return "handler-died";
    case StatusCode::expired:
      return "expired";
    case StatusCode::cancelled:
      return "cancelled";
    case StatusCode::not_registered:
      return "not-registered";
    case StatusCode::reply_too_large:
      return "reply-too-large";
    case StatusCode::abandoned:
      return "abandoned";
    case StatusCode::malformed:
      return "malformed";
    case StatusCode::not_permitted:
      return "not-permitted";
    case StatusCode::overloaded:
      return "overloaded";
    case StatusCode::invalid_argument:
      return "invalid-argument";
  }
  return fmt::format("outcome-{}", event.outcome);
}

Json event_json(EventTexts& texts, const Event& event, std::span<const std::byte> request) {
  namespace flag = recorder::event_flags;
  const auto who = [&](layout::ParticipantId party) {
    const Who& found = texts.who(party);
    return Json{{"label", found.label}, {"pid", found.pid}};
  };
  Json out{{"time", texts.time_of(event.started_at)}, {"event", kind_name(event.kind)}};
  if (event.record != recorder::no_record) out["name"] = texts.name_of(event.record);
  const bool command = event.kind == Kind::served || event.kind == Kind::failed_by_recovery ||
                       event.kind == Kind::caller_span || event.kind == Kind::gave_up;
  if (!command) {
    out["participant"] = who(event.handler);
    return out;
  }
  out["caller"] = who(event.caller);
  out["handler"] = who(event.handler);
  out["lane"] = event.lane;
  out["outcome"] = event.kind == Kind::gave_up ? "gave-up" : outcome_text(event);
  out["one_way"] = (event.flags & flag::one_way) != 0;
  if ((event.flags & flag::timed) != 0) out["duration_ns"] = event.duration_ns;
  if (event.queued_ns != 0) out["queued_ns"] = event.queued_ns;
  out["bytes_in"] = event.bytes_in;
  out["bytes_out"] = event.bytes_out;
  if (event.trace[0] != 0 || event.trace[1] != 0) {
    out["trace"] = hex_of(event.trace[0]) + hex_of(event.trace[1]);
    out["span"] = hex_of(event.span);
    out["parent_span"] = hex_of(event.parent_span);
  }
  out["request_hex"] = to_hex(request);
  if (request.size() == event.bytes_in && event.bytes_in != 0) {
    if (const auto value = texts.request_json(event.record, request)) {
      out["request"] = Json::parse(*value);  // patterns: written by codec/
    }
  }
  return out;
}

}  // namespace shmbus::cli
