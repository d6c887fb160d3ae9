// The world that the supervisor's simulation puts in the place of the kernel and the segment, and
// the checks that hold at every step of it. Included by supervisor_sim_test.cpp alone.
//
// Participants join, leave, die, call exec(), dump core, lie about their pid and are reclaimed by
// others; kernels refuse pidfds; pids are reused at once; notices come late or never.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "daemon/supervisor.hpp"
#include "support/catch.hpp"

namespace shmbus::daemon::sim {

struct Terms {
  const char* name;
  double refuses_pidfd = 0;    ///< share of pidfd_open() calls that fail (EPERM, EMFILE, ENOSYS)
  double foreign = 0;          ///< share of participants in another pid namespace
  double lies = 0;             ///< share of participants whose pid in the segment is not theirs
  double execs = 0;            ///< share of ends that release the token and leave the pid alive
  double late_token = 0;       ///< share of deaths whose token is freed after the pidfd told
  double loses_arrivals = 0;   ///< share of arrivals of which nobody is told
  double garbage = 0;          ///< share of censuses with entries that no kernel wrote
  std::uint32_t pids = 1'000;  ///< few pids are reused soon
  double hours = 0.5;
};

constexpr std::uint32_t slots = 24;
constexpr Nanos mean_between_acts = 40 * millisecond;
constexpr Nanos answer_delay_max = 300 * microsecond;
constexpr std::size_t actions_per_step_max = 4 * slots + 16;

struct Process {
  bool alive = false;
  std::uint64_t incarnation = 0;
};

struct Occupant {
  bool taken = false;
  std::uint32_t epoch = 1;
  std::uint32_t pid = 0;       ///< really
  std::uint32_t told_pid = 0;  ///< in the segment
  bool foreign = false;
  bool left = false;
  std::uint64_t joined = 0;
  std::uint64_t incarnation = 0;  ///< of its process
  Nanos token_free_at = never;
  Nanos drained_at = 0;
  bool notice_possible = false;  ///< a pidfd will tell, if one could be had
  bool mourned = false;          ///< its death counts for the bound
};

struct Pidfd {
  SlotId slot;
  std::uint32_t pid = 0;
  std::uint64_t incarnation = 0;
  bool told = false;
};

class World {
 public:
  World(const Terms& terms, std::uint64_t seed)
      : terms_(terms), random_(seed), supervisor_(slots, Tuning{}), processes_(terms.pids + 1) {}

  void run() {
    deliver(event::Started{}, now_);
    const auto end = static_cast<Nanos>(terms_.hours * 3600) * second;
    next_act_ = mean_between_acts;
    while (now_ < end) advance(true);
    wind_down();
  }

  std::uint64_t steps = 0;
  std::uint64_t deaths = 0;
  std::uint64_t reclaims = 0;
  Nanos slowest_with_pidfd = 0;
  Nanos slowest_undrained = 0;
  Nanos slowest = 0;
  std::size_t actions_max = 0;

 private:
  double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }
  Nanos exponential(Nanos mean) {
    return static_cast<Nanos>(
        std::exponential_distribution<double>(1.0 / static_cast<double>(mean))(random_));
  }

  void deliver(Event e, Nanos at) { queue_.emplace(at, std::move(e)); }
  void answer(Event e) {
    answered_at_ = std::max(answered_at_, now_ + below(answer_delay_max));  // answers keep order
    deliver(std::move(e), answered_at_);
  }

  /// To the next thing that happens: an act of the world, a delivery, or the supervisor's timer.
  void advance(bool acting) {
    Nanos next = std::min(supervisor_.wake_at(), next_notice());
    if (!queue_.empty()) next = std::min(next, queue_.begin()->first);
    if (acting) next = std::min(next, next_act_);
    REQUIRE(next != never);
    same_instant_ = next <= now_ ? same_instant_ + 1 : 0;
    REQUIRE(same_instant_ < 100);  // no endless chain of actions and answers
    now_ = std::max(now_, next);
    if (acting && next_act_ <= now_) {
      act();
      next_act_ = now_ + exponential(mean_between_acts);
    }
    tell_exits();
    std::vector<Event> events;
    while (!queue_.empty() && queue_.begin()->first <= now_) {
      events.push_back(std::move(queue_.begin()->second));
      queue_.erase(queue_.begin());
    }
    step(events);
    check_mourned();
  }

  void step(const std::vector<Event>& events) {
    ++steps;
    const auto& actions = supervisor_.step(now_, events);
    actions_max = std::max(actions_max, actions.size());
    REQUIRE(actions.size() <= actions_per_step_max);
    REQUIRE(supervisor_.wards() <= slots);
    REQUIRE(pidfds_.size() <= slots);
    for (const Action& action : actions) {
      std::visit([this](const auto& inner) { perform(inner); }, action);
    }
  }

