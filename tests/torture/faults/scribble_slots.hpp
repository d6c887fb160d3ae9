// Players whose slots are more than one, or change hands: members of a group and a canary, handlers
// that take over from one another, who calls them, and who sets policies all the time.
#pragma once

#include <string>

#include "torture/faults/scribble_role.hpp"

namespace shmbus::torture {

inline void serve_a_while(Role& role, Server& server, std::mt19937_64& random) {
  for (int i = 0; i < 20 && role.on(); ++i) {
    if (!role.timed([&] { return server.run_for(5ms); })) break;
  }
  if (random() % 4 == 0) ::_exit(0);  // as if killed, but for the books; started again
}

/// Serves "shared" together with others, or on trial beside them.
inline void be_a_member(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    auto server = bus.serve({.order = random() % 2 == 0 ? Order::per_caller : Order::global});
    if (!server) return;
    const Sharing sharing = random() % 4 == 0 ? Sharing::canary : Sharing::group;
    (void)role.timed([&] { return server->on("shared", echo, {.sharing = sharing}); });
    serve_a_while(role, *server, random);
  });
}

/// Takes "relayed" over from whoever has it, or waits until nobody has.
inline void take_turns(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    auto server = bus.serve({.stand_by = true});
    if (!server) return;
    std::vector<Responder> later;
    (void)role.timed([&] {
      return server->on("relayed", [&](Context& context) {
        if (later.size() < 4) later.push_back(context.defer());
        return Status::ok();
      });
    });
    if (random() % 2 == 0) {
      (void)role.timed([&] { return server->take_over(call_timeout); });
    } else {
      (void)role.timed([&] { return server->stand_by(call_timeout); });
    }
    serve_a_while(role, *server, random);
    for (auto& one : later) (void)one.reply(std::as_bytes(std::span(&seed, 1)));
  });
}

/// Calls what has several slots, under policies that change.
inline void call_shared(const std::string& path, Role& role, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  again_and_again(path, role, [&](Bus& bus) {
    const auto in_group = random() % 2 == 0 ? InGroup::pinned : InGroup::least_busy;
    const auto vacant = random() % 2 == 0 ? WhenVacant::wait : WhenVacant::fail;
    auto shared = bus.caller("shared", {.when_vacant = vacant, .in_group = in_group});
    auto relayed = bus.caller("relayed", {.when_vacant = vacant});
    if (!shared || !relayed) return;
    for (int i = 0; i < 20 && role.on(); ++i) {
      call_all(role, *shared, random);
      if (i % 4 == 0) call_all(role, *relayed, random);
      if (i % 4 != 1) continue;
      const char* const name = random() % 2 == 0 ? "shared" : "echo";
      const Policy policy{.deadline = 10ms,
                          .outstanding = 1 + static_cast<std::uint32_t>(random() % 8),
                          .rate = {.commands = 1'000, .per = 1s, .burst = 100},
                          .breaker = {.failure_percent = 90, .min_calls = 8, .open_for = 5ms}};
      (void)role.timed([&] { return bus.set_policy(name, policy); });
      (void)role.timed([&] { return bus.policy_status(name); });
      (void)role.timed([&] { return bus.clear_policy(name); });
    }
  });
}

}  // namespace shmbus::torture
