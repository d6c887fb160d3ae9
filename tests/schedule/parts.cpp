// Those who call, and others.
#include "schedule/parts.hpp"
#include "recovery/participant.hpp"
#include "schedule/acting.hpp"
#include "schedule/world.hpp"
#include "words/bell.hpp"
#include "words/directory.hpp"
#include "words/extents.hpp"

namespace shmbus::schedule::parts {

// --- those who call --------------------------------------------------------------------------

void caller() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  calls.call();
  calls.call();
}
void newcomer() {
  Peer peer;
  here().ready(true);
  Calling calls(peer);
  calls.call();
}
void patient_caller() {
  Peer peer;
  Calling calls(peer, patient);
  calls.warm_up();
  here().ready(true);
  calls.call();
}
/// Waits for a successor, and is to hear of no refusal.
void insistent_caller() {
  Peer peer;
  Calling calls(peer, patient);
  calls.warm_up();
  calls.insist();
  here().ready(true);
  calls.call();
  calls.call();
}
void patient_newcomer() {
  Peer peer;
  here().ready(true);
  Calling calls(peer, patient);
  calls.call();
}
static void sender_of(CallerOptions options, bool ordered) {
  Peer peer;
  Calling calls(peer, options, ordered);
  calls.warm_up();
  here().ready(true);
  calls.send();
  calls.send();
  calls.call();
  calls.flush();
}
void sender() { sender_of({}, false); }
void patient_sender() { sender_of(patient, false); }
void ordered_sender() { sender_of({}, true); }

/// Under one order for all: what the first has sent comes before what the second sends then.
void first_sender() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  here().ready(true);
  calls.send();
  raise(Stage::first_has_sent);
  await(Stage::second_has_sent);
  calls.call();
  calls.flush();
}
void second_sender() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  here().ready(true);
  await(Stage::first_has_sent);
  calls.send();
  raise(Stage::second_has_sent);
  calls.call();
  calls.flush();
}
/// The handler dies, and then these two send, one after the other, before a successor comes.
void first_mourner() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  await(Stage::second_is_ready);
  raise(Stage::die_in_handler);
  auto last = calls.start();
  while (!here().killed(0)) nap();
  Stage::the().flags[Stage::die_in_handler] = 0;
  calls.send();
  raise(Stage::first_has_sent);
  here().ready(true);
  calls.finish(last);
  calls.call();
  calls.flush();
}
void second_mourner() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  raise(Stage::second_is_ready);
  await(Stage::first_has_sent);
  calls.send();
  here().ready(true);
  calls.call();
  calls.flush();
}
/// As the second, but sends when a successor has the name.
void late_mourner() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  raise(Stage::second_is_ready);
  here().ready(true);
  await(Stage::serving);
  calls.send();
  calls.call();
  calls.flush();
}
/// Has two calls under way, and makes another before it waits for the second.
void pipelining_caller() {
  Peer peer;
  Calling calls(peer, patient);
  calls.warm_up();
  here().ready(true);
  auto first = calls.start();
  auto second = calls.start();
  calls.finish(first);
  calls.call();
  calls.finish(second);
}
/// Under one order for all: what the first has begun comes before what the second does then.
void first_caller() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  here().ready(true);
  await(Stage::closing);
  auto begun = calls.start();
  raise(Stage::first_has_sent);
  await(Stage::second_has_sent);
  calls.finish(begun);
  calls.call();
}
void second_caller() {
  Peer peer;
  Calling calls(peer, patient, true);
  calls.warm_up();
  here().ready(true);
  await(Stage::first_has_sent);
  calls.call();
  raise(Stage::second_has_sent);
}
void ordered_caller() {
  Peer peer;
  Calling calls(peer, {}, true);
  calls.warm_up();
  here().ready(true);
  calls.call();
}

