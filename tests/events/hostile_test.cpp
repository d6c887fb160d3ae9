// A member that writes anything into its own lane, and as its own position, spoils what is its own.
// The others publish and read on.
#include <random>

#include "events/publisher_core.hpp"
#include "events/subscriber_core.hpp"
#include "events/support.hpp"
#include "layout/broadcast.hpp"
#include "layout/event_words.hpp"
#include "session/core.hpp"
#include "words/broadcasts.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::Price;
using test::tick;

namespace {

/// Its lane and its place among the subscribers.
struct Own {
  std::uint32_t lane = 0;
  std::uint32_t place = 0;
};

std::optional<Own> find_own(const detail::BusCore& core) {
  const auto& view = core.view();
  const auto me = core.attachment().me;
  Own own;
  const auto lane_is_mine = [&](std::uint32_t lane) {
    const layout::BroadcastWord word{view.broadcast_word(lane).load()};
    return word.state() == layout::BroadcastState::attached && word.party() == me;
  };
  while (own.lane < view.capacities().broadcasts && !lane_is_mine(own.lane)) ++own.lane;
  if (own.lane == view.capacities().broadcasts) return std::nullopt;
  const auto topic = layout::BroadcastWord{view.broadcast_word(own.lane).load()}.name();
  const auto place_is_mine = [&](std::uint32_t place) {
    return layout::SubscriberWord{view.topic(topic).subscribers[place].load()}.party() == me;
  };
  while (own.place < layout::subscribers_max && !place_is_mine(own.place)) ++own.place;
  if (own.place == layout::subscribers_max) return std::nullopt;
  return own;
}

class Vandal {
 public:
  Vandal(const segment::View& view, const Own& own, std::uint64_t seed)
      : view_(view), own_(own), random_(seed), memory_(broadcast::Memory::of(view, own.lane)) {}

  void spoil() {
    auto& lane = view_.broadcast(own_.lane);
    switch (random_() % 6) {
      case 0:
        lane.bounds.oldest.store(value());
        break;
      case 1:
        lane.counters.published.store(value());
        break;
      case 2:
        memory_->index(random_()).store(value());
        break;
      case 3:
        slot().word.store(value());
        break;
      case 4:
        slot().bytes.store(static_cast<std::uint32_t>(value()));
        break;
      default:
        for (std::uint32_t i = 0; i < view_.capacities().broadcasts; ++i) {
          view_.broadcast(i).readers[own_.place].position.store(value());
        }
    }
  }

 private:
  layout::EventSlot& slot() {
    return memory_->slot(static_cast<std::uint32_t>(random_() % memory_->slots()));
  }
  std::uint64_t value() {
    const std::uint64_t seq = random_() % 200;
    const auto some_slot = static_cast<std::uint32_t>(random_() % 70);
    const std::uint64_t values[] = {random_(),
                                    ~0ULL,
                                    0,
                                    random_() % 100,
                                    layout::EventWord::make(seq, some_slot).bits,
                                    layout::EventWord::make(seq, 0xFFFF).bits};
    return values[random_() % std::size(values)];
  }

  const segment::View& view_;
  Own own_;
  std::mt19937_64 random_;
  std::optional<broadcast::Memory> memory_;
};

/// Joins as a publisher and as one that skips, then spoils what is its own.
int vandalise(const std::string& path, std::atomic<bool>& over) {
  auto core = detail::BusCore::open(path, {{}, false});
  if (!core) return 10;
  auto out = detail::PublisherCore::open(*core, Price::name, {}, event_schema_of<Price>);
  auto in = detail::SubscriberCore::open(*core, Price::name, {}, event_schema_of<Price>);
  if (!out || !in) return 11;
  const auto own = find_own(**core);
  if (!own) return 12;
  Vandal vandal((*core)->view(), *own, 1);
  const auto event = tick(7);
  while (!over) {
    for (int i = 0; i < 20; ++i) vandal.spoil();
    (void)(*out)->publish(std::as_bytes(std::span(&event, 1)), 0ns);
  }
  return 0;
}

}  // namespace

TEST_CASE("who spoils its own lane and position spoils nothing of others", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto out = test::publisher_of(bus);
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  const auto own = bus.subscribe<Price>();
  test::Shared<std::atomic<bool>> over;
  test::Child vandal([&] { return vandalise(path.path(), *over); });
  std::uint64_t published = 0;
  std::uint64_t read = 0;
  std::uint64_t foreign = 0;
  std::optional<std::uint32_t> honest;
  const test::Stopwatch watch;
  while (watch.ms() < 1'000 || foreign < 10) {
    REQUIRE(watch.ms() < 20'000);
    ++published;
    REQUIRE_OK(out.publish(tick(published), 5s));
    while (read < published) {
      const auto event = in.next(5s);
      if (!event) {  // what the vandal published makes no sense
        CHECK(test::kind(event) != ErrorKind::timed_out);
        ++foreign;
        continue;
      }
      if (!honest) honest = event->publisher();
      if (event->publisher() != *honest) {
        ++foreign;
        continue;
      }
      REQUIRE(test::whole(**event));
      REQUIRE((*event)->number == ++read);
    }
    if (watch.ms() > 1'000 && foreign > 0) break;
  }
  *over = true;
  CHECK(vandal.wait() == 0);
  CHECK(read == published);
  CHECK(read > 100);
}
