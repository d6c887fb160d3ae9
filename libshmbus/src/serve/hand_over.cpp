// How an owner gives its endpoint to the process that asks for it. It happens between two polls, so
// nothing is being started; what was started is answered, finished, or deferred.
//
//   {me, standby, gen, slot}                     somebody asks
//   draining: 0 ──► {me, slot}                   if answers are still owed
//   {me, standby, gen, slot} ──► {standby, nobody, gen, other slot}
//
// The generation stays: every name and every lane goes on to lead here and to be served, by the new
// owner, from the cursor that this one leaves. Nothing is moved, no caller is notified, no caller
// looks up anything. A kill before the last step is the death of an owner, after it the death of
// somebody who owes answers.
#include "serve/hand_over.hpp"

#include <utility>

#include "base/log.hpp"
#include "base/probes.hpp"
#include "base/testpoint.hpp"
#include "os/futex.hpp"
#include "words/draining.hpp"
#include "words/table.hpp"

namespace shmbus::detail {

using layout::ControlWord;
using layout::DrainingWord;

namespace {

constexpr std::uint64_t drain_slice_ns = 1'000'000;

bool move_control(layout::Endpoint& at, ControlWord seen, ControlWord next) noexcept {
  // SYNC endpoint.control
  return at.control.control.compare_exchange_strong(seen.bits, next.bits, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed);
}

void tell_replaced(const Attachment& bus, layout::ParticipantId by) noexcept {
  if (!logging::wanted(LogLevel::info)) return;
  logging::Text text("gave the endpoint to participant ");
  text.append(by.index()).append(", which asked for it");
  if (by.index() < bus.view.capacities().participants) {
    text.append(": pid ").append(
        bus.view.participant(by.index()).pid.load(std::memory_order_relaxed));
  }
  logging::write(LogLevel::info, "endpoint.handed_over", text);
}

}  // namespace

void ServerCore::handover_wanted() noexcept {
  // The next turn of the loop sweeps, which looks at the endpoints; poll() does so by itself.
  next_sweep_ = 0;
  polls_ = ~0U;
}

/// False when the endpoint is in hands to which we did not give it.
bool ServerCore::give_to_standby(std::size_t held) noexcept {
  auto& mine = *endpoints_[held];
  auto& shared = mine.shared();
  // SYNC endpoint.control
  const ControlWord seen{shared.control.control.load(std::memory_order_acquire)};
  if (!seen.same_owner(mine.control())) return false;
  if (seen.standby().nobody()) return true;
  if (seen.standby() == attachment().me || attachment().dead(seen.standby())) {
    (void)move_control(shared, seen, mine.control());
    return true;
  }
  if (one_way_first()) return true;  // it waits as for a handler that runs
  serve::PendingReplies debt{mine.index(), DrainingWord::make(attachment().me, seen.slot()), {}};
  const auto counted = without_throwing([&]() -> Result<void> {
    debt.lanes = mine.owed();
    const std::scoped_lock lock(gate_->mutex);
    gate_->debts.reserve(gate_->debts.size() + 1);
    return {};
  });
  if (!counted) return true;  // no memory to do it in good order: at another time
  (void)recovery::recover_draining(attachment(), mine.index());
  const bool owes = !debt.lanes.empty();
  // While an earlier owner is draining, who owes nothing can leave all the same; who owes cannot:
  // there is one word.
  if (owes && !recovery::start_draining(attachment().view, mine.index(), debt.word)) return true;
  SHMBUS_TESTPOINT("hand_over.draining");
  hide_workers(mine);
  const std::uint32_t slot =
      owes ? 1U - seen.slot() : recovery::next_slot(attachment().view, mine.index(), seen);
  if (!move_control(shared, seen, seen.handed_over(slot))) {
    if (owes) (void)recovery::stop_draining(attachment().view, mine.index(), debt.word);
    return true;  // it has gone away again
  }
  SHMBUS_TESTPOINT("hand_over.given");
  probes::take_over(mine.index(), attachment().me.bits, seen.standby().bits, 1);
  wait::bump_and_wake(bus_->view().bus_events().registrations);
  SHMBUS_TESTPOINT("hand_over.told");
  if (owes) {
    const std::scoped_lock lock(gate_->mutex);
    gate_->debts.push_back(std::move(debt));  // room was made for it
    finish_drain(attachment(), *gate_);       // perhaps all was answered meanwhile
  }
  forget_endpoint(held);
  tell_replaced(attachment(), seen.standby());
  return true;
}

/// Nothing here leads to or from that endpoint any more.
void ServerCore::forget_endpoint(std::size_t held) noexcept {
  const auto& view = bus_->view();
  const std::uint32_t index = endpoints_[held]->index();
  const std::uint32_t gen = endpoints_[held]->gen();
  for (std::uint32_t record = 0; record < handlers_.size(); ++record) {
    if (handlers_.find(record) == nullptr) continue;
    // SYNC names.binding
    const layout::BindingWord binding{view.name(record).binding.load(std::memory_order_acquire)};
    const auto* elsewhere = binding.bound() ? owned(binding.endpoint()) : nullptr;
    const bool went_along = binding.endpoint() == index && binding.owner() == gen;
    if (!went_along && elsewhere != nullptr) continue;
    std::erase_if(served_, [&](const serve::ServedName& name) { return name.record == record; });
    roster_.leave(record);
    handlers_.clear(record);
    loop_flags_.fetch_or(serve::loop_flag::removed, std::memory_order_relaxed);
  }
  {
    const std::scoped_lock lock(endpoints_mutex_);
    endpoints_.erase(endpoints_.begin() + static_cast<std::ptrdiff_t>(held));
  }
  if (held < bridges_.size()) {
    bridges_.erase(bridges_.begin() + static_cast<std::ptrdiff_t>(held));
  }
  replaced_ = true;
  if (endpoints_.empty()) end_loop();
}

void finish_drain(const Attachment& bus, ReplyGate& gate) noexcept {
  for (std::size_t i = gate.debts.size(); i-- > 0;) {
    const auto& debt = gate.debts[i];
    if (!debt.all_answered()) continue;
    (void)recovery::stop_draining(bus.view, debt.endpoint, debt.word);
    SHMBUS_TESTPOINT("hand_over.drained");
    // The owner may have orphaned lanes to free now, a standby may have waited for this.
    wait::bump_and_wake(bus.view.endpoint(debt.endpoint).events.count);
    wait::bump_and_wake(bus.view.bus_events().registrations);
    gate.debts.erase(gate.debts.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void abort_drain(const Attachment& bus, ReplyGate& gate) noexcept {
  for (const auto& debt : gate.debts) {
    recovery::end_draining(bus, debt.endpoint, debt.word, StatusCode::abandoned);
  }
  gate.debts.clear();
}

bool ServerCore::draining() const noexcept {
  const std::scoped_lock lock(gate_->mutex);
  return !gate_->debts.empty();
}

void ServerCore::wait_until_drained(const std::stop_token& stop) noexcept {
  while (draining() && !stop.stop_requested() && attachment().intact()) {
    wait::pause_for(drain_slice_ns);
  }
}

}  // namespace shmbus::detail