void canceller() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  auto call = calls.start();
  call.pending.cancel();
  calls.finish(call);
}
/// Gives up at once, and has to know whether it can still happen.
void impatient() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  calls.call(std::chrono::milliseconds(1));
  calls.call();
}
/// The same by the limit of the bus, which does not travel with the command.
void impatient_by_default() {
  World::the().set_default_timeout(1'000'000);
  Peer peer;
  Calling calls(peer);
  calls.warm_up(std::chrono::seconds(5));
  here().ready(true);
  calls.call();
  calls.call();
}
/// Its memory is its handler's while that may still write there.
void impatient_with_large() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  raise(Stage::take_time);
  here().ready(true);
  calls.call_large(std::chrono::milliseconds(1));
  calls.call_large();
  calls.call_large();
}
void caller_of_large() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  here().ready(true);
  calls.call_large();
}
/// Leaves commands behind in every way there is.
void mortal_caller() {
  Peer peer;
  raise(Stage::take_time);
  here().ready(true);
  Calling calls(peer);
  auto call = calls.start();
  calls.send();
  calls.finish(call);
}
/// Sends and leaves, whatever becomes of it.
void hasty_caller() {
  Peer peer;
  here().ready(true);
  Calling calls(peer, patient);
  Calling::drop(calls.start());
}
/// Its handler dies in its first command; the second one waits for a successor.
void bereaved_caller() {
  Peer peer;
  {
    Calling calls(peer, patient);
    raise(Stage::die_in_handler);
    auto first = calls.start();
    while (!here().killed(0)) nap();
    Stage::the().flags[Stage::die_in_handler] = 0;
    raise(Stage::take_time);
    auto second = calls.start();
    here().ready(true);
    calls.finish(first);
    calls.finish(second);
  }
  raise(Stage::caller_has_left);
}
/// Comes when that one has gone, or died.
void late_newcomer() {
  Peer peer;
  here().ready(true);
  while (!here().over(1)) nap();
  nap();
  nap();
  Calling calls(peer);
  calls.call();
}
/// Has a lane that was another's before, and is served before the handler sweeps.
void prompt_newcomer() {
  Peer peer;
  Calling calls(peer);
  calls.warm_up();
  calls.expect_prompt();
  here().ready(true);
  for (int i = 0; i < 3; ++i) calls.call();
}
/// Comes late to ring for a caller that had a lane before its present one.
void stale_ringer() {
  Peer peer;
  here().ready(true);
  const auto& view = peer.attachment().view;
  for (std::uint32_t lane = 0; lane < view.capacities().lanes; ++lane) {
    const auto word = lane::load_word(view, lane);
    if (word.in_use()) endpoint::ring(view, word.endpoint(), lane);
  }
}
/// Comes into the lane of one who has left, just before those who were stopped go on.
void heir() {
  Peer peer;
  here().ready(true);
  const std::uint64_t late = here().now() + Scheduler::stop_ns - moment_ns;
  await(Stage::caller_has_left);
  if (here().now() < late) wait::pause_for(late - here().now());
  Calling calls(peer, patient);
  calls.call();
}

// --- others ----------------------------------------------------------------------------------

void reclaimer() {
  Peer peer;
  here().ready(true);
  while (!here().clients_over()) {
    recovery::reclaim_all(peer.attachment());
    nap();
  }
}

/// Leases both extents, one after the other, and holds each alone.
void lessee() {
  Stage& stage = Stage::the();
  Peer peer;
  here().ready(true);
  const auto self = static_cast<std::uint8_t>(here().running() + 1);
  for (int round = 0; round < 2; ++round) {
    const auto first = payload::lease(peer.attachment(), 1);
    if (!first) continue;
    auto& holder = stage.held[*first];
    stage.must(holder == 0 || here().killed(holder - 1U), "memory has two owners");
    holder = self;
    here().effect();
    const auto& extents = peer.attachment().view.geometry().extents;
    here().touch(peer.attachment().view.extents() + *first * extents.stride, 8, true);
    // Others look here now.
    (void)peer.attachment().view.extent_word(*first).load(std::memory_order_relaxed);
    holder = 0;
    payload::give_back(peer.attachment(), *first, 1);
  }
}

}  // namespace shmbus::schedule::parts
