// Registering a name together with others: joining a group, or standing beside an owner on trial.
//
// Every member has an endpoint of its own for the name, to which no other name leads. So whoever
// takes it over after a death runs all that waits there, and what its lanes hold is the load of
// this name alone.
//
//   take a vacant endpoint ──► put its word into a free place ──► (canary: the route) ──► announce
//
// A kill between the steps leaves an endpoint to recover and a word that names a dead owner, which
// its fellows clear.
#include "base/testpoint.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/live_place.hpp"
#include "recovery/participant.hpp"
#include "schema/check.hpp"
#include "serve/server_core.hpp"
#include "words/members.hpp"
#include "words/store.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::RouteWord;
using names::Members;
using names::Place;
using serve::OwnedEndpoint;

namespace {

tl::unexpected<Error> not_shared(const segment::View& view, std::uint32_t record) noexcept {
  Error error{ErrorKind::already_registered, 0, 0, {}};
  error.message.append("'")
      .append(names::text_of(view, record).view())
      .append(
          "' has an owner that does not share it: only a name that was registered with "
          "Sharing::group can be joined");
  return tl::unexpected<Error>(error);
}

/// No other name leads to that endpoint.
bool leads_alone(const segment::View& view, std::uint32_t record, std::uint32_t endpoint) noexcept {
  for (std::uint32_t other = 0; other < view.capacities().names; ++other) {
    // SYNC names.lease
    if (other == record || view.name(other).lease.load(std::memory_order_acquire) == 0) continue;
    if (names::load_members(view, other).place_of(endpoint)) return false;
  }
  return true;
}

tl::unexpected<Error> too_many_members() noexcept {
  return fail(ErrorKind::limit_reached, "this name has 8 members already, which is the most");
}

}  // namespace

/// Compares with what the endpoints that are there registered; the words of a half-written one are
/// none.
Result<void> ServerCore::check_fellows(std::uint32_t record, const Members& members,
                                       const Schema& schema) const {
  if (schema.text.empty()) return {};
  const auto theirs = std::make_unique<schema::Registered>();
  for (const BindingWord word : members.word) {
    if (!names::takes(bus_->view(), word)) continue;
    schema::read(bus_->view(), record, word, *theirs);
    if (theirs->known == schema::Known::nothing) continue;
    return schema::check(names::text_of(bus_->view(), record).view(), *theirs, schema);
  }
  return {};
}

/// An endpoint for this name alone: where commands for it wait, if there is such a one, else any.
Result<OwnedEndpoint*> ServerCore::shared_endpoint(std::uint32_t record,
                                                   std::optional<std::uint32_t> preferred) {
  std::unique_ptr<OwnedEndpoint> taken;
  shared_endpoints_.reserve(shared_endpoints_.size() + 1);
  if (preferred) taken = acquire(*preferred);
  for (int round = 0; round < 2 && !taken; ++round) {
    taken = acquire_vacant();
    if (!taken && round == 0) recovery::reclaim_all(attachment());
  }
  if (!taken) return no_endpoint();
  SHMBUS_TESTPOINT("member.endpoint");
  shared_endpoints_.push_back({record, taken->index()});
  return keep(std::move(taken));
}

/// True when the name has an endpoint of ours, false when the world moved: look again.
Result<bool> ServerCore::try_join(std::uint32_t record, const Schema& schema, Sharing sharing) {
  const auto& view = bus_->view();
  const Members members = names::load_members(view, record);
  const auto live = names::live_place(attachment(), members);
  if (sharing == Sharing::canary) return try_stand_beside(record, members, live, schema);
  if (!live) return try_found(record, members, schema);
  if (!members.word[*live].has(BindingWord::group)) return not_shared(view, record);
  if (auto same = check_fellows(record, members, schema); !same) {
    return tl::unexpected<Error>(same.error());
  }
  const auto place = put_in_place(record, members, BindingWord::group);
  if (!place) return tl::unexpected<Error>(place.error());
  names::announce(view, record);
  SHMBUS_TESTPOINT("member.announced");
  return true;
}

