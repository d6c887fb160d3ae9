#include "recorder/recorder.hpp"

#include <algorithm>
#include <cstring>

#include "base/testpoint.hpp"
#include "layout/text.hpp"
#include "os/clock.hpp"
#include "recorder/ring.hpp"
#include "recorder/spill.hpp"

namespace shmbus::recorder {
namespace {

constexpr std::uint64_t wish_s = 1;
constexpr std::uint64_t wish_s_max = 10;  // longer ones are nonsense, not believed

Identity identity_of(const layout::Participant& slot) noexcept {
  Identity identity;
  identity.pid = slot.pid.load(std::memory_order_relaxed);
  identity.uid = slot.uid.load(std::memory_order_relaxed);
  layout::TextBuffer<8> buffer{};
  const auto label = layout::load_text(slot.label, buffer);
  std::memcpy(identity.label.data(), label.data(), std::min(label.size(), identity.label.size()));
  return identity;
}

bool still_wished(std::uint64_t until, std::uint64_t now, std::uint64_t longest) noexcept {
  return until > now && until - now <= longest;
}

/// Two who ask at once may shorten one another's wish by a moment; both will ask again.
void prolong(layout::Word64& until, std::uint64_t now, std::uint64_t by,
             std::uint64_t longest) noexcept {
  const std::uint64_t seen = until.load(std::memory_order_relaxed);
  if (!still_wished(seen, now + by, longest)) until.store(now + by, std::memory_order_relaxed);
}

}  // namespace

void record(const segment::View& view, std::uint32_t participant, const Event& event) noexcept {
  auto& ring = view.recorder(participant);
  put(ring.head, ring.slot, event);
}

void record_now(const Attachment& bus, Event event) noexcept {
  event.started_at = wait::ticks();
  record(bus.view, bus.me.index(), event);
}

void record_participant(const Attachment& bus, Kind kind, layout::ParticipantId who) noexcept {
  const Identity identity = identity_of(bus.view.participant(who.index()));
  Event event;
  event.kind = kind;
  event.handler = who;
  event.caller = bus.me;
  event.started_at = wait::ticks();
  event.set_excerpt(std::as_bytes(std::span(&identity, 1)));
  event.bytes_in = sizeof identity;
  record(bus.view, who.index(), event);
}

void record_name(const Attachment& bus, Kind kind, std::uint32_t record,
                 std::uint32_t endpoint) noexcept {
  Event event;
  event.kind = kind;
  event.handler = bus.me;
  event.record = static_cast<std::uint16_t>(record);
  event.endpoint = static_cast<std::uint16_t>(endpoint);
  record_now(bus, event);
}

TapWish tap_wish(const Attachment& bus, std::uint64_t now_ticks) noexcept {
  const auto& control = bus.view.tap().control;
  const std::uint64_t longest = bus.rate.per_second() * wish_s_max;
  if (!still_wished(control.wanted_until.load(std::memory_order_relaxed), now_ticks, longest)) {
    return {};
  }
  return {true,
          still_wished(control.payload_until.load(std::memory_order_relaxed), now_ticks, longest)};
}

void ask_for_events(const Attachment& bus, bool with_payload) noexcept {
  auto& control = bus.view.tap().control;
  const std::uint64_t now = wait::ticks();
  const std::uint64_t by = bus.rate.per_second() * wish_s;
  const std::uint64_t longest = bus.rate.per_second() * wish_s_max;
  // Payload first: who sees the wish for events looks for that for payload at the same time.
  if (with_payload) prolong(control.payload_until, now, by, longest);
  prolong(control.wanted_until, now, by, longest);
}

std::uint32_t spill(const segment::View& view, std::span<const std::byte> request) noexcept {
  auto& tap = view.tap();
  request = request.first(std::min<std::size_t>(request.size(), layout::tap_payload_bytes_max));
  const std::uint64_t position =
      tap.spill_head.next.fetch_add(spill_units(request.size()), std::memory_order_relaxed);
  SpillSum sum(static_cast<std::uint32_t>(position));
  const auto put_word = [&](std::uint64_t i, std::uint64_t word) {
    tap.spill[spill_index(position, i)].store(word, std::memory_order_relaxed);
  };
  sum.add(request.size());
  put_word(1, request.size());
  for (std::size_t at = 0; at < request.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, request.data() + at, std::min<std::size_t>(8, request.size() - at));
    sum.add(word);
    put_word(spill_head_words + at / 8, word);
  }
  SHMBUS_TESTPOINT("recorder.spilled");
  put_word(0, sum.value());
  return static_cast<std::uint32_t>(position) + 1;
}

void tell_tap(const segment::View& view, const Event& event) noexcept {
  auto& tap = view.tap();
  put(tap.head, tap.slot, event);
}

}  // namespace shmbus::recorder