  // What the kernel and the participants do.

  void act() {
    const std::uint64_t index = below(slots);
    Occupant& o = world_[index];
    if (!o.taken) {
      join(o);
      return;
    }
    if (o.token_free_at != never) {
      // A waiting caller reclaims it before the daemon does.
      if (o.token_free_at <= now_ && o.drained_at <= now_ && chance() < 0.3) free_slot(o);
      return;
    }
    const double how = chance();
    if (how < 0.25) {
      leave(o);
    } else if (how < 0.75) {
      die(o);
    }  // else: paused, in a debugger, busy: nothing that a supervisor may notice
  }

  std::uint32_t fresh_pid() {
    for (;;) {
      const auto pid = static_cast<std::uint32_t>(1 + below(terms_.pids));
      if (!processes_[pid].alive) return pid;
    }
  }

  void join(Occupant& o) {
    o.taken = true;
    o.pid = fresh_pid();
    o.incarnation = ++incarnations_;
    processes_[o.pid] = {true, o.incarnation};
    o.told_pid =
        chance() < terms_.lies ? static_cast<std::uint32_t>(below(terms_.pids + 1)) : o.pid;
    o.foreign = chance() < terms_.foreign;
    o.left = o.mourned = false;
    o.joined = now_;
    o.token_free_at = never;
    o.notice_possible = !o.foreign && o.told_pid == o.pid;
    if (chance() >= terms_.loses_arrivals) deliver(event::Arrival{}, now_ + below(millisecond));
  }

  void leave(Occupant& o) {
    if (chance() < 0.8) {
      free_slot(o);
    } else {  // a lane has yet to be drained: others finish it
      o.left = true;
      o.notice_possible = false;
      o.token_free_at = now_ + below(100 * microsecond);
      o.drained_at = now_ + exponential(50 * millisecond);
    }
    if (chance() < 0.5) {
      end_process(o);
    } else {
      live_on(o.pid, o.incarnation);
    }
  }

  void die(Occupant& o) {
    ++deaths;
    if (chance() < terms_.execs) {
      o.token_free_at = now_;
      o.notice_possible = false;
      live_on(o.pid, o.incarnation);
    } else {
      end_process(o);
      o.token_free_at = chance() < terms_.late_token ? now_ + exponential(300 * millisecond) : now_;
    }
    o.drained_at = chance() < 0.2 ? now_ + exponential(50 * millisecond) : now_;
    o.mourned = true;
  }

  /// Its pid may be somebody else's at once: nobody we know.
  void end_process(const Occupant& o) {
    processes_[o.pid].alive = false;
    if (chance() < 0.3) live_on(o.pid, ++incarnations_);
  }
  /// A process off the bus keeps its pid for a while.
  void live_on(std::uint32_t pid, std::uint64_t incarnation) {
    processes_[pid] = {true, incarnation};
    strangers_.push_back(pid);
    if (strangers_.size() <= terms_.pids / 4) return;
    processes_[strangers_.front()].alive = false;
    strangers_.pop_front();
  }

  void free_slot(Occupant& o) {
    o.taken = false;
    o.epoch = o.epoch == 0xFFF ? 1 : o.epoch + 1;
    o.token_free_at = never;
    o.mourned = false;
  }

  Nanos next_notice() const {
    for (const auto& [index, fd] : pidfds_) {
      if (!fd.told && exited(fd)) return now_;
    }
    return never;
  }
  bool exited(const Pidfd& fd) const {
    return !processes_[fd.pid].alive || processes_[fd.pid].incarnation != fd.incarnation;
  }
  void tell_exits() {
    for (auto& [index, fd] : pidfds_) {
      if (fd.told || !exited(fd)) continue;
      fd.told = true;
      deliver(event::Exit{fd.slot}, now_ + below(100 * microsecond));
    }
  }

  bool dead(const Occupant& o) const { return o.token_free_at <= now_; }

  // What the supervisor wants done.

  void perform(const action::TakeCensus&) {
    event::Census census;
    for (std::uint32_t i = 0; i < slots; ++i) {
      const Occupant& o = world_[i];
      if (!o.taken) continue;
      const std::uint32_t pid = o.foreign ? 0 : o.told_pid;
      census.slots.push_back({{i, o.epoch}, pid, o.joined, o.left});
    }
    if (chance() < terms_.garbage) {
      census.slots.push_back({{slots + 7, 1}, 1, 1, false});
      census.slots.push_back({{static_cast<std::uint32_t>(below(slots)), 77}, 3, 3, true});
    }
    answer(std::move(census));
  }

