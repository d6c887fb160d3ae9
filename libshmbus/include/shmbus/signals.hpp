// Ending a program on SIGTERM and SIGINT, in three lines:
//
//   auto stop = shmbus::stop_on_signals();
//   if (!stop) return report(stop.error());
//   auto ended = server->run(stop->token());   // returns when a signal has come
//
// The library touches no signal unless it is asked to by this function. Commands that were
// committed before the signal are run, and answered, before run() returns; see Server::run.
//
// It works whatever threads there are and whatever signals they block: a thread of its own lets the
// signals in. It works as process 1 of a container, where a signal without a handler is ignored. A
// second signal changes nothing: a handler that never returns is ended by SIGKILL or SIGQUIT.
#pragma once

#include <csignal>
#include <initializer_list>
#include <memory>
#include <stop_token>

#include "shmbus/error.hpp"
#include "shmbus/export.hpp"

namespace shmbus {

namespace detail {
struct StopState;
}

/// While it lives, the signals ask its token to stop. When the last of a signal is destroyed, the
/// signal does again what it did before.
/// Threads   any may look at it, one at a time destroys it.
/// Forks     a child does not have it: there the signal does what it did before, and ends the
/// child.
class SHMBUS_API StopOnSignals {
 public:
  StopOnSignals(StopOnSignals&& other) noexcept;
  StopOnSignals& operator=(StopOnSignals&& other) noexcept;
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
  ~StopOnSignals();

  /// Stays valid when this object has gone.
  [[nodiscard]] std::stop_token token() const noexcept;
  /// The one that came first; 0: none so far.
  [[nodiscard]] int signal() const noexcept;

 private:
  friend SHMBUS_API Result<StopOnSignals> stop_on_signals(std::initializer_list<int>) noexcept;
  explicit StopOnSignals(std::unique_ptr<detail::StopState> state) noexcept;
  std::unique_ptr<detail::StopState> state_;
};

/// Several may live at one time. SIGINT, SIGQUIT and SIGHUP stay ignored where they are ignored: a
/// shell starts programs in the background, and nohup, like that.
///   already_registered  the program has a handler of its own for one of them: let that one ask a
///                       std::stop_source to stop
///   invalid_argument    one of them cannot be caught, or there is none
///   overloaded          no memory, or no thread
[[nodiscard]] SHMBUS_API Result<StopOnSignals> stop_on_signals(
    std::initializer_list<int> signals = {SIGTERM, SIGINT}) noexcept;

}  // namespace shmbus
