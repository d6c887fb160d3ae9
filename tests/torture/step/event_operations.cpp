// The operations on events that are cut off.
#include <memory>

#include "torture/step/event_peers.hpp"
#include "torture/step/operations.hpp"

namespace shmbus::torture {
namespace {

using std::make_shared;
using std::shared_ptr;
using namespace std::chrono_literals;

/// The subject's own handles.
struct ParticipantId {
  Bus bus;
  RawPublisher out;
  RawSubscriber in;
};

shared_ptr<ParticipantId> join(World& world) {
  auto bus = Bus::open(world.path, {.create = false, .label = "subject"});
  if (!bus) return nullptr;
  auto party = make_shared<ParticipantId>();
  party->bus = std::move(*bus);
  return party;
}

// --- as a publisher --------------------------------------------------------------------------

bool make_publisher(ParticipantId& party, const char* name = topic_name) {
  auto out = party.bus.publisher(name, tick_options);
  if (out) party.out = std::move(*out);
  return out.has_value();
}

Act publisher(World& world) {
  auto party = join(world);
  if (!party) return {};
  return [&world, party] {
    if (make_publisher(*party)) (void)publish_next(world, source::subject, party->out);
  };
}
/// For a name of its own: where no lane is free, it frees one.
Act publisher_elsewhere(World& world) {
  auto party = join(world);
  if (!party) return {};
  return [party] { (void)make_publisher(*party, "tock"); };
}

std::function<Act(World&)> publishing(std::uint64_t before, std::uint64_t events) {
  return [before, events](World& world) -> Act {
    auto party = join(world);
    if (!party || !make_publisher(*party)) return {};
    for (std::uint64_t i = 0; i < before; ++i) {
      if (!publish_next(world, source::subject, party->out)) return {};
    }
    return [&world, party, events] {
      for (std::uint64_t i = 0; i < events; ++i) {
        (void)publish_next(world, source::subject, party->out);
      }
    };
  };
}
Act loan(World& world) {
  auto party = join(world);
  if (!party || !make_publisher(*party)) return {};
  return [&world, party] {
    auto loan = party->out.loan(sizeof(EventBytes));
    if (!loan) return;
    auto& published = world.ledger.events.published[source::subject];
    const auto event = EventBytes::make(source::subject, published + 1);
    const auto bytes = std::as_bytes(std::span(&event, 1));
    std::copy(bytes.begin(), bytes.end(), loan->bytes().begin());
    if (loan->publish()) ++published;
  };
}
Act publisher_leaves(World& world) {
  auto party = join(world);
  if (!party || !make_publisher(*party)) return {};
  if (!publish_next(world, source::subject, party->out)) return {};
  return [party] {
    party->out = {};
    party->bus = {};
  };
}

// --- as a subscriber -------------------------------------------------------------------------

bool subscribe(ParticipantId& party, WhenSlow slow, From from = From::oldest) {
  auto in = party.bus.subscribe(topic_name, {.from = from, .when_slow = slow});
  if (in) party.in = std::move(*in);
  return in.has_value();
}
void read_some(World& world, ParticipantId& party, int most) {
  auto& heard = world.ledger.events.subject;
  for (int i = 0; i < most; ++i) {
    const auto event = party.in.next(0ns);
    if (!event) return;
    hear(heard, *event, false);
  }
}
/// More of the publisher beside; false when it does not get on, as one that is stopped.
bool publish_more(World& world, std::uint64_t events) {
  auto& book = world.ledger.events;
  book.wanted += events;
  return test::eventually([&] { return book.published[source::beside] == book.wanted; }, 5s);
}

std::function<Act(World&)> subscribing(WhenSlow slow, From from) {
  return [slow, from](World& world) -> Act {
    auto party = join(world);
    if (!party) return {};
    return [&world, party, slow, from] {
      if (subscribe(*party, slow, from)) read_some(world, *party, 2);
    };
  };
}
/// What it reads waits for it.
Act next_holding(World& world) {
  auto party = join(world);
  if (!party || !subscribe(*party, WhenSlow::hold, From::now) || !publish_more(world, 6)) return {};
  return [&world, party] { read_some(world, *party, 8); };
}
/// What it reads has been overwritten.
Act next_overtaken(World& world) {
  auto party = join(world);
  if (!party || !subscribe(*party, WhenSlow::skip, From::now)) return {};
  if (!publish_more(world, laps)) return {};
  return [&world, party] { read_some(world, *party, 3); };
}
Act next_asleep(World& world) {
  auto party = join(world);
  if (!party || !subscribe(*party, WhenSlow::hold, From::now)) return {};
  return [party] { (void)party->in.next(3ms); };
}
std::function<Act(World&)> leaving(WhenSlow slow) {
  return [slow](World& world) -> Act {
    auto party = join(world);
    if (!party || !subscribe(*party, slow)) return {};
    read_some(world, *party, 1);
    return [party] {
      party->in = {};
      party->bus = {};
    };
  };
}

// --- as anybody ------------------------------------------------------------------------------

Act reclaim(World& world) {
  auto party = join(world);
  if (!party) return {};
  return [party] { (void)party->bus.reclaim(); };
}

constexpr EventScene crowd{.readers = true, .publisher = true};
constexpr EventScene after_death{.readers = true, .dead_publisher = true, .dead_subscriber = true};
constexpr EventScene crowded_out{.dead_subscriber = true, .no_free_lane = true};

const std::vector<Operation> all = {
    {.name = "event-publisher", .events = crowd, .prepare = publisher},
    {.name = "event-adopt", .events = after_death, .prepare = publisher},
    {.name = "event-publish", .events = crowd, .prepare = publishing(20, 20)},
    {.name = "event-publish-held", .events = after_death, .prepare = publishing(10, laps)},
    {.name = "event-loan", .events = crowd, .prepare = loan},
    {.name = "event-retire", .events = crowd, .prepare = publisher_leaves},
    {.name = "event-subscribe-hold",
     .events = crowd,
     .prepare = subscribing(WhenSlow::hold, From::oldest)},
    {.name = "event-subscribe-skip",
     .events = crowd,
     .prepare = subscribing(WhenSlow::skip, From::latest)},
    {.name = "event-next", .events = crowd, .prepare = next_holding},
    {.name = "event-next-missed", .events = crowd, .prepare = next_overtaken},
    {.name = "event-next-asleep", .events = crowd, .prepare = next_asleep},
    {.name = "event-leave-hold", .events = crowd, .prepare = leaving(WhenSlow::hold)},
    {.name = "event-leave-skip", .events = crowd, .prepare = leaving(WhenSlow::skip)},
    {.name = "event-evict", .events = crowded_out, .prepare = publisher_elsewhere},
    {.name = "event-reclaim", .events = after_death, .prepare = reclaim},
};

}  // namespace

std::span<const Operation> event_operations() { return all; }

}  // namespace shmbus::torture
