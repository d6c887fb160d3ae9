// What happens in one round of a storm.
#pragma once

#include <random>
#include <string>

#include "shmbus/options.hpp"

namespace shmbus::torture {

/// Who serves a name.
enum class Owners : std::uint8_t {
  one,    ///< one process; another one when that has died
  group,  ///< several together
  relay,  ///< one, and others that take over from it or wait for its end
};
inline const char* to_string(Owners owners) noexcept {
  return owners == Owners::one ? "one" : owners == Owners::group ? "group" : "relay";
}

struct Weather {
  Order order = Order::per_caller;
  Owners owners = Owners::one;
  bool canary = false;    ///< one more stands on trial, and the route changes all the time
  bool by_force = false;  ///< who takes over kills the one that does not give way
  unsigned members = 1;   ///< processes that serve a name, a canary included
  bool kill_callers = false;
  bool kill_handlers = false;
  bool restart_handlers = false;  ///< shut down in good order, and started again
  bool stops = false;             ///< SIGSTOP, some time, SIGCONT
  bool daemon = false;
  bool kill_daemon = false;
  bool parked = false;   ///< everybody sleeps between commands
  bool events = false;   ///< publishers and subscribers are at work, too
  bool streams = false;  ///< the same of handlers and callers of streams
  unsigned callers = 2;
  unsigned handlers = 1;  ///< each with a name of its own
  WaitMode handler_wait = WaitMode::adaptive;
  std::uint32_t cells = 64;
  std::uint32_t hot_lanes = 8;
  unsigned pause_us = 2'000;  ///< between two blows, on average

  /// A caller may have lanes to several handlers of its name.
  [[nodiscard]] bool shared() const noexcept { return owners == Owners::group || canary; }
  [[nodiscard]] bool handlers_die() const noexcept { return kill_handlers || by_force; }
};

/// Who serves the names, beside all the rest.
inline void choose_owners(Weather& w, std::mt19937_64& random, const Owners* wanted) {
  const Owners lots[] = {Owners::one, Owners::one, Owners::group, Owners::relay};
  const Owners drawn = lots[random() % 4];
  w.owners = wanted != nullptr ? *wanted : drawn;
  w.canary = random() % 3 == 0 && w.owners != Owners::relay;
  w.by_force = w.owners == Owners::relay && random() % 2 == 0;
  const auto most = w.handlers > 1 ? 3U : 4U;
  w.members = w.owners == Owners::group ? 2 + static_cast<unsigned>(random() % (most - 1)) : 1;
  if (w.canary) ++w.members;
}

/// `wanted`: these owners and no others.
inline Weather weather_of(std::mt19937_64& random, const Owners* wanted = nullptr) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  Weather w;
  w.order = one_in(2) ? Order::global : Order::per_caller;
  const auto victims = random() % 4;
  w.kill_callers = victims != 0;
  w.kill_handlers = victims != 1;
  w.restart_handlers = one_in(3);
  w.stops = one_in(2);
  w.daemon = one_in(2);
  w.kill_daemon = w.daemon && one_in(2);
  w.parked = one_in(3);
  w.callers = 1 + static_cast<unsigned>(random() % 4);
  w.handlers = one_in(3) ? 2 : 1;
  w.handler_wait = one_in(3) ? WaitMode::blocking : WaitMode::adaptive;
  w.cells = one_in(2) ? 64 : 4;
  w.hot_lanes = one_in(3) ? 1 : 8;
  const unsigned pauses[] = {300, 2'000, 2'000, 10'000};
  w.pause_us = pauses[random() % 4];
  choose_owners(w, random, wanted);
  w.events = one_in(2);
  w.streams = one_in(2);
  return w;
}

inline std::string describe(const Weather& w) {
  std::string text = w.order == Order::global ? "global" : "per-caller";
  const auto add = [&](bool on, const char* word) { text += on ? std::string(" ") + word : ""; };
  add(w.kill_callers, "kill-callers");
  add(w.kill_handlers, "kill-handlers");
  add(w.restart_handlers, "restart-handlers");
  add(w.stops, "stops");
  add(w.daemon && !w.kill_daemon, "daemon");
  add(w.kill_daemon, "kill-daemon");
  add(w.parked, "parked");
  add(w.canary, "canary");
  add(w.by_force, "by-force");
  add(w.events, "events");
  add(w.streams, "streams");
  add(w.handler_wait == WaitMode::blocking, "blocking-handlers");
  if (w.owners != Owners::one) text += std::string(" ") + to_string(w.owners);
  return text + " callers=" + std::to_string(w.callers) +
         " handlers=" + std::to_string(w.handlers) + " members=" + std::to_string(w.members) +
         " cells=" + std::to_string(w.cells) + " hot=" + std::to_string(w.hot_lanes) +
         " pause=" + std::to_string(w.pause_us) + "us";
}

}  // namespace shmbus::torture
