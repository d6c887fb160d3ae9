#include "torture/step/operations.hpp"

#include <cstring>
#include <memory>

#include "daemon/actions.hpp"
#include "daemon/sources.hpp"
#include "daemon/supervisor.hpp"
#include "os/clock.hpp"
#include "session/core.hpp"

namespace shmbus::torture {
namespace {

using std::make_shared;
using std::shared_ptr;

constexpr auto soon = std::chrono::milliseconds(30);

WaitMode subject_waits(const World& world) {
  return world.peers == Peers::parked ? WaitMode::blocking : WaitMode::adaptive;
}
/// With its handler stopped, a call can only end by its time limit.
Duration limit_of(const World& world) {
  return world.peers == Peers::mid_step ? Duration(soon) : default_timeout;
}

// --- as anybody ------------------------------------------------------------------------------

Act open(World& world) {
  auto bus = make_shared<Result<Bus>>();
  return [&world, bus] { *bus = Bus::open(world.path, {.create = false}); };
}
Act create(World& world) {
  auto bus = make_shared<Result<Bus>>();
  return [&world, bus] { *bus = Bus::open(world.path, tiny_bus()); };
}
Act reclaim(World& world) {
  auto bus = make_shared<Result<Bus>>(Bus::open(world.path, {.create = false}));
  if (!*bus) return {};
  return [bus] { (void)(*bus)->reclaim(); };
}

/// One that nobody ever comes up against.
Act set_policy(World& world) {
  auto bus = make_shared<Result<Bus>>(Bus::open(world.path, {.create = false}));
  if (!*bus) return {};
  return [bus] {
    using namespace std::chrono_literals;
    (void)(*bus)->set_policy("run", {.deadline = 20s,
                                     .outstanding_per_caller = 1000,
                                     .outstanding = 100'000,
                                     .rate = {.commands = 10'000'000, .burst = 10'000'000}});
  };
}

// --- as a caller -----------------------------------------------------------------------------

/// A caller, with or without a lane, that then does something.
std::function<Act(World&)> caller(bool with_lane, std::function<void(World&, Voice&)> use) {
  return [with_lane, use = std::move(use)](World& world) -> Act {
    auto voice = make_shared<Voice>(world, subject_waits(world));
    if (!voice->open() || (with_lane && !voice->warm_up())) return {};
    return [&world, voice, use] { use(world, *voice); };
  };
}
void start_one(World& world, Voice& voice) { voice.start(command_id::subject, 8, limit_of(world)); }
/// A request in two cells.
void start_longer(World& world, Voice& voice) {
  voice.start(command_id::subject, 64, limit_of(world));
}
void call_one(World& world, Voice& voice) { voice.call(command_id::subject, limit_of(world)); }
/// Request and reply in two cells each, then both in one block.
void call_pair(World& world, Voice& voice) {
  voice.call_longer(command_id::subject, 64, limit_of(world));
}
void call_block(World& world, Voice& voice) {
  voice.call_longer(command_id::subject, 300, limit_of(world));
}
void send_many(World&, Voice& voice) { voice.send_many(command_id::subject, 4); }
void start_and_await(World& world, Voice& voice) {
  voice.start(command_id::subject, 8, limit_of(world));
  voice.start(command_id::subject + 1, 2000, limit_of(world));
  voice.start(command_id::subject + 2, 64, limit_of(world));
  voice.finish();
}
void loan(World&, Voice& voice) { voice.start_loan(command_id::subject, 3000); }
void call_loan(World& world, Voice& voice) {
  voice.call_loan(command_id::subject, 3000, limit_of(world));
}
void send_batch(World&, Voice& voice) {
  for (std::uint64_t i = 0; i < 3; ++i) voice.send(command_id::subject + i, Notify::later);
  voice.flush();
}
void give_up(World&, Voice& voice) {
  voice.start(command_id::subject, 8, std::chrono::microseconds(1));
  voice.start(command_id::subject + 1, 2000, std::chrono::microseconds(1));
  voice.cancel();
  voice.finish();
}
void leave(World& world, Voice& voice) {
  voice.start(command_id::subject, 2000, limit_of(world));
  voice.close();
}
/// Its command was started by a handler that is dead by now.
Act await_the_dead(World& world) {
  auto voice = make_shared<Voice>(world, subject_waits(world));
  if (!voice->open()) return {};
  voice->start(command_id::subject);
  if (!test::eventually([&] { return world.ledger.runs[command_id::subject] != 0; })) return {};
  return [voice] { voice->finish(); };
}

// --- as a handler ----------------------------------------------------------------------------

struct Slot {
  Bus bus;
  Server server;
  struct Owed {
    Responder responder;
    std::uint64_t id;
  };
  std::vector<Owed> deferred;
};

shared_ptr<Slot> take_slot(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "subject"});
  if (!bus) return nullptr;
  auto server = bus->serve({.label = "subject", .wait = subject_waits(world)});
  if (!server) return nullptr;
  return make_shared<Slot>(Slot{std::move(*bus), std::move(*server), {}});
}