  void perform(const action::Watch& a) {
    auto result = event::WatchResult::watching;
    REQUIRE(a.pid != 0);
    if (chance() < terms_.refuses_pidfd) {
      result = event::WatchResult::refused;
    } else if (!processes_[a.pid].alive) {
      result = event::WatchResult::no_such_process;
    } else {
      const bool fresh =
          pidfds_
              .try_emplace(a.slot.index, Pidfd{a.slot, a.pid, processes_[a.pid].incarnation, false})
              .second;
      REQUIRE(fresh);  // the one before was closed
    }
    Occupant& o = world_[a.slot.index];
    if (result == event::WatchResult::refused && o.epoch == a.slot.epoch) o.notice_possible = false;
    answer(event::Watch{a.slot, result});
  }

  void perform(const action::Unwatch& a) {
    const auto found = pidfds_.find(a.slot.index);
    if (found != pidfds_.end() && found->second.slot == a.slot) pidfds_.erase(found);
  }

  void perform(const action::Probe& a) {
    const bool is_dead = !world_[a.slot.index].taken || dead(world_[a.slot.index]);
    if (is_dead) verdicts_[a.slot.index] = a.slot.epoch;
    answer(event::Verdict{a.slot, is_dead});
  }

  void perform(const action::Reclaim& a) {
    Occupant& o = world_[a.slot.index];
    REQUIRE(verdicts_[a.slot.index] == a.slot.epoch);
    if (!o.taken || o.epoch != a.slot.epoch) {
      answer(event::Reclaim{a.slot, event::ReclaimResult::gone});
      return;
    }
    REQUIRE(dead(o));
    if (o.drained_at > now_) {
      answer(event::Reclaim{a.slot, event::ReclaimResult::pending});
      return;
    }
    ++reclaims;
    note_latency(o);
    free_slot(o);
    answer(event::Reclaim{a.slot, event::ReclaimResult::freed});
  }

  void perform(const action::CheckBusFile&) { answer(event::BusFile{event::FileState::ours}); }
  void perform(const action::Stop&) { FAIL("nobody asked it to stop"); }
  void perform(const action::PublishStatistics&) {}
  void perform(const action::NotifyReady&) { REQUIRE(++ready_ == 1); }
  void perform(const action::NotifyWatchdog&) {}
  void perform(const action::Log&) {}
  void perform(const action::LogSlot&) {}

  // The bounds.

  static Nanos since(const Occupant& o, Nanos now) {
    return now - std::min(now, std::max(o.token_free_at, o.drained_at));
  }
  void note_latency(const Occupant& o) {
    if (!o.mourned) return;
    slowest = std::max(slowest, since(o, now_));
    // Joined long enough ago to be known, and without a lane that had to be drained first.
    if (o.drained_at > o.token_free_at || o.token_free_at < o.joined + 5 * millisecond) return;
    slowest_undrained = std::max(slowest_undrained, since(o, now_));
    if (o.notice_possible) slowest_with_pidfd = std::max(slowest_with_pidfd, since(o, now_));
  }
  /// Two sweeps find everybody, whatever else went wrong; a drained lane is found by the pauses
  /// of the repeated reclaim, which double up to a second.
  void check_mourned() const {
    for (const Occupant& o : world_) {
      if (o.taken && o.mourned && dead(o)) REQUIRE(since(o, now_) <= 2 * second + millisecond);
    }
  }

  void wind_down() {
    for (Occupant& o : world_) {
      if (o.taken && o.token_free_at == never) die(o);
    }
    const Nanos end = now_ + 10 * second;
    while (now_ < end) advance(false);
    for (const Occupant& o : world_) REQUIRE_FALSE(o.taken);
    REQUIRE(supervisor_.wards() == 0);
    REQUIRE(pidfds_.empty());
  }

  Terms terms_;
  std::mt19937_64 random_;
  Supervisor supervisor_;
  Nanos now_ = second;
  Nanos next_act_ = 0;
  Nanos answered_at_ = 0;
  int same_instant_ = 0;
  int ready_ = 0;
  std::uint64_t incarnations_ = 0;
  std::array<Occupant, slots> world_{};
  std::array<std::uint32_t, slots> verdicts_{};
  std::vector<Process> processes_;
  std::deque<std::uint32_t> strangers_;
  std::map<std::uint32_t, Pidfd> pidfds_;
  std::multimap<Nanos, Event> queue_;
};

}  // namespace shmbus::daemon::sim
