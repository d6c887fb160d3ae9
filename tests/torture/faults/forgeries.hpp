// What a scribbler aims at beside the words of calls: policies, the flight recorder and the tap,
// members and routes of a name, slots that change hands, publishers and subscribers of events,
// windows of streams. Values that look right and are wrong.
#pragma once

#include <random>

#include "layout/broadcast.hpp"
#include "layout/event_words.hpp"
#include "layout/name_words.hpp"
#include "layout/policy.hpp"
#include "layout/recorder.hpp"
#include "layout/words.hpp"
#include "segment/view.hpp"

namespace shmbus::torture {

class Forger {
 public:
  Forger(const segment::View& view, std::mt19937_64& random) : view_(view), random_(random) {}

  void forge() {
    switch (below(9)) {
      case 8:
        window();
        break;
      case 5:
        broadcast();
        break;
      case 6:
        event();
        break;
      case 7:
        topic();
        break;
      case 0:
        policy();
        break;
      case 1:
        recorder();
        break;
      case 2:
        members();
        break;
      default:
        takeover();
    }
  }

 private:
  using Word = layout::Word64;

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  std::uint32_t index(std::uint32_t limit) { return static_cast<std::uint32_t>(below(limit)); }
  layout::ParticipantId party() {
    return layout::ParticipantId::make(index(view_.capacities().participants + 1), index(4));
  }
  /// Small, huge, or anything.
  std::uint64_t number() {
    switch (below(3)) {
      case 0:
        return below(8);
      case 1:
        return ~below(8);
      default:
        return random_();
    }
  }

  /// Lanes of others and of nobody, shapes that lie elsewhere, bounds and positions out of reach.
  void broadcast() {
    const std::uint32_t lane = index(view_.capacities().broadcasts);
    auto& shared = view_.broadcast(lane);
    auto& reader = shared.readers[below(layout::subscribers_max)];
    switch (below(5)) {
      case 0:
        view_.broadcast_word(lane).store(
            layout::BroadcastWord::make(index(4), party(), index(view_.capacities().names + 1),
                                        static_cast<layout::BroadcastState>(below(7)))
                .bits);
        break;
      case 1:
        (below(2) == 0 ? shared.shape.slots : shared.shape.slot_bytes)
            .store(static_cast<std::uint32_t>(number()));
        shared.shape.first_extent.store(index(view_.capacities().extents + 1));
        break;
      case 2:
        shared.bounds.oldest.store(number());
        break;
      case 3:
        shared.counters.published.store(number());
        shared.bounds.parked.store(index(3));
        break;
      default:
        reader.position.store(below(2) == 0 ? number() : reader.position.load() + below(5) - 2);
    }
  }

  /// Slot and index words, sizes: of other events, or in no slot.
  void event() {
    auto* extents = reinterpret_cast<Word*>(view_.extents());
    const auto& all = view_.capacities();
    const std::uint64_t words = std::uint64_t{all.extents} * all.extent_bytes / sizeof(Word);
    auto& word = extents[below(2) == 0 ? below(words / 8) * 8 : below(words)];
    const layout::EventWord seen{word.load()};
    const std::uint64_t values[] = {
        layout::EventWord::make(seen.seq() + below(3) - 1, seen.slot()).bits,
        layout::EventWord::make(seen.seq(), index(70)).bits, number(), seen.bits ^ (1ULL << 40U)};
    word.store(values[below(4)]);
  }

  /// Counts, park flags and records' words of windows: a little ahead or behind, or out of reach.
  void window() {
    auto* extents = reinterpret_cast<Word*>(view_.extents());
    const auto& all = view_.capacities();
    const std::uint64_t words = std::uint64_t{all.extents} * all.extent_bytes / sizeof(Word);
    auto& word = extents[below(words / 8) * 8];
    const std::uint64_t seen = word.load();
    const std::uint64_t values[] = {seen + 8 * below(9), seen - 8 * below(9), number(),
                                    below(4) << 32U | below(300)};
    word.store(values[below(4)]);
  }