Result<void> add_run(World& world, Slot& slot) {
  return slot.server.on("run", [&world](Context& c) { return run_counted(world, c); });
}
Result<void> add_deferring(World& world, Slot& slot) {
  return slot.server.on("run", [&world, &slot](Context& c) {
    if (c.one_way()) return run_counted(world, c);
    const Status status = run_counted(world, c);
    std::uint64_t id = 0;
    std::memcpy(&id, c.request().data(), sizeof id);
    slot.deferred.push_back({c.defer(), id});
    return status;
  });
}

Act on(World& world) {
  auto slot = take_slot(world);
  if (!slot) return {};
  return [&world, slot] { (void)add_run(world, *slot); };
}

std::function<Act(World&)> handler(std::function<void(Slot&)> use) {
  return [use = std::move(use)](World& world) -> Act {
    auto slot = take_slot(world);
    if (!slot || !add_run(world, *slot)) return {};
    return [slot, use] { use(*slot); };
  };
}
void poll(Slot& slot) {
  for (int i = 0; i < 4; ++i) (void)slot.server.poll();
}
void run_and_park(Slot& slot) { (void)slot.server.run_for(std::chrono::milliseconds(4)); }
void off(Slot& slot) {
  (void)slot.server.poll(1);
  (void)slot.server.off("run");
}
void shut_down(Slot& slot) {
  (void)slot.server.poll(1);
  slot.server = {};
  slot.bus = {};
}
Act reply_later(World& world) {
  auto slot = take_slot(world);
  if (!slot || !add_deferring(world, *slot)) return {};
  return [slot] {
    poll(*slot);
    for (auto& owed : slot->deferred) {
      (void)owed.responder.reply(std::as_bytes(std::span(&owed.id, 1)));
    }
  };
}

/// The handler beside is asked for its slot, and gives it unless it is stopped.
Act take_over(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "subject"});
  if (!bus) return {};
  auto server = bus->serve({.label = "subject", .wait = subject_waits(world), .stand_by = true});
  if (!server) return {};
  auto slot = make_shared<Slot>(Slot{std::move(*bus), std::move(*server), {}});
  if (!add_run(world, *slot)) return {};
  return [&world, slot] {
    (void)slot->server.take_over(
        world.peers == Peers::mid_step ? Duration(soon) : Duration(std::chrono::seconds(5)));
    poll(*slot);
  };
}

/// Somebody else, who is not at work, has asked the subject for its slot; it owes answers.
Act hand_over(World& world) {
  auto slot = take_slot(world);
  if (!slot || !add_deferring(world, *slot)) return {};
  auto other = detail::BusCore::open(world.path, {{.create = false}, false});
  if (!other) return {};
  return [slot, other = *other] {
    poll(*slot);
    const auto& view = other->view();
    for (std::uint32_t i = 0; i < view.capacities().endpoints; ++i) {
      auto& word = view.endpoint(i).control.control;
      layout::ControlWord seen{word.load()};
      if (!seen.active() || !seen.standby().nobody()) continue;
      word.compare_exchange_strong(seen.bits, seen.with_standby(other->attachment().me).bits);
    }
    (void)slot->server.poll();
    for (auto& owed : slot->deferred) {
      (void)owed.responder.reply(std::as_bytes(std::span(&owed.id, 1)));
    }
  };
}

// --- as the daemon ---------------------------------------------------------------------------

