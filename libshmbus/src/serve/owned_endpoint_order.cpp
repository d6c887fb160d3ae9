// What a new owner does about commands that were queued under the other kind of order.
//
//   per caller ─► global   commands without tickets: each lane runs what it held when its caller
//                          was told of the order, before anything that has a ticket
//   global ─► per caller   the tickets that lie in the inbox are followed first; lanes are served
//                          by themselves when they are done
//
// Both end after a bounded number of commands; until then the endpoint's flags name the former
// order.
#include <algorithm>

#include "base/testpoint.hpp"
#include "layout/text.hpp"
#include "os/fence.hpp"
#include "serve/owned_endpoint.hpp"
#include "words/directory.hpp"

namespace shmbus::serve {

namespace {

constexpr std::uint64_t uncertain_ns = 1'000'000;  // no store stays unseen for that long

}  // namespace

void OwnedEndpoint::move_in(std::string_view label) noexcept {
  const auto flags = shared_->attention.flags.load(std::memory_order_relaxed);
  settling_ = ((flags & layout::endpoint_flags::global_order) != 0) != ordered_;
  if (SHMBUS_MISTAKE("order.forgotten")) settling_ = false;
  if (!settling_) say_order();
  shared_->owner.waits_for.store(0, std::memory_order_relaxed);
  shared_->owner.waits_in.store(0, std::memory_order_relaxed);
  shared_->owner.workers.store(0, std::memory_order_relaxed);
  layout::store_text(shared_->label.text, label);
  announce_awake();
  inbox_ = inbox::Consumer(bus_->view.inbox(index_), shared_->owner);
  inherited_below_ = inbox_.head() + bus_->view.capacities().inbox_slots;
  moving_in_ = true;
  for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    OwnerLane* adopted = adopt(lane);
    // Tickets of the predecessor say what comes first.
    if (adopted != nullptr && !ordered_ && !settling_) queue_again(*adopted);
  }
  moving_in_ = false;
  // A caller may have read the predecessor's mode: after this fence its command is seen by the
  // first look. SYNC lane.notice
  const bool certain = wait::sleeper_fence();
  for (const auto& lane : lanes_) {
    if (!lane) continue;
    if (!certain && !ordered_) look_again(*lane);
    if (ordered_ && (settling_ || lane->ticketless_below != 0)) await_turn(*lane);
  }
  if (settling_ && ordered_) leave_ticketed();
  if (settling_ && ordered_ && backlog_.empty()) end_settling();
}

void OwnedEndpoint::say_order() noexcept {
  shared_->attention.flags.store(ordered_ ? layout::endpoint_flags::global_order : 0,
                                 std::memory_order_relaxed);
}

/// What the predecessor had queued has been started.
void OwnedEndpoint::end_settling() noexcept {
  settling_ = false;
  say_order();
  if (ordered_) return;
  for (const auto& lane : lanes_) {
    if (lane && !lane->hot) queue_again(*lane);
  }
}

/// Global order: the commands that this lane holds now have no tickets, so they go before those
/// that have. REQUIRES: its caller knows of the order; a fence has passed since it was told.
void OwnedEndpoint::await_turn(OwnerLane& lane) noexcept {
  lane.ticketless_below = lane::queued_end(bus_->view, lane.index());
  if (lane.ticketless_below > lane.next_seq()) queue_again(lane);
}

/// A predecessor of our order that died before it had settled has told callers of it: what they
/// sent since then has tickets, and waits for them.
void OwnedEndpoint::leave_ticketed() noexcept {
  inbox_.for_each([this](layout::TicketWord ticket) {
    if (ticket.lane() >= lanes_.size() || ticket.tag() == inbox::any_command) return;
    OwnerLane* const lane = lanes_[ticket.lane()].get();
    if (lane == nullptr) return;
    const std::uint64_t next = lane->next_seq();
    const auto ahead = inbox::tag_ahead(ticket.tag(), next);
    if (ahead) lane->ticketless_below = std::min(lane->ticketless_below, next + *ahead);
  });
}

/// Without an exact fence: what a caller published by the former mode is seen a little later.
void OwnedEndpoint::look_again(OwnerLane& lane) noexcept {
  lane.look_until = wait::ticks() + bus_->rate.from_ns(uncertain_ns);
  queue_again(lane);
}

/// How many commands a lane of the backlog may start now.
std::size_t OwnedEndpoint::turn_of(const OwnerLane& lane) const noexcept {
  if (!ordered_) return lane_batch;
  const std::uint64_t next = lane.next_seq();
  return lane.ticketless_below > next
             ? std::min<std::size_t>(lane_batch, lane.ticketless_below - next)
             : 0;
}

/// Global order: something in the backlog comes before all tickets.
bool OwnedEndpoint::waits_without_ticket() noexcept {
  const bool waits = std::any_of(backlog_.begin(), backlog_.end(), [this](const OwnerLane* lane) {
    return turn_of(*lane) != 0 && lane->waiting();
  });
  if (!waits && settling_) end_settling();
  return waits;
}

/// Its caller put no tickets so far, and may have a command here that has none.
void OwnedEndpoint::learns_order(OwnerLane& lane) noexcept {
  lane.ticketless_below = 1;
  if (moving_in_) return;       // one fence for all of them
  (void)wait::sleeper_fence();  // SYNC lane.notice
  await_turn(lane);
}

}  // namespace shmbus::serve
