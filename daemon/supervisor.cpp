#include "daemon/supervisor.hpp"

#include <algorithm>

namespace shmbus::daemon {

namespace {

// A name that is missing once may be about to be given to a new bus.
constexpr std::uint32_t missing_checks_max = 2;

}  // namespace

Supervisor::Supervisor(std::uint32_t seats, const Tuning& tuning)
    : tuning_(tuning), wards_(seats) {}

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
  for (const Seat& seat : e.seats) {
    if (seat.id.index < wards_.size()) meet(seat);
  }
  for (std::uint32_t i = 0; i < wards_.size(); ++i) {
    if (wards_[i].care != Care::nobody && wards_[i].census != census_) forget(i);
  }
  sweeping_ = false;
  if (!ready_) actions_.emplace_back(action::NotifyReady{});
  ready_ = true;
}

void Supervisor::meet(const Seat& seat) {
  Ward& ward = wards_[seat.id.index];
  if (ward.census == census_) return;  // said twice
  const bool known = ward.care != Care::nobody && ward.epoch == seat.id.epoch &&
                     ward.pid == seat.pid && ward.joined == seat.joined;
  if (!known) {
    if (ward.care != Care::nobody) forget(seat.id.index);
    adopt(seat);
    return;
  }
  ward.census = census_;
  const bool just_left = seat.left && !ward.left;
  ward.left = seat.left;
  if (ward.care == Care::draining) return;
  if (just_left || sweeping_) actions_.emplace_back(action::Probe{seat.id});
}

void Supervisor::adopt(const Seat& seat) {
  Ward& ward = wards_[seat.id.index];
  ward = Ward{};
  ward.epoch = seat.id.epoch;
  ward.pid = seat.pid;
  ward.joined = seat.joined;
  ward.left = seat.left;
  ward.census = census_;
  ++taken_;
  if (seat.pid == 0) {
    poll_from_now(ward);
  } else {
    ward.care = Care::opening;
    actions_.emplace_back(action::Watch{seat.id, seat.pid});
  }
}

void Supervisor::forget(std::uint32_t index) {
  Ward& ward = wards_[index];
  // `opening`: the answer to Watch may be on its way; actions are done in order, so this closes it.
  if (ward.care == Care::watched || ward.care == Care::opening) {
    actions_.emplace_back(action::Unwatch{id_of(index)});
  }
  if (ward.care == Care::polled) --polled_;
  ward.care = Care::nobody;
  ward.due = never;
  --taken_;
}

void Supervisor::on(const event::Watch& e) {
  Ward* ward = find(e.seat);
  if (ward == nullptr || (ward->care != Care::opening && ward->care != Care::watched)) return;
  switch (e.result) {
    case event::WatchResult::watching:
      ward->care = Care::watched;
      actions_.emplace_back(action::Probe{e.seat});
      return;
    case event::WatchResult::no_such_process:
      suspect(e.seat.index);
      return;
    case event::WatchResult::refused:
      if (!refusal_logged_) {
        actions_.emplace_back(action::LogSeat{
            Level::warning, "no pidfd: its death will be found by polling", e.seat, ward->pid});
      }
      refusal_logged_ = true;
      poll_from_now(*ward);
  }
}

void Supervisor::on(const event::Exit& e) {
  const Ward* ward = find(e.seat);
  if (ward == nullptr || (ward->care != Care::opening && ward->care != Care::watched)) return;
  suspect(e.seat.index);
}

void Supervisor::suspect(std::uint32_t index) {
  Ward& ward = wards_[index];
  actions_.emplace_back(action::Unwatch{id_of(index)});
  ward.suspected_at = now_;
  ward.quick_until = now_ + tuning_.recheck_quick;
  poll_from_now(ward);
}

/// REQUIRES: not polled yet.
void Supervisor::poll_from_now(Ward& ward) {
  ward.care = Care::polled;
  ward.due = now_;
  ++polled_;
}

void Supervisor::on(const event::Verdict& e) {
  Ward* ward = find(e.seat);
  if (ward == nullptr) return;
  if (!e.dead) {
    probe_again_later(*ward);
    return;
  }
  if (ward->suspected_at == never) ward->suspected_at = now_;
  if (ward->care != Care::draining) actions_.emplace_back(action::Reclaim{e.seat});
}

void Supervisor::probe_again_later(Ward& ward) {
  if (ward.care != Care::polled) return;
  if (now_ < ward.quick_until) {
    ward.pause = tuning_.recheck;
  } else if (ward.quick_until == 0) {
    ward.pause = poll_pause();
  } else {
    // Something keeps the memory of a dying process (a core dump), or the pid was a lie.
    ward.pause = std::min(ward.pause * 2, poll_pause());
  }
  ward.due = now_ + ward.pause;
}

Nanos Supervisor::poll_pause() const noexcept {
  return std::max(tuning_.poll, Nanos{polled_} * second / tuning_.polls_per_s);
}

void Supervisor::on(const event::Reclaim& e) {
  Ward* ward = find(e.seat);
  if (ward == nullptr) return;
  if (e.result == event::ReclaimResult::pending) {
    if (ward->care != Care::draining) {
      const Nanos pause = tuning_.drain;
      if (ward->care == Care::polled) --polled_;
      if (ward->care == Care::watched || ward->care == Care::opening) {
        actions_.emplace_back(action::Unwatch{e.seat});
      }
      ward->care = Care::draining;
      ward->pause = pause;
    }
    ward->due = now_ + ward->pause;
    ward->pause = std::min(ward->pause * 2, tuning_.drain_max);
    return;
  }
  if (e.result == event::ReclaimResult::freed) {
    const Nanos took = now_ - std::min(now_, ward->suspected_at);
    actions_.emplace_back(
        action::LogSeat{Level::info, "participant reclaimed", e.seat, ward->pid, took});
  }
  forget(e.seat.index);
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
  for (std::uint32_t i = 0; i < wards_.size(); ++i) {
    Ward& ward = wards_[i];
    if (ward.due <= now_) {
      ward.due = never;  // until the answer
      if (ward.care == Care::draining) {
        actions_.emplace_back(action::Reclaim{id_of(i)});
      } else {
        actions_.emplace_back(action::Probe{id_of(i)});
      }
    }
    wake_at_ = std::min(wake_at_, ward.due);
  }
}

Supervisor::Ward* Supervisor::find(SeatId seat) noexcept {
  if (seat.index >= wards_.size()) return nullptr;
  Ward& ward = wards_[seat.index];
  return ward.care != Care::nobody && ward.epoch == seat.epoch ? &ward : nullptr;
}

SeatId Supervisor::id_of(std::uint32_t index) const noexcept {
  return {index, wards_[index].epoch};
}

}  // namespace shmbus::daemon
