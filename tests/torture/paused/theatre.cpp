#include "torture/paused/theatre.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/testpoint.hpp"
#include "inspect/snapshot.hpp"
#include "shmbus/shmbus.hpp"
#include "torture/support/summary.hpp"

namespace shmbus::torture {
namespace {

Notes* stop_notes = nullptr;
const char* stop_point = nullptr;

void stop_here(const char* name) {
  if (std::strcmp(name, stop_point) == 0 && stop_notes->reached.exchange(1) == 0) ::raise(SIGSTOP);
}

Status echo(Context& context) {
  const auto in = context.request();
  const auto out = context.reply_buffer(std::min<std::size_t>(in.size(), 40));
  if (!out.empty()) std::memcpy(out.data(), in.data(), out.size());
  return Status::ok();
}

void hear(Notes& notes, ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none:
      ++notes.answered;
      break;
    case ErrorKind::handler_died_after_start:
    case ErrorKind::handler_died_before_start:
    case ErrorKind::not_registered:
      ++notes.declared_dead;
      break;
    case ErrorKind::timed_out:
    case ErrorKind::overloaded:
      ++notes.late;
      break;
    default:
      ++notes.strange;
  }
}

/// Everything that a caller does, once.
void call_in_all_ways(Notes& notes, RawCaller& caller) {
  const std::vector<std::byte> large(3000);
  std::uint64_t small = 1;
  const auto bytes = std::as_bytes(std::span(&small, 1));
  auto first = caller.start(bytes, 40, 20s);
  auto second = caller.start(large, 200, 20s);
  (void)caller.send(bytes, Notify::later);
  (void)caller.flush();
  if (first) hear(notes, first->wait() ? ErrorKind::none : ErrorKind::corrupted);
  if (second) {
    const auto reply = second->wait();
    hear(notes, reply ? ErrorKind::none : reply.error().kind);
  }
  std::uint64_t back = 0;
  const auto size = caller.call(bytes, std::as_writable_bytes(std::span(&back, 1)), 20s);
  hear(notes, size ? ErrorKind::none : size.error().kind);
}

}  // namespace

const char* to_string(Part part) noexcept {
  switch (part) {
    case Part::handler:
      return "handler";
    case Part::caller:
      return "caller";
    case Part::reclaimer:
      return "reclaimer";
    case Part::nobody:
      break;
  }
  return "nobody";
}

void stop_at(Notes& notes, const char* test_point) {
  stop_notes = &notes;
  stop_point = test_point;
  testpoint::hook = stop_here;
}

int play_handler(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "handler"});
  if (!bus) return 10;
  const auto order = stage.notes.ordered != 0 ? Order::global : Order::per_caller;
  auto server = bus->serve({.label = "handler", .order = order, .hot_lanes = 1});
  if (!server || !server->on("run", echo)) return 11;
  stage.notes.serving = 1;
  while (!stage.notes.stop_handler) {
    if (!server->run_for(20ms)) return 12;
  }
  return server->off("run") ? 0 : 13;
}

int play_caller(const Stage& stage) {
  while (!stage.notes.stop) {
    auto bus = Bus::open(stage.path, {.label = "caller"});
    if (!bus) return 10;
    if (!bus->wait_until_available("run", 20s)) return 11;
    auto caller = bus->caller("run");
    if (!caller) return 12;
    for (int i = 0; i < 10 && !stage.notes.stop; ++i) {
      call_in_all_ways(stage.notes, *caller);
      test::nap(500us);
    }
  }
  return 0;
}

int play_reclaimer(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "reclaimer"});
  if (!bus) return 10;
  while (!stage.notes.stop) {
    if (!bus->reclaim()) return 11;
    test::nap(1ms);
  }
  return 0;
}

int play_elsewhere(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "elsewhere"});
  if (!bus) return 10;
  auto server = bus->serve();
  if (!server || !server->on("other", echo)) return 11;
  auto caller = bus->caller("other");
  if (!caller) return 12;
  while (!stage.notes.stop) {
    const Stopwatch watch;
    auto pending = caller->start({}, 0, 10s);
    if (!pending) return 13;
    while (!pending->ready() && watch.ms() < 10'000) (void)server->poll();
    if (!pending->wait()) return 14;
    const auto us = static_cast<std::uint64_t>(watch.ms() * 1e3);
    if (us > stage.notes.slowest_us) stage.notes.slowest_us = us;
    ++stage.notes.elsewhere;
    test::nap(1ms);
  }
  return 0;
}

int play_mortal(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "mortal"});
  if (!bus) return 10;
  auto server = bus->serve({.label = "mortal"});
  if (!server || !server->on("mortal", [](Context&) -> Status {
        for (;;) ::pause();
      })) {
    return 11;
  }
  auto other = bus->caller("run");
  auto own = bus->caller("mortal");
  const std::vector<std::byte> large(3000);
  if (own) (void)own->send(large);
  if (other) (void)other->send(large);
  (void)server->run_for(10s);  // stuck in its command
  return 0;
}

int take_what_is_left(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "heir"});
  if (!bus || !bus->reclaim()) return 10;
  auto server = bus->serve();
  if (!server || !server->on("mortal", echo)) return 11;
  return server->run_for(20ms) ? 0 : 12;
}

int try_call(const Stage& stage, bool must_answer) {
  auto bus = Bus::open(stage.path, {.label = "newcomer"});
  if (!bus) return 10;
  auto caller = bus->caller("run");
  if (!caller) return 11;
  const Stopwatch watch;
  const auto reply = caller->call({}, {}, must_answer ? Duration(10s) : Duration(300ms));
  if (!must_answer && watch.ms() > 5'000) return 12;  // the limit, and what a busy machine adds
  if (reply) return 0;
  return !must_answer && reply.error().kind == ErrorKind::timed_out ? 0 : 13;
}

int try_to_take_the_name(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "rival"});
  if (!bus) return 10;
  auto server = bus->serve();
  if (!server) return 11;
  const auto taken = server->on("run", echo);
  return !taken && taken.error().kind == ErrorKind::already_registered ? 0 : 12;
}

int look_for_the_dead(const Stage& stage) {
  auto bus = Bus::open(stage.path, {.label = "judge"});
  if (!bus || !bus->reclaim()) return 10;
  const auto snapshot = inspect::take_snapshot(stage.path);
  if (!snapshot) return 11;
  for (const auto& one : snapshot->participants) {
    // The caller comes and goes by itself, the mortals are meant to die.
    const bool stays = one.label == "handler" || one.label == "reclaimer" ||
                       one.label == "elsewhere" || one.label == "inside";
    const bool alive = one.process_alive &&
                       one.state == static_cast<std::uint32_t>(layout::ParticipantState::alive);
    if (stays && !alive) return 12;
  }
  return 0;
}

}  // namespace shmbus::torture
