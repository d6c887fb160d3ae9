// A circuit breaker: after failures in a row a side gets no requests for a while, then one to try.
//
//   closed ──failures in a row, or no answer at all for `stall`──► open
//     ▲                                                             │ pause
//     └──────── the trial succeeds ──────── half open ◄─────────────┘   (it fails: open again)
#pragma once

#include <algorithm>
#include <cstdint>

#include "gateway/event_loop.hpp"

namespace shmbus::gateway::converge {

struct BreakerConfig {
  std::uint32_t failures = 5;
  Time stall = second;
  Time pause = second;
  friend bool operator==(const BreakerConfig&, const BreakerConfig&) = default;
};

class Breaker {
 public:
  enum class State : std::uint8_t { closed, open, half_open };

  void configure(const BreakerConfig& config) noexcept { config_ = config; }
  /// Whether a request may go there now; if so, it is to end with one of the three below.
  bool take(Time at) noexcept {
    if (state_ == State::open && at >= until_) state_ = State::half_open;
    if (state_ == State::open || (state_ == State::half_open && trial_)) return false;
    trial_ = state_ == State::half_open;
    if (waiting_++ == 0) moved_at_ = at;
    return true;
  }
  void succeeded(Time at) noexcept {
    left(at);
    in_a_row_ = 0;
    state_ = State::closed;
  }
  void failed(Time at) noexcept {
    left(at);
    if (++in_a_row_ >= config_.failures || state_ == State::half_open) open(at);
  }
  /// Nothing was learned: the client went away.
  void gave_up(Time at) noexcept {
    const Time moved = moved_at_;
    left(at);
    moved_at_ = moved;  // no sign of life
  }
  /// To be called on a tick: a side that has taken requests and answers none is open, too.
  void look(Time at) noexcept {
    const bool stalls = waiting_ != 0 && at - moved_at_ >= config_.stall;
    if (state_ != State::open && stalls) open(at);
  }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }
  /// Until a request may go there.
  [[nodiscard]] Time wait(Time at) const noexcept {
    return state_ == State::open && until_ > at ? until_ - at : 0;
  }

 private:
  void left(Time at) noexcept {
    waiting_ -= waiting_ == 0 ? 0 : 1;
    moved_at_ = at;
    trial_ = false;
  }
  void open(Time at) noexcept {
    if (state_ != State::open) ++opened_;
    state_ = State::open;
    until_ = at + config_.pause;
    in_a_row_ = 0;
    trial_ = false;
  }

  BreakerConfig config_;
  State state_ = State::closed;
  std::uint32_t in_a_row_ = 0;
  std::uint32_t waiting_ = 0;
  std::uint64_t opened_ = 0;
  bool trial_ = false;
  Time until_ = 0;
  Time moved_at_ = 0;
};

}  // namespace shmbus::gateway::converge