/// The first of a group takes the binding.
Result<bool> ServerCore::try_found(std::uint32_t record, const Members& members,
                                   const Schema& schema) {
  const auto& view = bus_->view();
  const BindingWord seen{
      names::place_word(view, record, 0).load(std::memory_order_acquire)};  // SYNC names.binding
  if (seen.is_event()) return is_event(record);
  if (seen.bits != members.word[0].bits && members.word[0].bound()) return false;
  std::optional<std::uint32_t> preferred;
  // An endpoint that other names lead to is not for a group: what waits there is their successor's.
  if (members.word[0].bound() &&
      (seen.has(BindingWord::group) || leads_alone(view, record, seen.endpoint()))) {
    preferred = seen.endpoint();
  }
  auto held = shared_endpoint(record, preferred);
  if (!held) return tl::unexpected<Error>(held.error());
  const auto next = seen.followed_by((*held)->gen(), (*held)->index(), BindingWord::group);
  schema::publish(view, record, schema, next);
  SHMBUS_TESTPOINT("member.found");
  if (!names::move_place(view, record, 0, seen, next)) {
    give_back((*held)->index());
    return false;
  }
  if (!schema::is_published(view, record, next)) schema::publish(view, record, schema, next);
  return true;
}

/// Takes an endpoint and writes it into a free place.
Result<names::Place> ServerCore::put_in_place(std::uint32_t record, const Members& first,
                                              std::uint32_t flags) {
  const auto& view = bus_->view();
  if (!first.free_place()) return too_many_members();
  auto held = shared_endpoint(record, std::nullopt);
  if (!held) return tl::unexpected<Error>(held.error());
  for (Members now = first;; now = names::load_members(view, record)) {
    const auto place = now.free_place();
    if (!place) {
      give_back((*held)->index());
      return too_many_members();
    }
    // load_members() shows a word that leads nowhere as none: what stands there is what counts.
    const BindingWord seen{names::place_word(view, record, *place)
                               .load(std::memory_order_acquire)};  // SYNC names.binding
    if (seen.bound() && seen.endpoint() < view.capacities().endpoints) continue;
    const auto next = seen.followed_by((*held)->gen(), (*held)->index(), flags);
    if (!names::move_place(view, record, *place, seen, next)) continue;
    SHMBUS_TESTPOINT("member.joined");
    return *place;
  }
}

Result<bool> ServerCore::try_stand_beside(std::uint32_t record, const Members& members,
                                          std::optional<names::Place> live, const Schema& schema) {
  const auto& view = bus_->view();
  if (!live) {
    return fail(ErrorKind::not_registered,
                "a canary stands beside the owner of its name, and this name has none: register "
                "it without Sharing::canary");
  }
  if (const auto there = members.canary(); there && names::takes(view, members.word[*there])) {
    const auto control = names::control_of(view, members.word[*there].endpoint());
    return already_registered(record, control);
  }
  if (auto same = check_fellows(record, members, schema); !same) {
    return tl::unexpected<Error>(same.error());
  }
  // Its place is said to be on trial before it is taken, so that nobody takes it for a full member.
  Place place = names::places;
  if (const auto there = members.canary(); there && !members.word[*there].bound()) place = *there;
  if (place == names::places) place = members.free_place().value_or(names::places);
  if (place == names::places) return too_many_members();
  auto held = shared_endpoint(record, std::nullopt);
  if (!held) return tl::unexpected<Error>(held.error());
  const auto next = RouteWord::make(members.group() ? 0 : *live, place, RouteWord::Rule::nobody, 0,
                                    members.word[0].gen(), false);
  const BindingWord seen{names::place_word(view, record, place)
                             .load(std::memory_order_acquire)};  // SYNC names.binding
  const auto word = seen.followed_by((*held)->gen(), (*held)->index(),
                                     members.word[*live].flags() & BindingWord::group);
  const bool routed = names::move_route(view, record, members.route, next);
  if (routed) SHMBUS_TESTPOINT("member.routed");
  if (!routed || names::served(view, seen) || !names::move_place(view, record, place, seen, word)) {
    give_back((*held)->index());  // another canary, or the route command, was there first
    return false;
  }
  SHMBUS_TESTPOINT("member.joined");
  names::announce(view, record);
  return true;
}

}  // namespace shmbus::detail
