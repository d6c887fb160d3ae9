#include "torture/step/world.hpp"

#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/testpoint.hpp"

namespace shmbus::torture {
namespace {

Ledger* stop_ledger = nullptr;
const char* stop_point = nullptr;
std::atomic<int>* stop_flag = nullptr;

void stop_here(const char* name) {
  if (stop_ledger->armed == 0 || std::strcmp(name, stop_point) != 0) return;
  if (stop_flag->exchange(1) == 0) ::raise(SIGSTOP);
}

std::span<const std::byte> bytes_of(const std::uint64_t& id) {
  return std::as_bytes(std::span(&id, 1));
}

/// Of a warm-up: not in the books.
constexpr std::uint64_t off_the_books = ~0ULL;

}  // namespace

bool wait_for(const std::atomic<int>& flag, int least) {
  return test::eventually([&] { return flag >= least; }, std::chrono::seconds(20));
}

void stop_self_at(World& world, const char* test_point, std::atomic<int>& reached) {
  stop_ledger = &world.ledger;
  stop_flag = &reached;
  stop_point = test_point;
  testpoint::hook = stop_here;
}

const char* to_string(Peers peers) noexcept {
  switch (peers) {
    case Peers::idle:
      return "idle";
    case Peers::parked:
      return "parked";
    case Peers::mid_step:
      return "mid-step";
    case Peers::mid_recovery:
      return "mid-recovery";
  }
  return "";
}

OpenOptions tiny_bus() {
  OpenOptions options;
  // A peer's call lasts as long as its handler is stopped, while the subject is stepped through
  // 400,000 instructions: no time limit may come first. One that hangs keeps its process from
  // ending.
  options.default_timeout = std::chrono::minutes(10);
  options.capacities = {.participants = 10,
                        .names = 4,
                        .endpoints = 3,
                        .lanes = 8,
                        .cells_per_lane = 8,
                        .inbox_slots = 8,
                        .extents = 6,
                        .extent_bytes = 4096,
                        .broadcasts = 3};
  return options;
}

// --- Voice -----------------------------------------------------------------------------------

bool Voice::open() {
  auto bus = Bus::open(world_.path, {.create = false, .label = "voice"});
  if (!bus) return false;
  bus_ = std::move(*bus);
  auto caller = bus_.caller("run", {.wait = wait_, .when_vacant = WhenVacant::wait});
  if (!caller) return false;
  caller_ = std::move(*caller);
  return true;
}

bool Voice::warm_up() {
  std::uint64_t reply = 0;
  return caller_
      .call(bytes_of(off_the_books), std::as_writable_bytes(std::span(&reply, 1)),
            std::chrono::seconds(20))
      .has_value();
}

void Voice::hear(std::uint64_t id, ErrorKind kind) {
  auto& heard = world_.ledger.heard[id];
  switch (kind) {
    case ErrorKind::none:
      heard = Heard::ok;
      break;
    case ErrorKind::handler_died_after_start:
    case ErrorKind::abandoned:
      heard = Heard::unknown;
      break;
    case ErrorKind::timed_out:
      heard = Heard::late;
      break;
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
    case ErrorKind::cancelled:
    case ErrorKind::overloaded:
      heard = Heard::not_run;
      break;
    default:
      heard = Heard::wrong;
  }
}

ErrorKind Voice::judge(std::uint64_t id, const ReplyView& reply) {
  std::uint64_t back = ~0ULL;
  if (reply.bytes().size() == sizeof back) {
    std::memcpy(&back, reply.bytes().data(), sizeof back);
  }
  return back == id ? ErrorKind::none : ErrorKind::corrupted;
}

void Voice::call(std::uint64_t id, Duration timeout) {
  world_.ledger.heard[id] = Heard::sending;
  std::uint64_t reply = 0;
  const auto done =
      caller_.call(bytes_of(id), std::as_writable_bytes(std::span(&reply, 1)), timeout);
  hear(id, done ? (reply == id ? ErrorKind::none : ErrorKind::corrupted) : done.error().kind);
}

void Voice::call_longer(std::uint64_t id, std::size_t bytes, Duration timeout) {
  std::vector<std::byte> request(bytes);
  std::vector<std::byte> reply(bytes);
  std::memcpy(request.data(), &id, sizeof id);
  world_.ledger.heard[id] = Heard::sending;
  const auto done = caller_.call(request, reply, timeout);
  const bool same = std::memcmp(reply.data(), &id, sizeof id) == 0;
  hear(id, done ? (same ? ErrorKind::none : ErrorKind::corrupted) : done.error().kind);
}

void Voice::start(std::uint64_t id, std::size_t bytes, Duration timeout) {
  std::vector<std::byte> body(std::max<std::size_t>(bytes, 8));
  std::memcpy(body.data(), &id, sizeof id);
  world_.ledger.heard[id] = Heard::sending;
  auto pending = caller_.start(body, 8, timeout);
  if (pending) {
    world_.ledger.heard[id] = Heard::sent;
    under_way_.push_back({id, std::move(*pending)});
  } else {
    hear(id, pending.error().kind);
  }
}

void Voice::start_loan(std::uint64_t id, std::size_t bytes) {
  world_.ledger.heard[id] = Heard::sending;
  auto loan = caller_.loan(bytes, 1000);
  if (!loan) return hear(id, loan.error().kind);
  std::memcpy(loan->bytes().data(), &id, sizeof id);
  auto pending = loan->start();
  if (!pending) return hear(id, pending.error().kind);
  world_.ledger.heard[id] = Heard::sent;
  under_way_.push_back({id, std::move(*pending)});
}

void Voice::call_loan(std::uint64_t id, std::size_t bytes, Duration timeout) {
  world_.ledger.heard[id] = Heard::sending;
  auto loan = caller_.loan(bytes, 1000);
  if (!loan) return hear(id, loan.error().kind);
  std::memcpy(loan->bytes().data(), &id, sizeof id);
  const auto reply = loan->call(timeout);
  hear(id, reply ? judge(id, *reply) : reply.error().kind);
}

void Voice::send(std::uint64_t id, Notify notify) {
  world_.ledger.heard[id] = Heard::sending;
  const auto sent = caller_.send(bytes_of(id), notify);
  if (sent) {
    world_.ledger.heard[id] = Heard::sent;
  } else {
    hear(id, sent.error().kind);
  }
}

void Voice::send_many(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> ids(count);
  for (std::size_t i = 0; i < count; ++i) {
    ids[i] = first + i;
    world_.ledger.heard[ids[i]] = Heard::sending;
  }
  const auto sent = caller_.send_many(std::as_bytes(std::span(ids)), sizeof(std::uint64_t));
  for (std::size_t i = 0; i < count; ++i) {
    if (sent && i < *sent) {
      world_.ledger.heard[ids[i]] = Heard::sent;
    } else {
      hear(ids[i], sent ? ErrorKind::overloaded : sent.error().kind);
    }
  }
}

void Voice::finish() {
  for (auto& one : under_way_) {
    const auto reply = one.pending.wait();
    hear(one.id, reply ? judge(one.id, *reply) : reply.error().kind);
  }
  under_way_.clear();
}

void Voice::close() {
  under_way_.clear();
  caller_ = {};
  bus_ = {};
}

// --- peers -----------------------------------------------------------------------------------

Status run_counted(World& world, Context& context) {
  std::uint64_t id = off_the_books;
  if (context.request().size() >= sizeof id) {
    std::memcpy(&id, context.request().data(), sizeof id);
  }
  if (id < command_id::count) ++world.ledger.runs[id];
  const auto memory = context.reply_buffer(sizeof id);
  if (memory.size() >= sizeof id) std::memcpy(memory.data(), &id, sizeof id);
  return Status::ok();
}

int serve(World& world, WaitMode wait) {
  if (world.peers == Peers::mid_step) stop_self_at(world, "command.started", world.ledger.reached);
  auto bus = Bus::open(world.path, {.create = false, .label = "handler"});
  if (!bus) return 10;
  auto server = bus->serve({.label = "handler", .wait = wait});
  if (!server) return 11;
  const auto run = [&](Context& context) { return run_counted(world, context); };
  Result<void> added;
  const bool registered =
      test::eventually([&] { return (added = server->on("run", run)).has_value(); });
  if (!registered) return 12;
  ++world.ledger.serving;
  return server->run({}) ? 0 : 13;
}

int serve_next(World& world, WaitMode wait) {
  auto bus = Bus::open(world.path, {.create = false, .label = "handler"});
  if (!bus) return 10;
  auto server = bus->serve({.label = "next handler", .wait = wait, .stand_by = true});
  if (!server) return 11;
  const auto run = [&](Context& context) { return run_counted(world, context); };
  if (!server->on("run", run)) return 12;
  if (!server->take_over(std::chrono::seconds(8))) return 13;
  ++world.ledger.serving;
  return server->run({}) ? 0 : 14;
}

int serve_stuck(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "predecessor"});
  if (!bus) return 10;
  auto server = bus->serve({.label = "predecessor"});
  if (!server) return 11;
  const auto stuck = [&](Context& context) -> Status {
    (void)run_counted(world, context);
    for (;;) ::pause();
  };
  if (!server->on("run", stuck)) return 12;
  ++world.ledger.serving;
  return server->run({}) ? 0 : 13;
}