  /// Subscribers that are nobody, or hold everything.
  void topic() {
    auto& shared = view_.topic(index(view_.capacities().names));
    shared.subscribers[below(layout::subscribers_max)].store(
        below(4) == 0
            ? number()
            : layout::SubscriberWord::make(party(), static_cast<layout::SubscriberMode>(below(5)))
                  .bits);
    shared.hints.lanes.store(index(5));
    shared.hints.parked.store(index(3));
  }

  /// Limits that nothing passes or everything does, times far ahead, a setter that never ends.
  void policy() {
    auto& record = view_.policy(index(view_.capacities().names));
    Word* const words[] = {&record.asked.terms,    &record.asked.outstanding,
                           &record.asked.rate,     &record.asked.breaker,
                           &record.live.arrival,   &record.live.circuit,
                           &record.asked.set_by,   &record.asked.set_at_unix_s,
                           &record.live.over_rate, &record.live.opened};
    words[below(10)]->store(number());
    record.asked.changing.store(below(3) == 0 ? number() : party().bits);
    auto& binding = view_.name(index(view_.capacities().names)).binding;
    binding.store(
        layout::BindingWord{binding.load()}.with_next_revision().bits);  // so that callers look
  }

  /// Events of other times, whole ones that say nonsense, rings that have run on, endless taps.
  void recorder() {
    auto& ring = view_.recorder(index(view_.capacities().participants));
    auto& tap = view_.tap();
    switch (below(6)) {
      case 0:
        ring.head.next.store(number());
        break;
      case 1:
        ring.slot[below(layout::recorder_slots)].word[below(16)].store(number());
        break;
      case 2: {  // another's event, checksum included
        auto& to = ring.slot[below(layout::recorder_slots)];
        const auto& from = view_.recorder(0).slot[below(layout::recorder_slots)];
        for (std::size_t i = 0; i < to.word.size(); ++i) to.word[i].store(from.word[i].load());
        break;
      }
      case 3:
        tap.control.wanted_until.store(number());
        tap.control.payload_until.store(number());
        break;
      case 4:
        tap.head.next.store(number());
        tap.spill_head.next.store(number());
        break;
      default:
        tap.slot[below(layout::tap_slots)].word[below(16)].store(number());
        tap.spill[below(tap.spill.size())].store(number());
    }
  }

  /// Slots that nobody has or somebody else has, twice the same, routes to places that are none.
  void members() {
    auto& name = view_.name(index(view_.capacities().names));
    const std::uint32_t endpoints = view_.capacities().endpoints;
    auto& word = name.members[below(layout::members_max)];
    switch (below(4)) {
      case 0:
        word.store(
            layout::BindingWord::make(index(4), index(8), index(endpoints + 2), index(4)).bits);
        break;
      case 1:
        word.store(name.binding.load());
        break;
      case 2:
        name.binding.store(word.load());
        break;
      default:
        name.route.store(layout::RouteWord::make(
                             index(16), index(16), static_cast<layout::RouteWord::Rule>(below(4)),
                             static_cast<std::uint32_t>(random_()),
                             layout::BindingWord{name.binding.load()}.gen() + index(2),
                             below(2) == 0)
                             .bits);
    }
  }

  /// Somebody stands by who does not, slots given away, debts of the dead and of the living.
  void takeover() {
    auto& endpoint = view_.endpoint(index(view_.capacities().endpoints)).control;
    const layout::ControlWord seen{endpoint.control.load()};
    switch (below(4)) {
      case 0:
        endpoint.control.store(seen.with_standby(party()).bits);
        break;
      case 1:
        endpoint.control.store(seen.with_standby(party()).handed_over(index(2)).bits);
        break;
      case 2:
        endpoint.control.store(layout::ControlWord::make(seen.holder(), party(),
                                                         seen.gen() + index(3), index(2),
                                                         layout::EndpointState::active)
                                   .bits);
        break;
      default:
        endpoint.draining.store(below(4) == 0 ? number()
                                              : layout::DrainingWord::make(party(), index(2)).bits);
    }
  }

  const segment::View& view_;
  std::mt19937_64& random_;
};

}  // namespace shmbus::torture
