// The supervisor decides what shmbusd does next. It is a pure step: events and the time go in,
// actions come out. It knows no clock, no system call, no atomic and no segment, so a test drives
// it through hours of simulated life (tests/unit/supervisor_sim_test.cpp).
//
// It never says who is dead. It says whom to look at, and when:
//
//   newcomer ──pidfd opened──► watched ──pidfd readable──► polled
//   newcomer ──no pidfd to be had──► polled (again and again, slowly)
//   any ──verdict "dead"──► reclaim ──a lane is still to be drained──► draining ──► forgotten
//
// A verdict is asked for again right after a pidfd was opened: the pid may have been another
// process's by then, and a pidfd of the wrong process never tells. For the same reason, and because
// a process that calls exec() leaves the bus without exiting, everybody is probed once per sweep.
//
// 1. Reclaim is asked for only after a verdict "dead" about that very generation of the slot.
// 2. At most one pidfd is open for a slot, and none for a slot that is not in `watched_`.
// 3. Memory is fixed at construction but for the list of actions, which a step bounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "daemon/messages.hpp"

namespace shmbus::daemon {

struct Tuning {
  Nanos sweep = second;  ///< census and a probe of everybody
  Nanos statistics = second;
  Nanos watchdog = 0;                      ///< 0: nobody waits for a sign of life
  Nanos recheck = 200 * microsecond;       ///< after a pidfd told before the token was free...
  Nanos recheck_quick = 10 * millisecond;  ///< ...for so long, then ever more slowly
  Nanos poll = 10 * millisecond;           ///< of those without a pidfd
  std::uint32_t polls_per_s = 2'000;       ///< but in all no more than these: 0.1 % of a core
  Nanos drain = millisecond;               ///< first pause before a pending reclaim is repeated
  Nanos drain_max = second;
};

class Supervisor {
 public:
  Supervisor(std::uint32_t slots, const Tuning& tuning);

  /// The result is valid until the next step. Events are handled in order, then what is due.
  const std::vector<Action>& step(Nanos now, std::span<const Event> events);

  /// Call step() by then, with or without events.
  [[nodiscard]] Nanos wake_at() const noexcept { return wake_at_; }
  /// Participants in care.
  [[nodiscard]] std::uint32_t wards() const noexcept { return taken_; }

 private:
  enum class WatchState : std::uint8_t { nobody, opening, watched, polled, draining };
  struct Watched {
    WatchState state = WatchState::nobody;
    bool left = false;
    std::uint32_t epoch = 0;
    std::uint32_t pid = 0;
    std::uint64_t joined = 0;
    std::uint64_t census = 0;  ///< number of the last census that found it
    Nanos due = never;         ///< next probe, or repeated reclaim
    Nanos pause = 0;           ///< between the last two
    Nanos quick_until = 0;
    Nanos suspected_at = never;
  };

  void on(const event::Started& e);
  void on(const event::Arrival& e);
  void on(const event::Census& e);
  void on(const event::Watch& e);
  void on(const event::Exit& e);
  void on(const event::Verdict& e);
  void on(const event::Reclaim& e);
  void on(const event::BusFile& e);
  void on(const event::StopSignal& e);

  void meet(const Slot& slot);
  void adopt(const Slot& slot);
  void forget(std::uint32_t index);
  void suspect(std::uint32_t index);
  void poll_from_now(Watched& watched);
  void probe_again_later(Watched& watched);
  void run_due_wards();
  void run_due_chores();
  [[nodiscard]] Watched* find(SlotId slot) noexcept;
  [[nodiscard]] Nanos poll_pause() const noexcept;
  [[nodiscard]] SlotId id_of(std::uint32_t index) const noexcept;
  void stop(Ending ending);

  Tuning tuning_;
  std::vector<Watched> watched_;  ///< by slot
  std::vector<Action> actions_;
  Nanos now_ = 0;
  Nanos wake_at_ = 0;
  Nanos sweep_at_ = never;
  Nanos statistics_at_ = never;
  Nanos watchdog_at_ = never;
  std::uint64_t census_ = 0;
  std::uint32_t taken_ = 0;
  std::uint32_t polled_ = 0;
  std::uint32_t missing_checks_ = 0;
  bool census_wanted_ = false;
  bool sweeping_ = false;
  bool ready_ = false;
  bool refusal_logged_ = false;
  bool detached_logged_ = false;
  bool stopped_ = false;
};

}  // namespace shmbus::daemon
