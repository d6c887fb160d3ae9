#include "serve/owned_endpoint.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/testpoint.hpp"
#include "layout/text.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "recovery/endpoint.hpp"
#include "recovery/participant.hpp"
#include "stats/histogram.hpp"
#include "words/directory.hpp"
#include "words/draining.hpp"

namespace shmbus::serve {

using layout::Attention;
using layout::ControlWord;
using layout::EndpointState;
using layout::LaneMode;
using layout::LaneState;
using layout::LaneWord;
using layout::TicketWord;

namespace {

constexpr std::uint32_t long_idle_sweeps = 2'000;    // may lose its hot place to one that rings
constexpr std::uint32_t very_idle_sweeps = 200'000;  // loses it anyway

}  // namespace

std::unique_ptr<OwnedEndpoint> OwnedEndpoint::acquire(const Attachment& bus, std::uint32_t index,
                                                      const ServeOptions& options,
                                                      std::string_view label) {
  auto& control = bus.view.endpoint(index).control.control;
  ControlWord seen{control.load(std::memory_order_acquire)};  // SYNC endpoint.control
  if (seen.active()) return nullptr;
  const auto mine =
      ControlWord::make(bus.me, {}, layout::next_epoch(seen.gen()),
                        recovery::next_slot(bus.view, index, seen), EndpointState::active);
  std::unique_ptr<OwnedEndpoint> owned(new OwnedEndpoint(bus, index, mine, options));
  // SYNC endpoint.control
  if (!control.compare_exchange_strong(seen.bits, mine.bits, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
    return nullptr;
  }
  SHMBUS_TESTPOINT("endpoint.acquired");
  owned->move_in(label);
  return owned;
}

std::unique_ptr<OwnedEndpoint> OwnedEndpoint::succeed(const Attachment& bus, std::uint32_t index,
                                                      ControlWord control,
                                                      const ServeOptions& options,
                                                      std::string_view label) {
  // Another may stand by already: still_owned() has to see that.
  std::unique_ptr<OwnedEndpoint> owned(
      new OwnedEndpoint(bus, index, control.with_standby({}), options));
  owned->move_in(label);
  return owned;
}

std::vector<std::shared_ptr<std::atomic<std::uint32_t>>> OwnedEndpoint::owed() const {
  std::vector<std::shared_ptr<std::atomic<std::uint32_t>>> counts;
  for (const auto& lane : lanes_) {
    if (!lane || !lane->deferred) continue;
    if (lane->deferred->load(std::memory_order_acquire) != 0) {  // SYNC deferred
      counts.push_back(lane->deferred);
    }
  }
  return counts;
}

OwnedEndpoint::OwnedEndpoint(const Attachment& bus, std::uint32_t index, ControlWord control,
                             const ServeOptions& options)
    : bus_(&bus),
      shared_(&bus.view.endpoint(index)),
      index_(index),
      control_(control),
      ordered_(options.order == Order::global),
      hot_max_(ordered_ ? 0 : options.hot_lanes),
      lanes_(bus.view.capacities().lanes) {
  hot_.reserve(hot_max_);
  backlog_.reserve(lanes_.size());
  orphans_.reserve(lanes_.size());
}

bool OwnedEndpoint::still_owned() const noexcept {
  return shared_->control.control.load(std::memory_order_relaxed) == control_.bits;
}

std::size_t OwnedEndpoint::poll(CommandRunner& runner, std::size_t budget) {
  // The process that got nothing because the budget was spent comes first the next time.
  const bool cold_first = cut_short_;
  std::size_t ran = cold_first ? serve_cold(runner, budget) : 0;
  if (ran < budget) ran += serve_hot(runner, budget - ran);
  cut_short_ = !cold_first && ran >= budget;
  if (!cold_first && ran < budget) ran += serve_cold(runner, budget - ran);
  for (std::size_t i = orphans_.size(); i-- > 0;) drop_if_drained(*orphans_[i]);
  if (ran != 0) add_commands(ran);
  return ran;
}

std::size_t OwnedEndpoint::serve_cold(CommandRunner& runner, std::size_t budget) {
  std::size_t ran = 0;
  if (ordered_ && !backlog_.empty()) [[unlikely]] {  // before whatever has a ticket
    ran = serve_backlog(runner, budget);
    if (waits_without_ticket() || ran >= budget) return ran;
  }
  ran += serve_inbox(runner, budget - ran);
  if (settling_ && !ordered_) [[unlikely]] {
    if (inbox_.head() < inherited_below_ && inbox_.peek()) return ran;
    end_settling();
  }
  if (ordered_ || backlog_.empty() || ran >= budget) return ran;
  return ran + serve_backlog(runner, budget - ran);
}

std::size_t OwnedEndpoint::serve_hot(CommandRunner& runner, std::size_t budget) {
  std::size_t ran = 0;
  OwnerLane* idle_lane = nullptr;
  // By index: a handler may register a name, which may adopt lanes. A small budget ends where it
  // ends, and the next look goes on from there.
  for (std::size_t turns = hot_.size(); turns > 0 && ran < budget; --turns) {
    if (next_hot_ >= hot_.size()) next_hot_ = 0;
    OwnerLane* lane = hot_[next_hot_++];
    const std::size_t n =
        lane->waiting() ? runner.run_queued(*lane, std::min(lane_batch, budget - ran)) : 0;
    ran += n;
    lane->idle_sweeps = n != 0 ? 0 : lane->idle_sweeps + 1;
    if (lane->idle_sweeps > very_idle_sweeps && hot_.size() > 1) idle_lane = lane;
  }
  if (idle_lane != nullptr) demote(*idle_lane);
  return ran;
}

std::size_t OwnedEndpoint::serve_inbox(CommandRunner& runner, std::size_t budget) {
  std::size_t ran = 0;
  // Bounded by tickets as well: a flood of forged ones must not starve the hot lanes.
  for (std::size_t tickets = 0; tickets < lane_batch && ran < budget; ++tickets) {
    const auto ticket = inbox_.peek();
    if (!ticket) {
      ++inbox_empties_;
      break;
    }
    if (SHMBUS_MISTAKE("ticket.early")) inbox_.release();
    ran += serve_ticket(*ticket, runner);
    // After the start of its command: a successor finds the ticket again, and the cursor tells it
    // that the command was started.
    if (!SHMBUS_MISTAKE("ticket.early")) inbox_.release();
    if (ordered_ && !backlog_.empty()) [[unlikely]]
      break;  // a lane came whose commands have no tickets
  }
  return ran;
}

std::size_t OwnedEndpoint::serve_ticket(TicketWord ticket, CommandRunner& runner) {
  OwnerLane* lane = adopt(ticket.lane());
  if (lane == nullptr) {
    if (ticket.lane() == inbox::no_lane) runner.handover_wanted();
    return 0;
  }
  if ((ordered_ || settling_) && ticket.tag() != inbox::any_command) {
    const auto ahead = inbox::tag_ahead(ticket.tag(), lane->next_seq());
    return ahead ? runner.run_queued(*lane, *ahead + 1U) : 0;
  }
  lane->clear_rung();
  if (settling_) return 0;  // its turn comes with that of all, when the tickets are done
  if (!ordered_ && !lane->hot && !lane->orphan) promote(*lane);
  // Under global order a bell is no turn: the commands of this lane have tickets of their own.
  const std::size_t ran = ordered_ ? 0 : runner.run_queued(*lane, lane_batch);
  if (!lane->hot && ran == lane_batch) queue_again(*lane);
  return ran;
}

std::size_t OwnedEndpoint::serve_backlog(CommandRunner& runner, std::size_t budget) {
  std::size_t ran = 0;
  for (std::size_t turns = backlog_.size(); turns > 0 && ran < budget; --turns) {
    OwnerLane* lane = backlog_.front();
    backlog_.erase(backlog_.begin());
    lane->queued_again = false;
    const std::size_t due = std::min(turn_of(*lane), budget - ran);
    const std::size_t n = due == 0 ? 0 : runner.run_queued(*lane, due);
    ran += n;
    if (lane->look_until != 0 && wait::ticks() >= lane->look_until) lane->look_until = 0;
    if (n != 0 || lane->look_until != 0) queue_again(*lane);
  }
  return ran;
}

std::size_t OwnedEndpoint::sweep(CommandRunner& runner) {
  std::size_t ran = 0;
  // The process that recovered our predecessor may have said so late, over our own word.
  if (shared_->attention.attention.load(std::memory_order_relaxed) ==
      static_cast<std::uint32_t>(Attention::vacant)) {
    announce_awake();
  }
  const bool alone = !bus_->prober->daemon_present();
  for (std::uint32_t index = 0; index < lanes_.size(); ++index) {
    OwnerLane* lane = adopt(index);
    if (lane == nullptr) continue;
    lane->clear_rung();
    std::size_t due = ordered_ ? without_tickets(*lane) : lane_batch;
    if (settling_) due = 0;  // poll() runs what waits, in its order
    if (due != 0) ran += runner.run_queued(*lane, due);
    // Without a daemon it falls to us to notice that a caller has died.
    if (alone && !lane->orphan && bus_->dead(lane->party())) {
      recovery::reclaim_participant(*bus_, lane->party().index());
    }
  }
  (void)recovery::recover_draining(*bus_, index_);
  if (!inbox_.peek()) inbox_.repair_tail(shared_->inbox_tail);
  if (ran != 0) add_commands(ran);
  return ran;
}

/// Global order: how many commands have been waiting since an earlier sweep although all tickets of
/// that time are gone: their caller died before it could put one, or it was scribbled over. What
/// has come since then has tickets of its own. That the inbox is empty just now is not asked: what
/// woke us, a bell perhaps, may lie in it at every sweep.
std::size_t OwnedEndpoint::without_tickets(OwnerLane& lane) noexcept {
  const bool waiting = lane::has_queued(bus_->view, lane.index());
  if (!waiting || lane.waiting_at_sweep != lane.next_seq()) {
    lane.waiting_at_sweep = waiting ? lane.next_seq() : 0;
    lane.published_at_sweep = lane.head().counters.published.load(std::memory_order_relaxed);
    lane.tickets_at_sweep = inbox_.head();
    lane.empties_at_sweep = inbox_empties_;
    return 0;
  }
  const bool all_gone =
      inbox_empties_ != lane.empties_at_sweep ||
      inbox_.head() - lane.tickets_at_sweep >= bus_->view.capacities().inbox_slots;
  if (!all_gone) return 0;
  // One that was killed may not have counted its last command.
  const std::uint64_t last = std::max(lane.published_at_sweep, lane.next_seq());
  return std::min<std::uint64_t>(last - lane.next_seq() + 1, lane_batch);
}

OwnerLane* OwnedEndpoint::adopt(std::uint32_t index) noexcept {
  if (index >= lanes_.size()) return nullptr;
  for (;;) {
    const LaneWord seen = lane::load_word(bus_->view, index);
    if (!seen.in_use() || seen.endpoint() != index_) return nullptr;
    if (auto& known = lanes_[index]; known && seen.served() == control_.gen()) {
      if (seen.state() == LaneState::orphan && !known->orphan) {
        known->orphan = true;
        orphans_.push_back(known.get());
      }
      return known.get();
    }
    if (seen.served() != 0 && seen.served() != control_.gen()) return nullptr;
    const LaneWord mine = seen.with_served(control_.gen());
    if (seen.bits != mine.bits && !lane::move_word(bus_->view, index, seen, mine)) continue;
    SHMBUS_TESTPOINT("lane.adopted");
    auto* lane = new (std::nothrow) OwnerLane(bus_->view, index, mine, control_.slot());
    if (lane == nullptr) return nullptr;
    if (lanes_[index]) drop_pointers(*lanes_[index]);
    lanes_[index].reset(lane);
    const bool knew = lane->ordered();
    lane->set_mode(ordered_ ? LaneMode::ordered : LaneMode::cold);
    lane->clear_rung();
    if (ordered_ && !knew) learns_order(*lane);
  }
}

void OwnedEndpoint::promote(OwnerLane& lane) noexcept {
  if (hot_.size() >= hot_max_ && !make_room_among_hot()) return;
  lane.hot = true;
  lane.idle_sweeps = 0;
  lane.set_mode(LaneMode::hot);
  hot_.push_back(&lane);
}

bool OwnedEndpoint::make_room_among_hot() noexcept {
  const auto idlest = std::max_element(
      hot_.begin(), hot_.end(),
      [](const OwnerLane* a, const OwnerLane* b) { return a->idle_sweeps < b->idle_sweeps; });
  if (idlest == hot_.end() || (*idlest)->idle_sweeps < long_idle_sweeps) return false;
  demote(**idlest);
  return true;
}

/// hot -> cold. A caller that still read "hot" rings nobody, so look once more after the fence.
void OwnedEndpoint::demote(OwnerLane& lane) noexcept {
  std::erase(hot_, &lane);
  lane.hot = false;
  SHMBUS_TESTPOINT("lane.demoting");
  lane.set_mode(LaneMode::cold);
  const bool certain = wait::sleeper_fence();  // SYNC lane.notice
  queue_again(lane);
  if (!certain) look_again(lane);
}

void OwnedEndpoint::queue_again(OwnerLane& lane) noexcept {
  if (lane.queued_again) return;
  lane.queued_again = true;
  backlog_.push_back(&lane);
}

void OwnedEndpoint::queue_waiting() noexcept {
  for_each_lane([this](OwnerLane& lane) {
    if (!lane.hot && lane.waiting()) queue_again(lane);
  });
}

/// An orphan goes free once everything that its caller committed has been answered.
void OwnedEndpoint::drop_if_drained(OwnerLane& lane) noexcept {
  if (lane.deferred && lane.deferred->load(std::memory_order_acquire) != 0)
    return;  // SYNC deferred
  if (lane::owed_by_replaced(bus_->view, index_, lane.index())) return;
  if (!lane.poisoned() && lane::has_queued(bus_->view, lane.index())) {
    if (!ordered_ && !settling_) queue_again(lane);
    return;
  }
  forget(lane);
}

void OwnedEndpoint::drop_pointers(OwnerLane& lane) noexcept {
  std::erase(hot_, &lane);
  std::erase(backlog_, &lane);
  std::erase(orphans_, &lane);
}

void OwnedEndpoint::forget(OwnerLane& lane) noexcept {
  const std::uint32_t index = lane.index();
  const std::uint32_t participant = lane.party().index();
  drop_pointers(lane);
  lanes_[index].reset();
  const LaneWord seen = lane::load_word(bus_->view, index);
  if (seen.state() == LaneState::orphan && seen.served() == control_.gen()) {
    (void)lane::move_word(bus_->view, index, seen, seen.freed());
  }
  SHMBUS_TESTPOINT("lane.freed");
  // It may have been the last thing that kept a dead participant's endpoint.
  recovery::reclaim_participant(*bus_, participant);
}

std::uint32_t OwnedEndpoint::announce_sleep() noexcept {
  const std::uint32_t seen =
      shared_->events.count.load(std::memory_order_acquire);            // SYNC wait.event
  shared_->attention.parked_at.store(seen, std::memory_order_release);  // SYNC wait.parked
  shared_->attention.attention.store(static_cast<std::uint32_t>(Attention::parked),
                                     std::memory_order_release);
  return seen;
}

void OwnedEndpoint::announce_awake() noexcept {
  shared_->attention.attention.store(static_cast<std::uint32_t>(Attention::awake),
                                     std::memory_order_relaxed);
}

bool OwnedEndpoint::owes_answers() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) {
    // SYNC deferred
    return lane && lane->deferred && lane->deferred->load(std::memory_order_acquire) != 0;
  });
}

void OwnedEndpoint::vacate(CommandRunner& runner, bool run_queue) noexcept {
  for (auto& lane : lanes_) {
    if (!lane || !run_queue) continue;
    (void)runner.run_queued(*lane, bus_->view.capacities().cells_per_lane);
  }
  recovery::release_lanes(*bus_, index_, control_, StatusCode::abandoned);
  SHMBUS_TESTPOINT("endpoint.released");
  shared_->attention.attention.store(static_cast<std::uint32_t>(Attention::vacant),
                                     std::memory_order_relaxed);
  // Somebody may have come to stand by, too late to be noticed.
  for (ControlWord seen = control_; seen.same_owner(control_);) {
    // SYNC endpoint.control
    if (shared_->control.control.compare_exchange_strong(seen.bits, control_.vacated().bits,
                                                         std::memory_order_acq_rel,
                                                         std::memory_order_acquire)) {
      break;
    }
  }
  recovery::wake_callers(bus_->view, index_);
  for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    const LaneWord seen = lane::load_word(bus_->view, lane);
    if (seen.endpoint() == index_) (void)lane::free_unserved_orphan(bus_->view, lane, false);
  }
}

}  // namespace shmbus::serve
