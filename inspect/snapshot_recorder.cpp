// The flight recorder and the tap, for the doctor: half a megabyte with the default capacities,
// which nobody else who takes a snapshot wants to read.
//
// Slots are read before the heads: what stands in a whole event had been given out by then.
#include <algorithm>
#include <span>

#include "inspect/snapshot.hpp"
#include "layout/name_words.hpp"
#include "layout/words.hpp"
#include "os/clock.hpp"
#include "recorder/ring.hpp"

namespace shmbus::inspect {
namespace {

using recorder::Event;
using recorder::SlotState;

/// What an event may name on this bus.
struct Bounds {
  layout::Capacities capacities;
  std::uint64_t payload_bytes;  ///< no request or reply is longer

  explicit Bounds(const segment::View& view)
      : capacities(view.capacities()), payload_bytes(view.geometry().extents.bytes()) {}

  [[nodiscard]] bool hold(const Event& event) const noexcept {
    const bool parties = event.caller.index() < capacities.participants &&
                         event.handler.index() < capacities.participants;
    // Where a name leads is looked up after it was registered: it may lead nowhere again by then.
    const bool nowhere =
        event.kind == recorder::Kind::registered && event.endpoint == layout::BindingWord::none;
    const bool places =
        event.lane < capacities.lanes && (nowhere || event.endpoint < capacities.endpoints);
    const bool name = event.record == recorder::no_record || event.record < capacities.names;
    return parties && places && name && event.bytes_in <= payload_bytes &&
           event.bytes_out <= payload_bytes;
  }
};

/// A newer program may tell of things that this one does not know.
bool known(recorder::Kind kind) noexcept {
  using recorder::Kind;
  return (kind >= Kind::served && kind <= Kind::gave_up) || kind == Kind::handler_span ||
         kind == Kind::work_span;
}

/// Slots hold half of an index or of a position. Once a head has passed that half, every number
/// has been given out: a writer that was stopped for long may still leave any of them.
bool given_out(std::uint32_t number, std::uint64_t head) noexcept {
  return (head >> 32U) != 0 || number < head;
}

RecorderInfo read_ring(std::span<const layout::RecorderSlot> slots,
                       const layout::RecorderHead& head, const layout::RecorderHead& spill_head,
                       const Bounds& bounds) {
  RecorderInfo info;
  std::vector<std::uint32_t> numbers;
  std::vector<std::uint32_t> spilled;
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    const auto seen = recorder::copy(slots[i]);
    if (seen.state == SlotState::empty) continue;
    if ((seen.index & (slots.size() - 1)) != i) ++info.misplaced;
    // Left half written, or overtaken by a lap: the process that reads skips it.
    if (seen.state == SlotState::writing) continue;
    numbers.push_back(seen.index);
    if (seen.state != SlotState::whole || !known(seen.event.kind)) continue;
    if (!bounds.hold(seen.event)) ++info.out_of_bounds;
    if (seen.event.spilled != 0) spilled.push_back(seen.event.spilled - 1);
  }
  const auto beyond = [](const std::vector<std::uint32_t>& all, const layout::RecorderHead& of) {
    const std::uint64_t next = of.next.load(std::memory_order_relaxed);
    return static_cast<std::uint32_t>(std::count_if(
        all.begin(), all.end(), [&](std::uint32_t one) { return !given_out(one, next); }));
  };
  info.written = head.next.load(std::memory_order_relaxed);
  info.ahead = beyond(numbers, head) + beyond(spilled, spill_head);
  return info;
}

/// For how long handlers are asked to record, from now on.
std::uint64_t wish_ns(const Reader& reader) noexcept {
  const auto& control = reader.view().tap().control;
  const std::uint64_t until = std::max(control.wanted_until.load(std::memory_order_relaxed),
                                       control.payload_until.load(std::memory_order_relaxed));
  const std::uint64_t now = wait::ticks();
  return until > now ? wait::TickRate(reader.header().ticks_per_s).to_ns(until - now) : 0;
}

}  // namespace

void add_recorder(const Reader& reader, Snapshot& out) {
  if (out.bus.file_bytes < out.bus.header.segment_bytes) return;
  const auto& view = reader.view();
  const Bounds bounds(view);
  const auto& tap = view.tap();
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    const auto& ring = view.recorder(i);
    auto info = read_ring(ring.slot, ring.head, tap.spill_head, bounds);
    info.slot = i;
    out.recorder.push_back(info);
  }
  out.recorder.push_back(read_ring(tap.slot, tap.head, tap.spill_head, bounds));
  out.tap_wish_ns = wish_ns(reader);
}

}  // namespace shmbus::inspect
