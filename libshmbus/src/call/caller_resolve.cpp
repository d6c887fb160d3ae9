// How a caller finds the lane to publish into: name -> record -> binding -> endpoint -> lane. The
// fast path is two loads of words that change only when a registration does.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "call/caller_core.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "schema/check.hpp"
#include "session/core.hpp"
#include "trace/serving.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

using layout::BindingWord;
using layout::ControlWord;

namespace {

constexpr std::uint64_t registration_slice_ns = 50'000'000;
constexpr std::uint64_t room_slice_ns = 1'000'000;
constexpr std::uint64_t lane_slice_ns = 500'000;
// A full lane that has one free cell will have more in a moment. To look for each of them takes the
// handler's line away from it each time, which slows down both.
constexpr std::uint64_t gather_ns = 2'000;
constexpr std::uint64_t look_interval_ns = 200;

}  // namespace

Result<LeasedLane*> CallerCore::lane_for_publish(Deadline& deadline) noexcept {
  for (bool waited = false;; waited = true) {
    // Who waited in vain looks whatever the endpoint says of itself: its owner may have died before
    // it could be called vacant.
    if (waited || !resolved_and_owned()) [[unlikely]] {
      const auto lane = resolve(deadline);
      if (!lane) return lane;
    }
    if (lane_->lane.has_room()) [[likely]]
      return lane_.get();
    // The name may move while we wait: then there is a new lane to be found.
    if (auto room = wait_for_room(*lane_, deadline); !room) {
      return tl::unexpected<Error>(room.error());
    }
    if (resolved_and_owned() && lane_->lane.has_room()) [[likely]]
      return lane_.get();
  }
}

/// Where commands for the name go now: to the owner that serves it, or, for a caller that waits for
/// one, to the endpoint where the next owner of the name is expected. None: there is nowhere to go.
std::optional<CallerCore::Destination> CallerCore::destination() noexcept {
  const auto& view = bus().view;
  if (!record_) record_ = names::find(view, name_);
  if (!record_) return std::nullopt;
  const names::Members members = names::load_members(view, *record_);
  if (members.routed()) return routed_destination(members);
  const BindingWord binding = members.word[0];
  if (!binding.bound() || binding.endpoint() >= view.capacities().endpoints) return std::nullopt;
  recovery::recover_endpoint(bus(), binding.endpoint());  // when its owner is found dead
  // SYNC endpoint.control
  const ControlWord control{
      view.endpoint(binding.endpoint()).control.control.load(std::memory_order_acquire)};
  const bool queue_up = !control.active() && options_.when_vacant == WhenVacant::wait;
  if (!queue_up && !binding.served_under(control)) return std::nullopt;
  return Destination{binding, binding.bits};
}

Result<LeasedLane*> CallerCore::resolve(Deadline& deadline) noexcept {
  const LeasedLane* const before = lane_.get();
  auto lane = look_up(deadline);
  const bool moved = lane_.get() != before;
  if (sends_again_) {
    left_ = left_ || moved;
  } else if (left_ || moved) {
    begin_era();
  }
  // Of a new era, should the next command be a new one.
  if (left_) binding_ = ~std::uint64_t{0};
  return lane;
}

Result<LeasedLane*> CallerCore::look_up(Deadline& deadline) noexcept {
  if (balanced_ && binding_word_->load(std::memory_order_acquire) == balance_->seen()) {
    const auto lane = least_busy(deadline);  // SYNC names.binding
    if (!lane || *lane != nullptr) return lane;
  }
  for (;;) {
    if (!bus().intact()) return unusable();
    if (const auto to = destination()) {
      routed_ = to->routed;
      balanced_ = false;
      binding_word_ = &bus().view.name(*record_).binding;
      led_to_ = to->seen;
      read_policy();
      if (auto same = check_types(*to); !same) return tl::unexpected<Error>(same.error());
      if (to->balanced) {
        binding_ = ~std::uint64_t{0};  // no binding: every command comes here
        const auto lane = spread_over(deadline);
        if (!lane || *lane != nullptr) return lane;
        continue;
      }
      auto lane = lane_to(to->word.endpoint(), deadline);
      if (!lane) return tl::unexpected<Error>(lane.error());
      if (*lane == nullptr) continue;
      if (auto settled = settle_into(std::move(*lane), to->routed, deadline); !settled) {
        return tl::unexpected<Error>(settled.error());
      }
      binding_ = to->seen;
      return lane_.get();
    }
    if (options_.when_vacant == WhenVacant::fail) return not_registered();
    if (!enclosing_wanted()) return cancelled_error();
    if (auto waited = wait_for_owner(deadline); !waited) {
      return tl::unexpected<Error>(waited.error());
    }
  }
}

Result<void> CallerCore::check_types() noexcept {
  if (schema_.text.empty()) return {};
  const auto to = destination();
  return to ? check_types(*to) : Result<void>{};
}

