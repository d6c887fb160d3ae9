// The operations on streams that are cut off.
#include <cstring>
#include <memory>
#include <optional>

#include "torture/step/operations.hpp"
#include "torture/step/stream_peers.hpp"

namespace shmbus::torture {
namespace {

using std::make_shared;
using std::shared_ptr;
using namespace std::chrono_literals;

/// Beside somebody who is stopped in the middle of a record nothing may be waited for for long.
Duration patience(const World& world) {
  return world.peers == Peers::mid_step ? Duration(30ms) : default_timeout;
}
WaitMode subject_waits(const World& world) {
  return world.peers == Peers::parked ? WaitMode::blocking : WaitMode::adaptive;
}

// --- as a caller -----------------------------------------------------------------------------

/// `before` and then `act` get a caller that has a lane.
template <class Before, class Then>
std::function<Act(World&)> calling(Before before, Then then) {
  return [before, then](World& world) -> Act {
    auto caller = make_shared<StreamCaller>();
    if (!caller->join(world, "subject", subject_waits(world)) || !caller->warm_up()) return {};
    if (!before(world, *caller)) return {};
    return [&world, caller, then] { then(world, *caller); };
  };
}
bool nothing(World&, StreamCaller&) { return true; }
/// The handler may be stopped by now: none of what follows may need it.
bool opened_to_read(World& world, StreamCaller& caller) {
  return caller.open_puts(stream_id::subject, 14) && caller.read_some(world, 1);
}
bool opened_to_put(World& world, StreamCaller& caller) {
  if (!caller.open_reads(stream_id::subject)) return false;
  caller.put_some(world, 1);
  return true;
}
void open_and_read(World& world, StreamCaller& caller) {
  if (caller.open_puts(stream_id::subject, 6)) (void)caller.read_some(world, 2, patience(world));
}
void open_and_put(World& world, StreamCaller& caller) {
  if (caller.open_reads(stream_id::subject)) caller.put_some(world, 2, patience(world));
}
void read_on(World& world, StreamCaller& caller) {
  if (!caller.read_some(world, ~0ULL, patience(world)) && world.peers != Peers::mid_step) {
    caller.end(world);
  }
}
void put_on(World& world, StreamCaller& caller) { caller.put_some(world, 6, patience(world)); }
void finish(World& world, StreamCaller& caller) {
  if (world.peers == Peers::mid_step) {
    (void)caller.stream.close();
  } else {
    (void)caller.stream.finish();
  }
}
void cancel(World& world, StreamCaller& caller) {
  caller.stream.cancel();
  if (world.peers != Peers::mid_step) caller.end(world);
}
void drop(World&, StreamCaller& caller) {
  caller.stream = {};
  caller.puts = {};
  caller.reads = {};
  caller.bus = {};
}

// --- as a handler ----------------------------------------------------------------------------

struct Slot {
  Bus bus;
  Server server;
  std::optional<Responder> owed;
  StreamAsked asked;
};

shared_ptr<Slot> take_slot(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "subject"});
  if (!bus) return nullptr;
  auto server = bus->serve({.label = "subject", .wait = subject_waits(world)});
  if (!server) return nullptr;
  return make_shared<Slot>(Slot{std::move(*bus), std::move(*server), {}, {}});
}

void poll(Slot& slot) {
  for (int i = 0; i < 4; ++i) (void)slot.server.poll();
}
Act serve(World& world) {
  auto slot = take_slot(world);
  if (!slot || !add_stream_handlers(world, slot->server, patience(world))) return {};
  return [slot] { poll(*slot); };
}
/// The stream goes on when its handler has returned.
Act serve_later(World& world) {
  auto slot = take_slot(world);
  if (!slot) return {};
  auto* own = slot.get();
  const auto later = [&world, own](Context& context) {
    if (context.request().size() == sizeof own->asked) {
      std::memcpy(&own->asked, context.request().data(), sizeof own->asked);
    }
    if (own->asked.stream >= stream_id::count) return Status::ok();
    ++world.ledger.streams.streams[own->asked.stream].starts;
    own->owed.emplace(context.defer());
    return Status::ok();
  };
  if (!slot->server.on(puts_name, later)) return {};
  const auto reads = [&world](Context& c) { return read_records(world, c, patience(world)); };
  if (!slot->server.on(reads_name, reads)) return {};
  return [&world, slot] {
    poll(*slot);
    if (slot->owed) put_later(world, *slot->owed, slot->asked, patience(world));
    poll(*slot);
  };
}
/// It leaves while a stream is under way.
Act leave(World& world) {
  auto slot = take_slot(world);
  if (!slot || !add_stream_handlers(world, slot->server, Duration(1ms))) return {};
  return [slot] {
    (void)slot->server.poll(1);
    slot->server = {};
    slot->bus = {};
  };
}

// --- as anybody ------------------------------------------------------------------------------

Act reclaim(World& world) {
  auto bus = make_shared<Result<Bus>>(Bus::open(world.path, {.create = false}));
  if (!*bus) return {};
  return [bus] { (void)(*bus)->reclaim(); };
}

constexpr StreamScene served{.handler = true};
constexpr StreamScene serving{.callers = true};
constexpr StreamScene after_death{.handler = true, .dead_caller = true};

const std::vector<Operation> all = {
    {.name = "stream-open", .streams = served, .prepare = calling(nothing, open_and_read)},
    {.name = "stream-open-to", .streams = served, .prepare = calling(nothing, open_and_put)},
    {.name = "stream-next", .streams = served, .prepare = calling(opened_to_read, read_on)},
    {.name = "stream-put", .streams = served, .prepare = calling(opened_to_put, put_on)},
    {.name = "stream-finish", .streams = served, .prepare = calling(opened_to_put, finish)},
    {.name = "stream-cancel", .streams = served, .prepare = calling(opened_to_read, cancel)},
    {.name = "stream-drop", .streams = served, .prepare = calling(opened_to_read, drop)},
    {.name = "stream-serve", .streams = serving, .prepare = serve},
    {.name = "stream-serve-later", .streams = serving, .prepare = serve_later},
    {.name = "stream-leave", .streams = serving, .prepare = leave},
    {.name = "stream-reclaim", .streams = after_death, .prepare = reclaim},
};

}  // namespace

std::span<const Operation> stream_operations() { return all; }

}  // namespace shmbus::torture