struct Daemon {
  shared_ptr<detail::BusCore> bus;
  std::unique_ptr<daemon::Sources> sources;
  daemon::Log log = daemon::Log::to_stderr(daemon::Level::error);
  daemon::Notifier notifier = daemon::Notifier::from_environment();
};

Act daemon_steps(World& world) {
  auto opened = detail::BusCore::open(world.path, {{.create = false}, true});
  if (!opened) return {};
  auto d = make_shared<Daemon>();
  d->bus = std::move(*opened);
  const auto slots = d->bus->view().capacities().participants;
  auto sources = daemon::Sources::make(slots, d->bus->attachment().view.bus_events().arrivals);
  if (!sources) return {};
  d->sources = std::move(*sources);
  return [d, slots] {
    daemon::Supervisor supervisor(slots, {});
    daemon::ActionExecutor performer(
        {d->bus->attachment(), d->bus->path(), *d->sources, d->log, d->notifier});
    std::vector<daemon::Event> events{daemon::event::Started{}};
    std::vector<daemon::Event> outcomes;
    for (int i = 0; i < 8 && !events.empty(); ++i) {
      const auto now = wait::monotonic_ns();
      outcomes.clear();
      for (const auto& action : supervisor.step(now, events)) {
        performer.perform(action, now, outcomes);
      }
      events.swap(outcomes);
    }
  };
}

const std::vector<Operation> all = {
    {.name = "open", .handler_beside = true, .dead_caller = true, .prepare = open},
    {.name = "create", .no_bus = true, .prepare = create},
    {.name = "reclaim",
     .predecessor = true,
     .caller_beside = true,
     .dead_caller = true,
     .prepare = reclaim},
    {.name = "set-policy",
     .handler_beside = true,
     .caller_beside = true,
     .dead_caller = true,
     .prepare = set_policy},
    {.name = "attach", .handler_beside = true, .prepare = caller(false, start_one)},
    {.name = "publish", .handler_beside = true, .prepare = caller(true, start_one)},
    {.name = "publish-longer", .handler_beside = true, .prepare = caller(true, start_longer)},
    {.name = "call", .handler_beside = true, .gives_up = true, .prepare = caller(true, call_one)},
    {.name = "await",
     .handler_beside = true,
     .gives_up = true,
     .prepare = caller(true, start_and_await)},
    {.name = "call-pair",
     .handler_beside = true,
     .gives_up = true,
     .prepare = caller(true, call_pair)},
    {.name = "call-block",
     .handler_beside = true,
     .gives_up = true,
     .prepare = caller(true, call_block)},
    {.name = "send-many", .handler_beside = true, .prepare = caller(true, send_many)},
    {.name = "loan", .handler_beside = true, .prepare = caller(true, loan)},
    {.name = "loan-call",
     .handler_beside = true,
     .gives_up = true,
     .prepare = caller(true, call_loan)},
    {.name = "send-batch", .handler_beside = true, .prepare = caller(true, send_batch)},
    {.name = "give-up", .handler_beside = true, .gives_up = true, .prepare = caller(true, give_up)},
    {.name = "leave", .handler_beside = true, .prepare = caller(true, leave)},
    {.name = "recover", .predecessor = true, .prepare = await_the_dead},
    {.name = "recover-too", .predecessor = true, .caller_beside = true, .prepare = await_the_dead},
    {.name = "register", .caller_beside = true, .prepare = on},
    {.name = "succeed", .predecessor = true, .caller_beside = true, .prepare = on},
    {.name = "take-run-reply", .caller_beside = true, .prepare = handler(poll)},
    {.name = "reply-later", .caller_beside = true, .prepare = reply_later},
    {.name = "take-over",
     .handler_beside = true,
     .caller_beside = true,
     .takes_over = true,
     .prepare = take_over},
    {.name = "hand-over", .caller_beside = true, .prepare = hand_over},
    {.name = "run-and-park",
     .caller_beside = true,
     .dead_caller = true,
     .prepare = handler(run_and_park)},
    {.name = "unregister", .caller_beside = true, .prepare = handler(off)},
    {.name = "shut-down", .caller_beside = true, .prepare = handler(shut_down)},
    {.name = "daemon-step",
     .predecessor = true,
     .caller_beside = true,
     .dead_caller = true,
     .prepare = daemon_steps},
};

}  // namespace

std::span<const Operation> operations() { return all; }

}  // namespace shmbus::torture
