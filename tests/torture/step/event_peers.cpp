#include "torture/step/event_peers.hpp"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <vector>

#include "base/testpoint.hpp"

namespace shmbus::torture {
namespace {

using namespace std::chrono_literals;

Result<Bus> open_as(const World& world, const char* label) {
  return Bus::open(world.path, {.create = false, .label = label});
}

EventBytes read(std::span<const std::byte> bytes) {
  EventBytes event{source::count, 0, 0};
  if (bytes.size() == sizeof event) std::memcpy(&event, bytes.data(), sizeof event);
  return event;
}

/// Once, when the ledger says so: with an event in its hands.
void stop_here(World& world, std::atomic<int>& reached) {
  if (world.ledger.armed != 0 && reached.exchange(1) == 0) ::raise(SIGSTOP);
}

int read_beside(World& world, WaitMode wait, WhenSlow slow, HeardEvents& heard) {
  auto bus = open_as(world, slow == WhenSlow::hold ? "holder" : "skipper");
  if (!bus) return 10;
  auto in = bus->subscribe(topic_name, {.from = From::oldest, .when_slow = slow, .wait = wait});
  if (!in) return 11;
  ++world.ledger.events.readers;
  for (;;) {
    const bool last = world.ledger.events.over != 0;
    const auto event = in->next(50ms);
    if (!event && event.error().kind != ErrorKind::timed_out) return 12;
    if (!event && last) break;
    if (!event) continue;
    hear(heard, *event, slow == WhenSlow::hold);
    if (slow == WhenSlow::skip && world.peers == Peers::mid_step) {
      stop_here(world, world.ledger.caller_reached);
      if (!read(event->bytes()).whole()) ++heard.wrong;  // overwritten while it was looked at
    }
    heard.missed = in->missed();
  }
  return 0;
}

[[noreturn]] void die() {
  (void)::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace

bool publish_next(World& world, std::uint64_t from, RawPublisher& out, Duration timeout) {
  auto& published = world.ledger.events.published[from];
  const auto event = EventBytes::make(from, published + 1);
  if (!out.publish(std::as_bytes(std::span(&event, 1)), timeout)) return false;
  ++published;
  return true;
}

void hear(HeardEvents& heard, const EventView& event, bool holds) {
  const EventBytes got = read(event.bytes());
  if (!got.whole()) {
    ++heard.wrong;
    return;
  }
  auto& newest = heard.newest[got.source];
  const bool in_order = holds ? got.number == newest + 1 : got.number > newest;
  if (!in_order) ++heard.wrong;
  newest = got.number;
  ++heard.delivered;
}

int hold_beside(World& world, WaitMode wait) {
  return read_beside(world, wait, WhenSlow::hold, world.ledger.events.holder);
}
int skip_beside(World& world, WaitMode wait) {
  return read_beside(world, wait, WhenSlow::skip, world.ledger.events.skipper);
}

int publish_beside(World& world) {
  auto bus = open_as(world, "publisher");
  if (!bus) return 10;
  auto out = bus->publisher(topic_name, tick_options);
  if (!out) return 11;
  if (world.peers == Peers::mid_step) stop_self_at(world, "event.oldest", world.ledger.reached);
  auto& book = world.ledger.events;
  book.publishing = 1;
  while (book.over == 0) {
    if (book.published[source::beside] >= book.wanted) {
      test::nap(200us);
    } else if (!publish_next(world, source::beside, *out, 10s)) {
      return 12;
    }
  }
  return 0;
}

int die_after_publishing(World& world) {
  auto bus = open_as(world, "dead publisher");
  if (!bus) return 10;
  auto out = bus->publisher(topic_name, tick_options);
  for (int i = 0; out && i < 3; ++i) (void)publish_next(world, source::dead, *out);
  ++world.ledger.events.left_behind;
  die();
}

int die_holding(World& world) {
  auto bus = open_as(world, "dead subscriber");
  if (!bus) return 10;
  auto in = bus->subscribe(topic_name, {.from = From::oldest, .when_slow = WhenSlow::hold});
  if (!in) return 11;
  ++world.ledger.events.left_behind;
  die();
}

int die_with_all_lanes(World& world) {
  auto bus = open_as(world, "dead publisher");
  if (!bus) return 10;
  std::vector<RawPublisher> all;
  for (std::uint32_t i = 0; i < tiny_bus().capacities.broadcasts; ++i) {
    auto out = bus->publisher(topic_name, tick_options);
    if (!out || !publish_next(world, source::dead, *out)) return 11;
    all.push_back(std::move(*out));
  }
  ++world.ledger.events.left_behind;
  die();
}

int die_making_a_lane(World& world) {
  auto bus = open_as(world, "dead publisher");
  if (!bus) return 10;
  static World* here = &world;
  testpoint::hook = [](const char* name) {
    if (std::strcmp(name, "broadcast.extent_leased") != 0) return;
    ++here->ledger.events.left_behind;
    die();
  };
  (void)bus->publisher("tock", tick_options);
  return 11;
}

int reclaim_and_stop_there(World& world) {
  auto bus = open_as(world, "reclaimer");
  if (!bus) return 10;
  stop_self_at(world, "broadcast.releasing", world.ledger.reached);
  world.ledger.reclaimer_ready = 1;
  if (!wait_for(world.ledger.go)) return 11;
  world.ledger.armed = 1;
  return bus->reclaim() ? 0 : 12;
}

int publish_afresh(World& world) {
  auto bus = open_as(world, "fresh publisher");
  if (!bus) return 10;
  auto out = bus->publisher(topic_name, tick_options);
  if (!out) return 11;
  for (std::uint64_t i = 0; i < laps; ++i) {
    if (!publish_next(world, source::fresh, *out, 10s)) return 12;
  }
  auto late = bus->subscribe(topic_name, {.from = From::latest});
  if (!late) return 13;
  // The last value of each publisher, ours among them.
  for (;;) {
    const auto event = late->next(1s);
    if (!event) return 14;
    const auto got = read(event->bytes());
    if (!got.whole()) return 15;
    if (got.source == source::fresh) return got.number == laps ? 0 : 16;
  }
}

int take_all_lanes(World& world) {
  auto bus = open_as(world, "last");
  if (!bus || !bus->reclaim()) return 10;
  std::vector<RawPublisher> all;
  for (std::uint32_t i = 0; i < tiny_bus().capacities.broadcasts; ++i) {
    auto out = bus->publisher("last", tick_options);
    if (!out) return 11;
    all.push_back(std::move(*out));
  }
  return 0;
}

}  // namespace shmbus::torture