int call_beside(World& world, WaitMode wait) {
  Voice voice(world, wait);
  if (!voice.open()) return 10;
  if (world.peers == Peers::mid_step) {
    auto& ledger = world.ledger;
    stop_self_at(world, "lane.published", world.both_stop ? ledger.caller_reached : ledger.reached);
  }
  voice.start(command_id::peer);
  voice.send(command_id::peer + 1);
  voice.start(command_id::peer + 2, 1500);
  // The next publish is where it stops in the middle of one.
  if (world.peers == Peers::mid_step) world.ledger.armed = 1;
  voice.start(command_id::peer + 3);
  world.ledger.beside_ready = 1;
  voice.finish();
  voice.flush();
  world.ledger.reported_lost = voice.lost();
  return 0;
}

int call_early(World& world) {
  Voice voice(world, WaitMode::adaptive);
  if (!voice.open() || !voice.warm_up()) return 10;
  world.ledger.armed = 1;
  world.ledger.early_ready = 1;
  voice.call(command_id::early);
  return 0;
}

int leave_things_behind(World& world) {
  Voice voice(world, WaitMode::adaptive);
  if (!voice.open()) return 10;
  voice.start_loan(command_id::dead, 3000);
  voice.send(command_id::dead + 1, Notify::later);
  world.ledger.dead_ready = 1;
  for (;;) ::pause();
}