/// Once for each owner of the name, and never on the way of a call whose lane is at hand.
Result<void> CallerCore::check_types(const Destination& to) const noexcept {
  if (schema_.text.empty()) return {};
  if (to.routed) return check_routed_types();
  const BindingWord binding = to.word;
  const ControlWord control{
      bus()
          .view.endpoint(binding.endpoint())
          .control.control.load(std::memory_order_acquire)};  // SYNC endpoint.control
  if (!binding.served_under(control)) return {};  // the next owner's types are what counts
  schema::Registered theirs;
  schema::read(bus().view, *record_, binding, theirs);
  return schema::check(name_.text, theirs, schema_);
}

/// Waits for one when there is none and this caller waits for room. Null: look again where the name
/// leads, since it may have moved meanwhile.
Result<std::shared_ptr<LeasedLane>> CallerCore::lane_to(std::uint32_t endpoint,
                                                        Deadline& deadline) noexcept {
  auto lane = port_->lane_to(endpoint);
  if (lane || lane.error().kind != ErrorKind::limit_reached) return lane;
  // The lane that is missing may be the one where the name led before, kept by commands that no
  // handler will take there.
  if (!routed_ && withdraw_if_moved()) {
    lane = port_->lane_to(endpoint);
    if (lane || lane.error().kind != ErrorKind::limit_reached) return lane;
  }
  if (options_.when_full == WhenFull::fail || deadline.over(wait::ticks())) return lane;
  if (!enclosing_wanted()) return cancelled_error();
  // Nobody tells when another thread lets go of one, or an owner has finished with it.
  wait::pause_for(std::min(deadline.left_ns(wait::ticks()), lane_slice_ns));
  return std::shared_ptr<LeasedLane>();
}

/// What was asked of the old lane is asked of the new one.
Result<void> CallerCore::settle_into(std::shared_ptr<LeasedLane> lane, bool routed,
                                     Deadline& deadline) noexcept {
  const bool moved = lane_ != lane;
  if (moved && lane_ != nullptr && !lane_->retired) {
    // The name lives elsewhere. What its former owner has not started would otherwise wait where
    // nobody runs it, or be run after what is sent from now on, should the name come back there.
    // If both serve it, the former one goes on with what it has, and what is sent from now on waits
    // for that.
    if (!routed) {
      port_->withdraw(*lane_, *record_);
    } else if (auto drained = drain(*lane_, deadline); !drained) {
      return drained;
    }
  }
  lane_ = std::move(lane);
  adopt_lane();
  if (moved && bridge_) {
    bridge_->signal();  // whatever the old lane held, look
    bridge_->move_to(lane_->lane.head().events.count);
  }
  return {};
}

bool CallerCore::leads_to(const LeasedLane& lane) const noexcept {
  const std::uint32_t endpoint = lane.lane.endpoint_index();
  if (routed_) return names::load_members(bus().view, *record_).place_of(endpoint).has_value();
  const BindingWord binding{
      bus().view.name(*record_).binding.load(std::memory_order_acquire)};  // SYNC names.binding
  return binding.bound() && binding.endpoint() == endpoint;
}

/// What waits where the name does not lead any more is withdrawn: nobody would run it, its caller
/// gets an error, and what it holds comes back. True when the name has moved.
bool CallerCore::withdraw_if_moved() noexcept {
  // A retired lane may be somebody else's by now.
  if (lane_ == nullptr || lane_->retired || leads_to(*lane_)) return false;
  port_->withdraw(*lane_, *record_);
  return true;
}

void CallerCore::adopt_lane() noexcept {
  choose_path();
  if (on_lost_ == nullptr) return;
  lane_->on_lost = on_lost_;
  lane_->on_lost_user = on_lost_user_;
}

tl::unexpected<Error> CallerCore::not_registered() const noexcept {
  if (!bus().guard->was_intact()) return unusable();
  Error error{ErrorKind::not_registered, 0, 0, {}};
  if (record_ && names::is_event(bus().view, *record_)) {
    error.message.append("'").append(name_.text).append("' is an event: subscribe to it");
    return tl::unexpected<Error>(error);
  }
  if (options_.when_vacant == WhenVacant::wait) {
    error.message.append("no handler came for '").append(name_.text).append("' on ");
    error.message.append(port_->bus().path());
    error.message.append(" in time: it was not run; start one, or wait longer");
  } else {
    error.message.append("no live handler is registered for '").append(name_.text).append("' on ");
    error.message.append(port_->bus().path());
    error.message.append("; start it, or ask to wait (WhenVacant::wait, wait_until_available)");
  }
  return tl::unexpected<Error>(error);
}

