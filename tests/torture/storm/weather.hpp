// What happens in one round of a storm.
#pragma once

#include <random>
#include <string>

#include "shmbus/options.hpp"

namespace shmbus::torture {

struct Weather {
  Order order = Order::per_caller;
  bool kill_callers = false;
  bool kill_handlers = false;
  bool restart_handlers = false;  ///< shut down in good order, and started again
  bool stops = false;             ///< SIGSTOP, some time, SIGCONT
  bool daemon = false;
  bool kill_daemon = false;
  bool parked = false;  ///< everybody sleeps between commands
  unsigned callers = 2;
  unsigned handlers = 1;  ///< each with a name of its own
  WaitMode handler_wait = WaitMode::adaptive;
  std::uint32_t cells = 64;
  std::uint32_t hot_lanes = 8;
  unsigned pause_us = 2'000;  ///< between two blows, on average
};

inline Weather weather_of(std::mt19937_64& random) {
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
  add(w.handler_wait == WaitMode::blocking, "blocking-handlers");
  return text + " callers=" + std::to_string(w.callers) +
         " handlers=" + std::to_string(w.handlers) + " cells=" + std::to_string(w.cells) +
         " hot=" + std::to_string(w.hot_lanes) + " pause=" + std::to_string(w.pause_us) + "us";
}

}  // namespace shmbus::torture
