#include "words/members.hpp"

#include <algorithm>

#include "base/testpoint.hpp"
#include "os/futex.hpp"
#include "shmbus/command.hpp"
#include "words/bell.hpp"
#include "words/directory.hpp"

namespace shmbus::names {

using layout::BindingWord;
using layout::ControlWord;
using layout::RouteWord;

namespace {

constexpr int load_tries = 4;
constexpr int route_tries = 64;  // each lost to somebody else's change

/// The route without a place that is about to be cleared. What was promoted and has gone leaves
/// the name to its binding.
RouteWord without(RouteWord route, Place place, std::uint32_t from) noexcept {
  if (place == 0) return route;
  if (route.stable() == place) {
    return RouteWord::make(0, 0, RouteWord::Rule::nobody, 0, from, false);
  }
  if (route.canary() != place) return route;
  return RouteWord::make(route.stable(), 0, RouteWord::Rule::nobody, 0, from, false);
}

}  // namespace

bool is_event(const segment::View& view, std::uint32_t record) noexcept {
  // SYNC names.binding
  return BindingWord{view.name(record).binding.load(std::memory_order_acquire)}.is_event();
}

bool Members::routed() const noexcept {
  if (word[0].has(BindingWord::group)) return true;
  return std::any_of(word.begin() + 1, word.end(), [](BindingWord w) { return w.bound(); });
}

bool Members::group() const noexcept {
  return std::any_of(word.begin(), word.end(),
                     [](BindingWord w) { return w.bound() && w.has(BindingWord::group); });
}

std::optional<Place> Members::place_of(std::uint32_t endpoint) const noexcept {
  for (Place place = 0; place < places; ++place) {
    if (word[place].bound() && word[place].endpoint() == endpoint) return place;
  }
  return std::nullopt;
}

std::optional<Place> Members::free_place() const noexcept {
  for (Place place = 1; place < places; ++place) {
    if (!word[place].bound() && route.canary() != place && route.stable() != place) return place;
  }
  return std::nullopt;
}

std::optional<Place> Members::canary() const noexcept {
  if (route.canary() >= places || (route.canary() == 0 && !route.promoted())) return std::nullopt;
  return route.canary();
}

Members load_members(const segment::View& view, std::uint32_t record) noexcept {
  Members all;
  const auto load = [&](Place place) -> BindingWord {
    // SYNC names.binding: what the registrant set up is visible with it.
    return {place_word(view, record, place).load(std::memory_order_acquire)};
  };
  for (int tries = 0; tries < load_tries; ++tries) {
    const BindingWord first = load(0);
    for (Place place = 0; place < places; ++place) {
      all.word[place] = place == 0 ? first : load(place);
      if (all.word[place].bound() && all.word[place].endpoint() >= view.capacities().endpoints) {
        all.word[place] = all.word[place].cleared();
      }
    }
    all.route = {view.name(record).route.load(std::memory_order_acquire)};  // SYNC names.route
    // A word that moves to the binding stands there before it leaves its place: who saw it in
    // neither sees a binding that has changed.
    if (load(0).bits == first.bits) break;
  }
  return all;
}

layout::Word64& place_word(const segment::View& view, std::uint32_t record, Place place) noexcept {
  auto& name = view.name(record);
  return place == 0 ? name.binding : name.members[place - 1];
}

bool move_place(const segment::View& view, std::uint32_t record, Place place, BindingWord seen,
                BindingWord next) noexcept {
  // SYNC names.binding
  return place_word(view, record, place)
      .compare_exchange_strong(seen.bits, next.bits, std::memory_order_acq_rel,
                               std::memory_order_relaxed);
}

bool move_route(const segment::View& view, std::uint32_t record, RouteWord seen,
                RouteWord next) noexcept {
  // SYNC names.route
  return view.name(record).route.compare_exchange_strong(
      seen.bits, next.bits, std::memory_order_acq_rel, std::memory_order_relaxed);
}

ControlWord control_of(const segment::View& view, std::uint32_t endpoint) noexcept {
  // SYNC endpoint.control
  return {view.endpoint(endpoint).control.control.load(std::memory_order_acquire)};
}

bool served(const segment::View& view, BindingWord word) noexcept {
  if (!word.bound() || word.endpoint() >= view.capacities().endpoints) return false;
  return word.served_under(control_of(view, word.endpoint()));
}

bool takes(const segment::View& view, BindingWord word) noexcept {
  return !word.has(BindingWord::leaving) && served(view, word);
}

std::optional<Place> taking_place(const segment::View& view, const Members& members) noexcept {
  if (!members.group()) {
    const Place stable = members.route.stable();
    if (stable < places && takes(view, members.word[stable])) return stable;
    if (takes(view, members.word[0])) return 0;
    return std::nullopt;
  }
  const auto canary = members.canary();
  for (Place place = 0; place < places; ++place) {
    if (place != canary && takes(view, members.word[place])) return place;
  }
  // Nobody else is left: better the canary than nobody.
  if (canary && takes(view, members.word[*canary])) return canary;
  return std::nullopt;
}

bool awaits_adoption(const segment::View& view, const Members& members,
                     std::uint32_t endpoint) noexcept {
  const auto place = members.place_of(endpoint);
  if (!place) return false;
  if (*place == 0 && !members.word[0].has(BindingWord::group)) return false;
  return std::any_of(members.word.begin(), members.word.end(),
                     [&](BindingWord word) { return takes(view, word); });
}

bool takes_elsewhere(const segment::View& view, std::uint32_t record) noexcept {
  const Members members = load_members(view, record);
  return std::any_of(members.word.begin(), members.word.end(),
                     [&](BindingWord word) { return takes(view, word); });
}

void announce(const segment::View& view, std::uint32_t record) noexcept {
  // SYNC names.binding: the process that sees the new gen sees what stands in the places and the
  // route.
  view.name(record).binding.fetch_add(BindingWord::step, std::memory_order_acq_rel);
  wait::bump_and_wake(view.bus_events().registrations);
}

bool clear_place(const segment::View& view, std::uint32_t record, Place place,
                 BindingWord seen) noexcept {
  for (int tries = 0; tries < route_tries; ++tries) {
    // SYNC names.route
    const RouteWord route{view.name(record).route.load(std::memory_order_acquire)};
    const auto from = view.name(record).binding.load(std::memory_order_acquire) >> 48U;
    const RouteWord next = without(route, place, static_cast<std::uint32_t>(from));
    if (route.bits == next.bits || move_route(view, record, route, next)) break;
  }
  SHMBUS_TESTPOINT("member.unrouted");
  return move_place(view, record, place, seen, seen.cleared());
}

bool anything_queued(const segment::View& view, std::uint32_t endpoint) noexcept {
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const auto word = lane::load_word(view, lane);
    if (word.in_use() && word.endpoint() == endpoint && lane::has_queued(view, lane)) return true;
  }
  return false;
}

void wake_fellows(const segment::View& view, std::uint32_t endpoint) noexcept {
  for (std::uint32_t record = 0; record < view.capacities().names; ++record) {
    // SYNC names.lease
    if (view.name(record).lease.load(std::memory_order_acquire) == 0) continue;
    const Members members = load_members(view, record);
    if (!members.routed() || !members.place_of(endpoint)) continue;
    for (const BindingWord word : members.word) {
      if (!word.bound() || word.endpoint() == endpoint) continue;
      wait::bump_and_wake(view.endpoint(word.endpoint()).events.count);
    }
  }
}

std::uint32_t label_hash(std::string_view label) noexcept {
  return static_cast<std::uint32_t>(shmbus::detail::hash_name(label) >> 32U);
}

}  // namespace shmbus::names