/// Sleeps until some registration changes, in slices, since the news may be lost.
Result<void> CallerCore::wait_for_owner(Deadline& deadline) noexcept {
  auto& registrations = bus().view.bus_events().registrations;
  const std::uint32_t seen = registrations.load(std::memory_order_acquire);  // SYNC wait.event
  if (destination()) return {};
  const std::uint64_t left = deadline.left_ns(wait::ticks());
  if (left == 0) return not_registered();
  wait::futex_wait(registrations, seen, std::min(left, registration_slice_ns));
  return {};
}

/// Every cell holds a call whose end this thread has not read: whatever the handler does, none of
/// them comes back while we wait.
tl::unexpected<Error> CallerCore::only_unread(const LeasedLane& lane) noexcept {
  Error error{ErrorKind::overloaded, ENOBUFS, 0, {}};
  error.message.append("this thread has ")
      .append(lane.lane.calls())
      .append(" calls under way to this handler, as many as there are cells for, ")
      .append(lane.lane.unread())
      .append(
          " of them answered: wait() for some of them first, or create the bus with larger "
          "capacities.cells_per_lane");
  return tl::unexpected<Error>(error);
}

tl::unexpected<Error> CallerCore::no_room(const LeasedLane& lane) noexcept {
  Error error{ErrorKind::overloaded, ENOBUFS, 0, {}};
  if (lane.lane.free_cells() != 0) {
    error.message =
        "the handler is behind: its inbox is full (capacities.inbox_slots), with commands of all "
        "its callers; send more slowly, or wait longer";
  } else {
    error.message.append(
        "the handler is behind: all cells of this lane hold commands that it has "
        "not finished, or replies that nobody read (");
    error.message.append(lane.lane.unread())
        .append(" of ")
        .append(lane.lane.cells())
        .append("; capacities.cells_per_lane)");
  }
  return tl::unexpected<Error>(error);
}

/// The lane is full: take back what is finished, wait for more when the caller may wait. Ok also
/// when nobody will make room here any more, since the name lives elsewhere or nowhere.
Result<void> CallerCore::wait_for_room(LeasedLane& lane, Deadline& deadline) noexcept {
  const std::uint64_t began = wait::ticks();
  const std::uint64_t spin_for = bus().rate.from_ns(wait::spin_max_ns);
  const std::uint64_t gather_for = bus().rate.from_ns(gather_ns);
  const std::uint64_t look_again_in = bus().rate.from_ns(look_interval_ns);
  lane.lane.notify();
  for (;;) {
    port_->collect(lane);
    if (!bus().intact()) return unusable();
    const std::uint64_t now = wait::ticks();
    const bool enough =
        lane.lane.free_cells() >= lane.lane.cells() / 4 || now - began >= gather_for;
    if (lane.lane.has_room() && (enough || options_.when_full == WhenFull::fail)) return {};
    if (lane.lane.free_cells() == 0 && !lane.lane.has_uncollected()) return only_unread(lane);
    if (options_.when_full == WhenFull::fail || deadline.over(now)) return no_room(lane);
    if (!enclosing_wanted()) return cancelled_error();
    if (serves_now(bus(), lane.lane.endpoint_index())) return in_circle();
    if (now - began < spin_for) {
      const std::uint64_t look_at = now + look_again_in;
      while (wait::ticks() < look_at) wait::cpu_relax();
      continue;
    }
    // Nothing will wake us for a one-way command that has finished: sleep briefly and look again.
    lane.lane.notify();
    if (!check_owner(lane) || withdraw_if_moved()) return {};
    auto& events = lane.lane.head().events.count;
    const std::uint32_t seen = events.load(std::memory_order_acquire);  // SYNC wait.event
    wait::futex_wait(events, seen, std::min(deadline.left_ns(now), room_slice_ns));
  }
}

/// Global order: others took the last slots of the inbox between our look and our ticket. The
/// command is committed; what it lacks is its place in the order, which it gets as soon as the
/// owner has taken a ticket. When the deadline comes first, the owner's sweep finds the command,
/// and the next command's ticket speaks for it too. False when it was taken back: nobody serves
/// there any more, and what has no place is not to be run by a later owner.
bool CallerCore::wait_for_turn(LeasedLane& lane, lane::Ticket ticket, Deadline& deadline) noexcept {
  const std::uint64_t began = wait::ticks();
  const std::uint64_t spin_for = bus().rate.from_ns(wait::spin_max_ns);
  while (!lane.lane.post_ticket()) {
    const std::uint64_t now = wait::ticks();
    if (options_.when_full == WhenFull::fail || deadline.over(now)) return true;
    if (now - began < spin_for) {
      wait::cpu_relax();
      continue;
    }
    lane.lane.notify();
    if (!check_owner(lane) || !leads_to(lane)) return !lane.lane.take_back(ticket);
    wait::pause_for(std::min(deadline.left_ns(now), room_slice_ns));
  }
  return true;
}

}  // namespace shmbus::detail
