// What ran, told by the handlers into memory of the test's own: nothing of the bus is asked.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

#include "support/handler_process.hpp"

namespace shmbus::test {

struct Oracle {
  static constexpr std::uint32_t commands_max = 1'000'000;
  static constexpr std::uint32_t handlers_max = 16;

  std::array<std::atomic<std::uint8_t>, commands_max> ran{};
  std::array<std::atomic<std::uint32_t>, handlers_max> by{};  ///< by handler
  std::array<std::atomic<bool>, handlers_max> leave{};        ///< asked to go in order
  std::array<std::atomic<bool>, handlers_max> ready{};        ///< has registered
  std::atomic<std::uint32_t> next{0};
  std::atomic<bool> hold{false};  ///< handlers wait inside their command
  std::atomic<bool> stop{false};  ///< callers come to an end
  std::atomic<std::uint32_t> wrong{0};

  void note(std::uint32_t command, std::uint32_t handler) {
    if (command < commands_max) ++ran[command];
    ++by[handler];
  }
};

struct Work {
  std::uint32_t command;
  std::uint32_t caller;
  std::uint32_t number;  ///< of this caller
};

/// Runs `run` for "work" together with others, until it is asked to leave or killed.
inline int serve_work(const std::string& path, Oracle& oracle, std::uint32_t me,
                      const Registration& how, const std::function<Status(Context&)>& run,
                      const std::function<void()>& before = {}) {
  auto bus = Bus::open(path, {.label = "handler" + std::to_string(me)});
  if (!bus) return 10;
  auto server = bus->serve();
  if (!server) return 11;
  if (before) before();
  const auto added = server->on("work", run, how);
  if (!added) {
    std::fprintf(stderr, "handler %u: %s\n", me, describe(added.error()).c_str());
    return 12;
  }
  oracle.ready[me] = true;
  while (!oracle.leave[me]) {
    if (!server->run_for(5ms)) return 13;
  }
  *server = Server();
  return 0;
}

/// A member of the group "work" that counts its commands, each of which takes `busy`.
inline Child member(const std::string& path, Oracle& oracle, std::uint32_t me,
                    std::chrono::microseconds busy = 0us,
                    const Registration& how = {.sharing = Sharing::group},
                    const std::function<void()>& before = {}) {
  return Child([&, me, busy, how, before] {
    return serve_work(
        path, oracle, me, how,
        [&oracle, me, busy](Context& c) {
          const auto work = number_in<Work>(c.request());
          oracle.note(work.command, me);
          if (busy.count() > 0) nap(busy);
          while (oracle.hold) nap(100us);
          return answer(c, raw(me));
        },
        before);
  });
}

inline bool joined(Oracle& oracle, std::uint32_t member) {
  return eventually([&] { return oracle.ready[member].load(); }, 10s);
}

}  // namespace shmbus::test
