// Names that several endpoints serve: groups, and a canary beside its elder.
//
// A name has eight places for endpoints: place 0 is its binding, places 1 to 7 are member words.
// Each is one BindingWord, moved by CAS from exactly what was seen. Nothing that stands there is
// believed by itself: a word counts while the owner of its endpoint is the one that it names, and a
// stale one is nobody's until somebody who serves the name has run what is queued there and clears
// it.
//
//   none ──joins──► {owner, endpoint} ──leaves──► the same, leaving ──drained──► none
//   {dead owner, endpoint} ──a member that took the endpoint──► {member, endpoint, leaving}
//
// Callers compare the binding alone. A change of places or of the route bumps its gen, which
// sends them to look at all of it: a name without members costs them nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "attach/attachment.hpp"
#include "layout/name_words.hpp"
#include "layout/names.hpp"
#include "layout/words.hpp"
#include "segment/view.hpp"

namespace shmbus::names {

inline constexpr std::uint32_t places = layout::members_max + 1;
using Place = std::uint32_t;

/// Loaded once, binding first: who sees a bumped binding sees what was announced by it.
struct Members {
  std::array<layout::BindingWord, places> word;
  layout::RouteWord route;

  /// Callers must look further than the binding.
  [[nodiscard]] bool routed() const noexcept;
  [[nodiscard]] bool group() const noexcept;
  /// Where the endpoint of an endpoint stands. None: nobody will run what waits there for this
  /// name.
  [[nodiscard]] std::optional<Place> place_of(std::uint32_t endpoint) const noexcept;
  [[nodiscard]] std::optional<Place> free_place() const noexcept;
  /// The place on trial, or of a promoted route the one that was stable before.
  [[nodiscard]] std::optional<Place> canary() const noexcept;
};

Members load_members(const segment::View& view, std::uint32_t record) noexcept;
/// The name is that of an event: no command can have it.
bool is_event(const segment::View& view, std::uint32_t record) noexcept;
layout::Word64& place_word(const segment::View& view, std::uint32_t record, Place place) noexcept;
bool move_place(const segment::View& view, std::uint32_t record, Place place,
                layout::BindingWord seen, layout::BindingWord next) noexcept;
bool move_route(const segment::View& view, std::uint32_t record, layout::RouteWord seen,
                layout::RouteWord next) noexcept;

layout::ControlWord control_of(const segment::View& view, std::uint32_t endpoint) noexcept;
/// The owner that the word names sits there.
bool served(const segment::View& view, layout::BindingWord word) noexcept;
/// The same, and it takes new commands.
bool takes(const segment::View& view, layout::BindingWord word) noexcept;
/// The place of an endpoint that takes commands; of a group any but the canary's, else the stable
/// one's, or when that has gone the binding's. Does not ask the kernel.
std::optional<Place> taking_place(const segment::View& view, const Members& members) noexcept;
/// What is queued at an endpoint without owner will be run: one of the name's members takes it
/// over.
bool awaits_adoption(const segment::View& view, const Members& members,
                     std::uint32_t endpoint) noexcept;

/// Some endpoint of the name takes commands; does not ask the kernel.
bool takes_elsewhere(const segment::View& view, std::uint32_t record) noexcept;

/// Sends the callers of the name to look again.
void announce(const segment::View& view, std::uint32_t record) noexcept;
/// Clears a place, and before that whatever the route says of it.
bool clear_place(const segment::View& view, std::uint32_t record, Place place,
                 layout::BindingWord seen) noexcept;
/// Something unstarted waits in some lane of the endpoint.
bool anything_queued(const segment::View& view, std::uint32_t endpoint) noexcept;
/// The endpoint lost its owner: wakes those who serve the same names, to take it over. A hint: they
/// look now and then by themselves.
void wake_fellows(const segment::View& view, std::uint32_t endpoint) noexcept;

/// What a route of the kind "label" compares.
std::uint32_t label_hash(std::string_view label) noexcept;

}  // namespace shmbus::names