int reclaim_and_stop(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "reclaimer"});
  if (!bus) return 10;
  stop_self_at(world, "reclaim.orphan", world.ledger.reached);
  world.ledger.reclaimer_ready = 1;
  if (!wait_for(world.ledger.go)) return 11;
  world.ledger.armed = 1;
  return bus->reclaim() ? 0 : 12;
}

int call_afresh(World& world) {
  Voice voice(world, WaitMode::adaptive);
  if (!voice.open()) return 10;
  voice.call(command_id::fresh);
  voice.start_loan(command_id::fresh + 1, 3000);
  voice.finish();
  const auto& heard = world.ledger.heard;
  return heard[command_id::fresh] == Heard::ok && heard[command_id::fresh + 1] == Heard::ok ? 0
                                                                                            : 11;
}

int work_elsewhere(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "elsewhere"});
  if (!bus) return 10;
  auto server = bus->serve();
  if (!server || !server->on("other", [](Context&) { return Status::ok(); })) return 11;
  auto caller = bus->caller("other");
  if (!caller) return 12;
  for (int i = 0; i < 3; ++i) {
    auto pending = caller->start({}, 0);
    if (!pending) return 13;
    for (int turn = 0; turn < 1000 && !pending->ready(); ++turn) (void)server->poll();
    if (!pending->ready() || !pending->wait()) return 14;
  }
  return 0;
}

int close_the_books(World& world) {
  auto bus = Bus::open(world.path, {.label = "last"});
  return bus && bus->reclaim() ? 0 : 10;
}

}  // namespace shmbus::torture
