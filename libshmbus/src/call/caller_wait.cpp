// How a caller waits for its answer: spin for about as long as it usually takes, then sleep, always
// in slices and always looking again. Between slices it asks the kernel whether the owner still
// lives, and recovers the endpoint itself when not; it never waits for anybody else to do so.
#include <algorithm>
#include <array>
#include <cerrno>

#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "call/caller_core.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "recorder/recorder.hpp"
#include "recovery/endpoint.hpp"
#include "session/core.hpp"
#include "stats/histogram.hpp"
#include "trace/serving.hpp"
#include "words/draining.hpp"
#include "words/journal.hpp"

namespace shmbus::detail {

using layout::ControlWord;

namespace {

constexpr int first_look_spins = 400;  // eager: no pause, no clock
constexpr int spins_between_clocks = 32;
constexpr std::uint64_t probe_interval_ns = 1'000'000;  // of a spinning caller
constexpr std::uint64_t first_slice_ns = 10'000'000;    // alone: a death is reported within this
constexpr std::uint64_t slice_under_daemon_ns = 100'000'000;  // the daemon wakes us
constexpr std::uint64_t inexact_slice_ns = 1'000'000;         // without membarrier
constexpr std::uint64_t slow_call_ns = 10'000;                // always recorded

/// Returns the event count to sleep at.
std::uint32_t say_asleep(layout::LaneHead& head) noexcept {
  const std::uint32_t seen = head.events.count.load(std::memory_order_acquire);  // SYNC wait.event
  head.caller.parked_at.store(seen, std::memory_order_release);                  // SYNC wait.parked
  head.caller.park.store(1, std::memory_order_release);
  return seen;
}

}  // namespace

CallerCore::Waited CallerCore::await(LeasedLane& lane, lane::Ticket ticket,
                                     Deadline& deadline) noexcept {
  if (options_.wait != WaitMode::blocking) {
    for (int i = 0; i < first_look_spins; ++i) {
      if (lane.lane.replied(ticket)) return Waited::answered;
    }
  }
  return await_slowly(lane, ticket, deadline, {});
}

/// `change` ends the wait too: then the call may not be answered yet.
CallerCore::Waited CallerCore::await_slowly(LeasedLane& lane, lane::Ticket ticket,
                                            Deadline& deadline, stream::Change change) noexcept {
  const auto come = [&] { return lane.lane.replied(ticket) || change.there(); };
  const std::uint64_t began = wait::ticks();
  const std::uint64_t probe_interval = bus().rate.from_ns(probe_interval_ns);
  const std::uint64_t spin_until = began + std::min(spin_.begin(), Deadline::never - began);
  std::uint64_t next_probe = began + probe_interval;
  std::uint64_t slice = first_slice_ns;
  EnclosingCommand made_for = outer();
  const WaitNote note({bus_, lane.lane.index(), lane.lane.endpoint_index(), ticket.seq});
  std::uint64_t next_look = began;
  bool slept = false;
  std::uint64_t now = began;
  while (!come()) {
    if (!bus().intact()) return Waited::lost;
    if (deadline.over(now)) {
      // Waits that are shorter than the interval look together as often as a long one.
      if (now - probed_at_ < probe_interval || owner_is_there(lane, ticket, now)) {
        return Waited::timed_out;
      }
      return lane.lane.replied(ticket) ? Waited::answered : Waited::stranded;
    }
    if (made_for && made_for.cancelled()) {
      made_for = {};  // passed on; if it was started, its answer says what became of it
      if (lane.lane.ask_to_cancel(ticket)) return Waited::cancelled;
    }
    if (now >= next_look) {
      next_look = now + probe_interval;
      if (note.in_circle(bus().rate.to_ns(now - began)) && lane.lane.ask_to_cancel(ticket)) {
        return lane.lane.replied(ticket) ? Waited::answered : Waited::circle;
      }
    }
    if (now < spin_until) {
      for (int i = 0; i < spins_between_clocks && !come(); ++i) {
        wait::cpu_relax();
      }
    } else {
      if (!slept) spin_.had_to_sleep();
      slept = true;
      sleep(lane, ticket, change, std::min(deadline.left_ns(now), slice), made_for);
      if (come()) break;
      slice = daemon_tells_of(lane) ? slice_under_daemon_ns : first_slice_ns;
      next_probe = next_look = 0;
    }
    now = wait::ticks();
    if (now < next_probe || come()) continue;
    if (!owner_is_there(lane, ticket, now)) {
      return lane.lane.replied(ticket) ? Waited::answered : Waited::stranded;
    }
    next_probe = now + probe_interval;
  }
  if (change.word == nullptr) note_wait(lane, ticket, wait::ticks() - began, slept);
  return Waited::answered;
}

/// False: nobody will run the command, which is withdrawn for certain, or answered. Else it may
/// have been started after all: then it is waited for.
bool CallerCore::owner_is_there(LeasedLane& lane, lane::Ticket ticket, std::uint64_t now) noexcept {
  probed_at_ = now;
  return check_owner(lane) || !lane.lane.ask_to_cancel(ticket);
}

/// Learns from a wait how long to spin next time; records it when it was long.
void CallerCore::note_wait(LeasedLane& lane, lane::Ticket ticket, std::uint64_t waited_ticks,
                           bool slept) noexcept {
  if (!slept) spin_.spun_well();
  const std::uint64_t waited_ns = bus().rate.to_ns(waited_ticks);
  if (waited_ns >= slow_call_ns) {
    stats::record(bus().view.lane_latency(lane.lane.index()).round_trip_ns, waited_ns);
    lane.recorded_seq = ticket.seq;
    lane.slow_wait_ns = waited_ns;
    lane.sampler.next_is_due();  // where one was slow, how long the next is queued is known as well
  }
}

void CallerCore::sleep(LeasedLane& lane, lane::Ticket ticket, stream::Change change,
                       std::uint64_t limit_ns, EnclosingCommand made_for) noexcept {
  auto& head = lane.lane.head();
  std::array<wait::FutexWaiter, 2> words{};
  // SYNC wait.event
  if (made_for) words[1] = {&made_for.events(), made_for.events().load(std::memory_order_acquire)};
  const std::uint32_t seen = say_asleep(head);
  // SYNC lane.park: "I sleep", then look; the owner answers, then looks whether somebody sleeps.
  const bool exact = wait::sleeper_fence();
  // The process that makes the endpoint vacant does so first and wakes then.
  const bool wanted = !lane.lane.replied(ticket) && !change.there() &&
                      !(exact && nobody_will_serve(lane)) && !(made_for && made_for.cancelled());
  if (wanted || SHMBUS_MISTAKE("park.blind")) {
    words[0] = {&head.events.count, seen};
    const std::uint64_t slice_ns = exact ? limit_ns : std::min(limit_ns, inexact_slice_ns);
    probes::park(probes::Sleeper::caller, lane.lane.index(), slice_ns);
    wait::futex_wait_any({words.data(), made_for ? 2U : 1U}, slice_ns);
    probes::unpark(probes::Sleeper::caller, lane.lane.index(), ticket.seq);
  }
  if (bridge_ == nullptr) head.caller.park.store(0, std::memory_order_relaxed);
}

/// The endpoint is vacant, and this caller does not wait for the next owner of the name, or that
/// one will not sit down here: the name was given up or lives elsewhere by now.
bool CallerCore::nobody_will_serve(const LeasedLane& lane) const noexcept {
  // SYNC endpoint.control
  const ControlWord control{lane.lane.endpoint().control.control.load(std::memory_order_acquire)};
  if (control.active()) return false;
  if (routed_) return nobody_takes_over(lane);
  if (options_.when_vacant == WhenVacant::fail) return true;
  const layout::BindingWord binding{
      bus().view.name(*record_).binding.load(std::memory_order_acquire)};  // SYNC names.binding
  return !binding.bound() || binding.endpoint() != lane.lane.endpoint_index();
}

/// It was started, and an owner that gave its endpoint away may still answer it.
bool CallerCore::owed_by_replaced(const LeasedLane& lane, std::uint64_t seq) const noexcept {
  return !recovery::draining_at(bus().view, lane.lane.endpoint_index()).nobody() &&
         seq < lane::effective_cursor(lane.lane.head()).seq();
}

/// The daemon hears of a death when the kernel has taken the process down, which takes long for a
/// large one. A caller that can look for itself does.
bool CallerCore::daemon_tells_of(const LeasedLane& lane) const noexcept {
  // SYNC endpoint.control
  const ControlWord control{lane.lane.endpoint().control.control.load(std::memory_order_acquire)};
  return !bus().prober->knows(control.holder()) && bus().prober->daemon_present();
}

bool CallerCore::check_owner(const LeasedLane& lane) noexcept {
  // An owner that was replaced may be the one that owes the answer.
  (void)recovery::recover_draining(bus(), lane.lane.endpoint_index());
  if (nobody_will_serve(lane)) return false;
  // SYNC endpoint.control
  const ControlWord control{lane.lane.endpoint().control.control.load(std::memory_order_acquire)};
  if (control.active() && bus().dead(control.holder())) {
    recovery::recover_endpoint(bus(), lane.lane.endpoint_index());
  }
  return true;
}

/// For the process that asks afterwards which calls had no answer.
void CallerCore::record_given_up(const LeasedLane& lane) noexcept {
  recorder::Event event;
  event.kind = recorder::Kind::gave_up;
  event.record = static_cast<std::uint16_t>(*record_);
  event.lane = static_cast<std::uint16_t>(lane.lane.index());
  event.endpoint = static_cast<std::uint16_t>(lane.lane.endpoint_index());
  event.caller = bus().me;
  // SYNC endpoint.control
  event.handler =
      ControlWord{lane.lane.endpoint().control.control.load(std::memory_order_acquire)}.holder();
  recorder::record_now(bus(), event);
}

/// Found by the wait-for words of the endpoints: trace/serving.hpp.
tl::unexpected<Error> CallerCore::in_circle() noexcept {
  return tl::unexpected<Error>(
      Error{ErrorKind::invalid_argument,
            EDEADLK,
            0,
            "this call would wait for itself: only the thread that waits here could run it, or "
            "lets others wait that could; it was not run. Serve the two names from different "
            "threads, or answer later (defer())",
            {},
            true});
}

tl::unexpected<Error> CallerCore::stranded() const noexcept {
  return fail(ErrorKind::handler_died_before_start,
              options_.when_vacant == WhenVacant::wait
                  ? "its handler is gone and no other came in time: it was not run and will not be"
                  : "its handler is gone: it was not run and will not be; send it again when there "
                    "is another, or ask to wait for the next one (WhenVacant::wait)");
}

/// Leaves the cell to the owner and says what is known.
Error CallerCore::give_up_waiting(LeasedLane& lane, lane::Ticket ticket, Waited why) noexcept {
  if (why == Waited::lost) return unusable().value();
  const bool withdrawn =
      why == Waited::stranded || why == Waited::cancelled || why == Waited::circle;
  const bool never_started = withdrawn || lane.lane.ask_to_cancel(ticket);
  lane.lane.quarantine(ticket);
  if (SHMBUS_MISTAKE("quarantine.blocks")) {
    lane.lane.release_blocks(ticket, ~0U,
                             [this](std::uint32_t block) { port_->release_offset(block); });
  }
  lane.lane.probe_answer(*record_, ticket, 0,
                         why == Waited::cancelled  ? ErrorKind::cancelled
                         : why == Waited::circle   ? ErrorKind::invalid_argument
                         : why == Waited::stranded ? ErrorKind::handler_died_before_start
                                                   : ErrorKind::timed_out);
  stats::add(lane.lane.head().counters.errors, 1);
  if (why == Waited::cancelled) return cancelled_error().value();
  if (why == Waited::circle) return in_circle().value();
  if (why == Waited::timed_out) stats::add(lane.lane.head().counters.timeouts, 1);
  record_given_up(lane);
  const layout::BindingWord binding{
      bus().view.name(*record_).binding.load(std::memory_order_acquire)};  // SYNC names.binding
  if (never_started && !binding.bound()) {
    return Error{ErrorKind::not_registered, 0, 0,
                 "the handler gave this name up before it got to the command: it was not run"};
  }
  // SYNC endpoint.control
  const ControlWord control{lane.lane.endpoint().control.control.load(std::memory_order_acquire)};
  if (why == Waited::stranded || (never_started && !control.active())) {
    return stranded().value();
  }
  if (never_started) {
    return Error{ErrorKind::timed_out,
                 0,
                 0,
                 "the deadline passed while it was queued: it was not started and will not be",
                 {},
                 true};
  }
  return Error{ErrorKind::timed_out, 0, 0,
               "the deadline passed after it was started: it may still take effect"};
}

Result<int> CallerCore::fd() noexcept {
  if (!usable()) return unusable();
  if (bridge_) return bridge_->fd();
  if (std::exchange(balanced_, false)) options_.in_group = InGroup::pinned;  // it watches one lane
  Deadline now(bus(), Duration::zero());
  const auto lane = lane_for_publish(now);
  if (!lane) return tl::unexpected<Error>(lane.error());
  auto bridge = without_throwing(
      [&] { return wait::FdBridge::watch((*lane)->lane.head().events.count, *bus().guard); });
  if (!bridge) return tl::unexpected<Error>(bridge.error());
  bridge_ = std::move(*bridge);
  if (auto armed = poll(); !armed) return tl::unexpected<Error>(armed.error());
  return bridge_->fd();
}

Result<void> CallerCore::poll() noexcept {
  if (!usable()) return unusable();
  if (lane_ == nullptr) return {};
  (void)check_owner(*lane_);  // without a daemon it falls to us to find that the handler died
  if (!bridge_) return {};
  bridge_->clear();
  if (lane_->retired) return {};  // nothing is under way there, and it may be somebody else's
  // From here on every answer bumps the event count; what came before is found by ready().
  (void)say_asleep(lane_->lane.head());
  (void)wait::sleeper_fence();  // SYNC lane.park
  port_->collect(*lane_);
  return {};
}

}  // namespace shmbus::detail
