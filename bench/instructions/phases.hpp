#pragma once
// What callgrind counts, and how it is divided: scripts/instructions passes the names of the two
// functions on. It collects what runs inside of the one, and writes a file at each end of the
// other.

#include <cstddef>
#include <set>

#include "instructions/pair.hpp"
#include "instructions/partner.hpp"
#include "instructions/traps.hpp"

namespace shmbus::bench {

extern "C" [[gnu::noinline]] inline void shmbus_phase_end() { asm volatile(""); }

template <class F>
[[gnu::noinline]] void shmbus_count_this(F& f) {
  f();
  asm volatile("");
}

/// Where an operation's calls are handed over: behind the store that commits a call in its caller,
/// behind the one that commits its reply in its handler.
struct Places {
  std::set<Offset> of_caller{};
  std::set<Offset> of_handler{};
};

inline constexpr int warmups = 2000;
inline constexpr int few_warmups = 64;
inline constexpr int sends_per_turn = 32;

/// A handler to count, in this thread, and its caller in another.
template <class Side>
class HandlerCount {
 public:
  explicit HandlerCount(const PairSetup& setup, bool finds = false) : pair_(setup) {
    Side::serve(pair_.server(), setup.how, finds);
    ask([&] {
      side_.emplace(pair_.bus(), setup);
      return true;
    });
    for (int i = 0; i < warmups && !finds; ++i) {
      ask(start_);
      pair_.turn();
      ask(finish_);
    }
  }
  HandlerCount(const HandlerCount&) = delete;
  HandlerCount& operator=(const HandlerCount&) = delete;
  ~HandlerCount() {
    partner_.ask([&] {
      pending_.reset();
      side_.reset();
      return true;
    });
  }

  Offset find() {
    ask(start_);
    const Offset place = find_hand_over([&] { pair_.turn(); }, next_if_answered());
    ask(finish_);
    return place;
  }
  /// Phases: `times` turns with one call, and as many with two, the second of which was sent when
  /// the first was answered.
  void count(int times, const std::set<Offset>& places) {
    const auto turn = [&] { ran_ = pair_.turn(); };
    for (const std::size_t calls : {1U, 2U}) {
      for (int i = 0; i < times; ++i) {
        ask(start_);
        if (calls == 2) arm_hand_over(places, next_if_answered());
        shmbus_count_this(turn);
        if (ran_ != calls) throw std::runtime_error("a turn missed a call");
        ask(finish_);
      }
      shmbus_phase_end();
    }
  }

 private:
  using Job = Partner::Job;
  void ask(const Job& job) {
    partner_.ask(job);
    partner_.check();
  }
  HandOver next_if_answered() {
    return [this] { return partner_.ask(next_); };
  }

  Pair pair_;
  std::size_t ran_ = 0;
  // The partner's:
  std::optional<Side> side_;
  std::optional<decltype(std::declval<Side&>().start())> pending_;
  const Job start_{[this] {
    pending_.emplace(side_->start());
    return true;
  }};
  const Job finish_{[this] {
    if (!pending_->wait()) throw std::runtime_error("a call failed");
    return true;
  }};
  const Job next_{[this] {
    if (!pending_->ready()) return false;
    finish_();
    return start_();
  }};
  Partner partner_;
};

/// A caller to count, in this thread, and its handler in another.
template <class Side>
class CallerCount {
 public:
  explicit CallerCount(const PairSetup& setup, bool finds = false)
      : pair_(setup), side_((Side::serve(pair_.server(), setup.how), pair_.bus()), setup) {
    for (int i = 0; i < (finds ? few_warmups : warmups); ++i) {
      auto pending = side_.start();
      pair_.turn();
      value_of("wait", pending.wait());
    }
  }

  Offset find() {
    const auto call = [&] {
      step_from_here();
      side_.call();
    };
    return find_hand_over(call, run_it());
  }
  /// Phases: `times` calls of a function that does nothing, and as many of the true one.
  void count(int times, const std::set<Offset>& places) {
    NothingCalled nothing;
    const auto call_nothing = [&] { nothing.call(); };
    for (int i = 0; i < times; ++i) shmbus_count_this(call_nothing);
    shmbus_phase_end();
    const auto call = [&] { side_.call(); };
    for (int i = 0; i < times; ++i) {
      arm_hand_over(places, run_it());
      shmbus_count_this(call);
      if (is_armed()) throw std::runtime_error("a call ended without having been handed over");
      if (!side_.has_answer()) throw std::runtime_error("not the answer to what was called");
    }
    shmbus_phase_end();
  }

 private:
  HandOver run_it() {
    return [this] { return partner_.ask(turn_); };
  }
  Pair pair_;
  Side side_;
  const Partner::Job turn_{[this] { return pair_.turn() != 0; }};
  Partner partner_;
};

/// Phases: turns that find nothing, turns that find `sends_per_turn` commands, sends of nothing,
/// sends. The commands of a turn are sent one by one, or together by send_many().
template <class Side, bool Together = false>
void count_sends(PairSetup setup, int times) {
  if (Together) setup.many = sends_per_turn;
  Pair pair(setup);
  Side::serve(pair.server(), setup.how);
  Side side(pair.bus(), setup);
  std::size_t ran = 0;
  const auto turn = [&] { ran = pair.turn(); };
  const auto send = [&] {
    if constexpr (Together) {
      side.send_many();
    } else {
      side.send();
    }
  };
  constexpr int sends = Together ? 1 : sends_per_turn;  // for a turn
  const auto batches = [&](int commands, auto&& send_some, auto&& run_all) {
    for (int i = 0; i < commands; i += sends_per_turn) {
      for (int k = 0; k < sends; ++k) send_some();
      run_all();
      if (ran == 0) throw std::runtime_error("a turn did not run what was sent");
    }
  };
  batches(warmups, send, turn);
  for (int i = 0; i < times; i += sends_per_turn) shmbus_count_this(turn);
  shmbus_phase_end();
  batches(times, send, [&] { shmbus_count_this(turn); });
  shmbus_phase_end();
  NothingCalled nothing;
  const auto send_nothing = [&] { nothing.send(); };
  for (int i = 0; i < times / sends_per_turn * sends; ++i) shmbus_count_this(send_nothing);
  shmbus_phase_end();
  batches(
      times, [&] { shmbus_count_this(send); }, turn);
  shmbus_phase_end();
}

}  // namespace shmbus::bench
