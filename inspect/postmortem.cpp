#include "inspect/postmortem.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "layout/text.hpp"
#include "words/directory.hpp"
#include "words/extents.hpp"
#include "words/journal.hpp"
#include "words/request.hpp"

namespace shmbus::inspect {
namespace {

using layout::CellWord;
using layout::ControlWord;
using layout::LaneWord;
using layout::ParticipantId;
using recorder::Event;
using recorder::Kind;

bool about_participant(Kind kind) noexcept {
  return kind == Kind::joined || kind == Kind::left || kind == Kind::died;
}

/// By participant: the holders of slots, and those that an event says have come or gone.
using Known = std::map<std::uint32_t, Deceased>;

void add_slots(const Reader& reader, Known& known) {
  for (std::uint32_t i = 0; i < reader.view().capacities().participants; ++i) {
    const auto& slot = reader.view().participant(i);
    // SYNC slot.alive
    const layout::ParticipantWord word{slot.state.load(std::memory_order_acquire)};
    if (word.state() == layout::ParticipantState::free) continue;
    layout::TextBuffer<8> buffer{};
    Deceased one;
    one.party = ParticipantId::make(i, word.epoch());
    one.pid = slot.pid.load(std::memory_order_relaxed);
    one.uid = slot.uid.load(std::memory_order_relaxed);
    one.label = layout::load_text(slot.label, buffer);
    one.alive = reader.alive(i);
    known.emplace(one.party.bits, std::move(one));
  }
}

void add_identity(const Event& event, bool in_slot, Known& known) {
  recorder::Identity identity;
  std::memcpy(&identity, event.excerpt.data(), sizeof identity);
  auto& one = known[event.handler.bits];
  one.party = event.handler;
  one.pid = identity.pid;
  one.uid = identity.uid;
  one.label =
      std::string(identity.label.data(), ::strnlen(identity.label.data(), identity.label.size()));
  one.reclaimed = !in_slot;
  if (event.kind == Kind::joined) return;
  one.left = event.kind == Kind::left;
  one.found_at_ticks = event.started_at;
  one.found_by = event.caller;
}

std::vector<std::byte> start_of(const segment::View& view, const lane::CellWords& words,
                                ParticipantId caller) {
  const auto head = lane::RequestHead::unpack(words[1]);
  if (head.has(layout::cell_flags::request_window)) return {};
  std::size_t size = std::min<std::size_t>(head.bytes, layout::event_excerpt_bytes);
  const auto* from = reinterpret_cast<const std::byte*>(words.data());
  if (head.has(layout::cell_flags::request_block)) {
    from = payload::resolve(view, {static_cast<std::uint32_t>(words[3]), head.bytes}, caller);
    if (from == nullptr) return {};
  } else {
    const std::size_t at =
        head.names_block() ? lane::inline_beside_block_offset : lane::inline_offset;
    from += at;
    size = std::min(size, sizeof words - at);
  }
  return {from, from + size};
}

void add_left_behind(const segment::View& view, std::uint32_t endpoint, std::uint32_t gen,
                     std::vector<LeftBehind>& out) {
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const LaneWord word = lane::load_word(view, lane);
    if (!word.in_use() || word.endpoint() != endpoint || word.served() != gen) continue;
    const auto cursor = lane::effective_cursor(view.lane(lane)).seq();
    const auto done = lane::effective_done(view.lane(lane));
    for (const auto& cell : view.cells(lane)) {
      const CellWord seen{cell.word[0].load(std::memory_order_acquire)};  // SYNC lane.publish
      if (!lane::started_unanswered(seen, cursor, done)) continue;
      lane::CellWords words;
      lane::copy_cell(words, cell, seen.bits);
      out.push_back({seen.code(), lane, seen.seq(), word.party(),
                     lane::RequestHead::unpack(words[1]).bytes, start_of(view, words, word.party()),
                     seen.phase() == layout::Phase::send});
    }
  }
}

void add_left_behind(const segment::View& view, Deceased& one) {
  for (std::uint32_t i = 0; i < view.capacities().endpoints; ++i) {
    const ControlWord control{
        view.endpoint(i).control.control.load(std::memory_order_acquire)};  // SYNC endpoint.control
    if (control.active() && control.holder() == one.party) {
      add_left_behind(view, i, control.gen(), one.left_behind);
    }
  }
}

/// Whose story an event belongs to.
ParticipantId subject_of(const Event& event) noexcept {
  const bool callers = event.kind == Kind::gave_up || event.kind == Kind::caller_span;
  return callers ? event.caller : event.handler;
}

}  // namespace

std::vector<Deceased> postmortems(const Reader& reader, std::uint32_t pid) {
  const auto& view = reader.view();
  Known known;
  add_slots(reader, known);
  const auto in_slot = [&, slots = known](ParticipantId party) {
    return slots.count(party.bits) != 0;
  };
  std::vector<recorder::RingCopy> rings;
  for (std::uint32_t i = 0; i < view.capacities().participants; ++i) {
    rings.push_back(recorder::read_ring(view, i));
    for (const auto& one : rings.back().events) {
      const ParticipantId who = one.event.handler;
      if (!about_participant(one.event.kind) || who.nobody() || who.index() != i) continue;
      add_identity(one.event, in_slot(who), known);
    }
  }
  std::vector<Deceased> out;
  for (auto& [bits, one] : known) {
    const bool wanted = pid != 0 ? one.pid == pid : !one.alive && !one.left;
    if (!wanted || one.party.index() >= rings.size()) continue;
    const auto& ring = rings[one.party.index()];
    one.unreadable = ring.unreadable;
    for (const auto& recorded : ring.events) {
      if (subject_of(recorded.event) != one.party) continue;
      (recorded.event.kind == Kind::failed_by_recovery ? one.told : one.events)
          .push_back(recorded.event);
    }
    if (!one.alive) add_left_behind(view, one);
    out.push_back(std::move(one));
  }
  std::stable_sort(out.begin(), out.end(), [](const Deceased& a, const Deceased& b) {
    // A death that was not noticed yet is the latest.
    return a.found_at_ticks - 1 < b.found_at_ticks - 1;
  });
  return out;
}

}  // namespace shmbus::inspect
