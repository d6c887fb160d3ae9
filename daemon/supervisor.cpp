#include "daemon/supervisor.hpp"

#include <algorithm>

namespace shmbus::daemon {

namespace {

// A name that is missing once may be about to be given to a new bus.
constexpr std::uint32_t missing_checks_max = 2;

}  // namespace

Supervisor::Supervisor(std::uint32_t slots, const Tuning& tuning)
    : tuning_(tuning), watched_(slots) {}

const std::vector<Action>& Supervisor::step(Nanos now, std::span<const Event> events) {
  actions_.clear();
  now_ = std::max(now_, now);
  for (const Event& e : events) {
    if (stopped_) break;
    std::visit([this](const auto& inner) { on(inner); }, e);
  }
  wake_at_ = never;
  if (stopped_) return actions_;
  run_due_chores();
  run_due_wards();
  wake_at_ = std::min({wake_at_, sweep_at_, statistics_at_, watchdog_at_});
  return actions_;
}

void Supervisor::on(const event::Started&) {
  sweep_at_ = now_;  // the dead of before our time
  statistics_at_ = now_;
  watchdog_at_ = tuning_.watchdog == 0 ? never : now_;
}

void Supervisor::on(const event::Arrival&) { census_wanted_ = true; }

void Supervisor::on(const event::Census& e) {
  ++census_;
  for (const Slot& slot : e.slots) {
    if (slot.id.index < watched_.size()) meet(slot);
  }
  for (std::uint32_t i = 0; i < watched_.size(); ++i) {
    if (watched_[i].state != WatchState::nobody && watched_[i].census != census_) forget(i);
  }
  sweeping_ = false;
  if (!ready_) actions_.emplace_back(action::NotifyReady{});
  ready_ = true;
}

void Supervisor::meet(const Slot& slot) {
  Watched& watched = watched_[slot.id.index];
  if (watched.census == census_) return;  // said twice
  const bool known = watched.state != WatchState::nobody && watched.epoch == slot.id.epoch &&
                     watched.pid == slot.pid && watched.joined == slot.joined;
  if (!known) {
    if (watched.state != WatchState::nobody) forget(slot.id.index);
    adopt(slot);
    return;
  }
  watched.census = census_;
  const bool just_left = slot.left && !watched.left;
  watched.left = slot.left;
  if (watched.state == WatchState::draining) return;
  if (just_left || sweeping_) actions_.emplace_back(action::Probe{slot.id});
}

void Supervisor::adopt(const Slot& slot) {
  Watched& watched = watched_[slot.id.index];
  watched = Watched{};
  watched.epoch = slot.id.epoch;
  watched.pid = slot.pid;
  watched.joined = slot.joined;
  watched.left = slot.left;
  watched.census = census_;
  ++taken_;
  if (slot.pid == 0) {
    poll_from_now(watched);
  } else {
    watched.state = WatchState::opening;
    actions_.emplace_back(action::Watch{slot.id, slot.pid});
  }
}

void Supervisor::forget(std::uint32_t index) {
  Watched& watched = watched_[index];
  // `opening`: the answer to Watch may be on its way; actions are done in order, so this closes it.
  if (watched.state == WatchState::watched || watched.state == WatchState::opening) {
    actions_.emplace_back(action::Unwatch{id_of(index)});
  }
  if (watched.state == WatchState::polled) --polled_;
  watched.state = WatchState::nobody;
  watched.due = never;
  --taken_;
}

void Supervisor::on(const event::Watch& e) {
  Watched* watched = find(e.slot);
  if (watched == nullptr ||
      (watched->state != WatchState::opening && watched->state != WatchState::watched))
    return;
  switch (e.result) {
    case event::WatchResult::watching:
      watched->state = WatchState::watched;
      actions_.emplace_back(action::Probe{e.slot});
      return;
    case event::WatchResult::no_such_process:
      suspect(e.slot.index);
      return;
    case event::WatchResult::refused:
      if (!refusal_logged_) {
        actions_.emplace_back(action::LogSlot{
            Level::warning, "no pidfd: its death will be found by polling", e.slot, watched->pid});
      }
      refusal_logged_ = true;
      poll_from_now(*watched);
  }
}

void Supervisor::on(const event::Exit& e) {
  const Watched* watched = find(e.slot);
  if (watched == nullptr ||
      (watched->state != WatchState::opening && watched->state != WatchState::watched))
    return;
  suspect(e.slot.index);
}

void Supervisor::suspect(std::uint32_t index) {
  Watched& watched = watched_[index];
  actions_.emplace_back(action::Unwatch{id_of(index)});
  watched.suspected_at = now_;
  watched.quick_until = now_ + tuning_.recheck_quick;
  poll_from_now(watched);
}

/// REQUIRES: not polled yet.
void Supervisor::poll_from_now(Watched& watched) {
  watched.state = WatchState::polled;
  watched.due = now_;
  ++polled_;
}

void Supervisor::on(const event::Verdict& e) {
  Watched* watched = find(e.slot);
  if (watched == nullptr) return;
  if (!e.dead) {
    probe_again_later(*watched);
    return;
  }
  if (watched->suspected_at == never) watched->suspected_at = now_;
  if (watched->state != WatchState::draining) actions_.emplace_back(action::Reclaim{e.slot});
}

void Supervisor::probe_again_later(Watched& watched) {
  if (watched.state != WatchState::polled) return;
  if (now_ < watched.quick_until) {
    watched.pause = tuning_.recheck;
  } else if (watched.quick_until == 0) {
    watched.pause = poll_pause();
  } else {
    // Something keeps the memory of a dying process (a core dump), or the pid was a lie.
    watched.pause = std::min(watched.pause * 2, poll_pause());
  }
  watched.due = now_ + watched.pause;
}

Nanos Supervisor::poll_pause() const noexcept {
  return std::max(tuning_.poll, Nanos{polled_} * second / tuning_.polls_per_s);
}

void Supervisor::on(const event::Reclaim& e) {
  Watched* watched = find(e.slot);
  if (watched == nullptr) return;
  if (e.result == event::ReclaimResult::pending) {
    if (watched->state != WatchState::draining) {
      const Nanos pause = tuning_.drain;
      if (watched->state == WatchState::polled) --polled_;
      if (watched->state == WatchState::watched || watched->state == WatchState::opening) {
        actions_.emplace_back(action::Unwatch{e.slot});
      }
      watched->state = WatchState::draining;
      watched->pause = pause;
    }
    watched->due = now_ + watched->pause;
    watched->pause = std::min(watched->pause * 2, tuning_.drain_max);
    return;
  }
  if (e.result == event::ReclaimResult::freed) {
    const Nanos took = now_ - std::min(now_, watched->suspected_at);
    actions_.emplace_back(
        action::LogSlot{Level::info, "participant reclaimed", e.slot, watched->pid, took});
  }
  forget(e.slot.index);
}

void Supervisor::on(const event::BusFile& e) {
  if (e.state == event::FileState::ours) {
    missing_checks_ = 0;
    detached_logged_ = false;
    return;
  }
  const bool missing = e.state == event::FileState::missing;
  missing_checks_ = missing ? missing_checks_ + 1 : 0;
  if (!detached_logged_) {
    actions_.emplace_back(action::Log{
        Level::warning, missing ? "the file of the bus was removed; staying until all have left it"
                                : "the file of the bus was replaced; staying until all have left "
                                  "the old one"});
  }
  detached_logged_ = true;
  if (taken_ != 0) return;
  if (!missing) stop(Ending::replaced);
  if (missing_checks_ >= missing_checks_max) stop(Ending::removed);
}

void Supervisor::on(const event::StopSignal&) { stop(Ending::stopped); }

void Supervisor::stop(Ending ending) {
  actions_.emplace_back(action::Stop{ending});
  stopped_ = true;
}

void Supervisor::run_due_chores() {
  if (sweep_at_ <= now_) {
    sweep_at_ = now_ + tuning_.sweep;  // from now: hours may have passed, and one sweep will do
    census_wanted_ = sweeping_ = true;
    actions_.emplace_back(action::CheckBusFile{});
  }
  if (census_wanted_) actions_.emplace_back(action::TakeCensus{});
  census_wanted_ = false;
  if (statistics_at_ <= now_) {
    statistics_at_ = now_ + tuning_.statistics;
    actions_.emplace_back(action::PublishStatistics{});
  }
  if (watchdog_at_ <= now_) {
    watchdog_at_ = now_ + tuning_.watchdog / 2;
    actions_.emplace_back(action::NotifyWatchdog{});
  }
}

void Supervisor::run_due_wards() {
  for (std::uint32_t i = 0; i < watched_.size(); ++i) {
    Watched& watched = watched_[i];
    if (watched.due <= now_) {
      watched.due = never;  // until the answer
      if (watched.state == WatchState::draining) {
        actions_.emplace_back(action::Reclaim{id_of(i)});
      } else {
        actions_.emplace_back(action::Probe{id_of(i)});
      }
    }
    wake_at_ = std::min(wake_at_, watched.due);
  }
}

Supervisor::Watched* Supervisor::find(SlotId slot) noexcept {
  if (slot.index >= watched_.size()) return nullptr;
  Watched& watched = watched_[slot.index];
  return watched.state != WatchState::nobody && watched.epoch == slot.epoch ? &watched : nullptr;
}

SlotId Supervisor::id_of(std::uint32_t index) const noexcept {
  return {index, watched_[index].epoch};
}

}  // namespace shmbus::daemon
