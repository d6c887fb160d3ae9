// A faulty process writes random and plausible words all over the segment while a server, callers
// and reclaimers work in it. Nobody crashes, nobody hangs, nobody waits beyond its time limit. What
// they are told is of no account: the scribbler can spoil this bus.
#include <unistd.h>

#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/temp_bus.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

OpenOptions tiny() {
  auto options = test::small_bus();
  options.default_timeout = 2ms;
  return options;
}

/// Random words, small numbers, words of other places, single flipped bits.
class Scribbler {
 public:
  Scribbler(const segment::View& view, std::uint64_t seed)
      : first_(reinterpret_cast<layout::Word64*>(&view.participant(0))),
        words_((view.geometry().extents.offset - view.geometry().participants.offset) / 8),
        random_(seed) {}

  void scribble(int count) {
    for (int i = 0; i < count; ++i) {
      auto& word = first_[random_() % words_];
      switch (random_() % 5) {
        case 0:
          word.store(random_());
          break;
        case 1:
          word.store(random_() % 300);
          break;
        case 2:
          word.store(first_[random_() % words_].load());
          break;
        case 3:
          word.fetch_xor(1ULL << (random_() % 64));
          break;
        default:
          word.store(0);
          break;
      }
    }
  }
  /// The same at the words that steer most.
  void aim(const segment::View& view) {
    const auto lane = static_cast<std::uint32_t>(random_() % view.capacities().lanes);
    const auto endpoint = static_cast<std::uint32_t>(random_() % view.capacities().endpoints);
    switch (random_() % 9) {
      case 0:
        view.lane_word(lane).store(random_());
        break;
      case 1:
        view.lane_word(lane).fetch_xor(1ULL << (random_() % 64));
        break;
      case 2:
        view.endpoint(endpoint).control.control.store(random_());
        break;
      case 3:
        view.cells(lane)[random_() % 8].word[random_() % 2].store(random_());
        break;
      case 4:
        view.lane(lane).journal[random_() % 2].cursor.store(random_());
        break;
      case 5:
        view.inbox(endpoint)[random_() % 8].store(random_());
        break;
      case 6:
        view.endpoint(endpoint).inbox_tail.tail.store(random_());
        break;
      case 7:
        view.name(static_cast<std::uint32_t>(random_() % 16)).binding.store(random_());
        break;
      default:
        view.participant(static_cast<std::uint32_t>(random_() % 8)).state.store(random_());
    }
  }

 private:
  layout::Word64* first_;
  std::uint64_t words_;
  std::mt19937_64 random_;
};

/// Everything that one process can do, once; errors of any kind are fine.
void use_everything(Bus& bus, Server& server, RawCaller& caller) {
  const std::vector<std::byte> large(1000);
  std::vector<std::byte> room(2000);
  (void)server.poll(64);
  (void)caller.send({});
  (void)caller.send(large, Notify::later, 1ms);
  {
    auto pending = caller.start(large, 100, 1ms);
    (void)server.poll(64);
    if (pending) (void)pending->wait();
  }
  (void)caller.call(large, room, 1ms);
  if (auto loan = caller.loan(500, 500)) (void)loan->send(1ms);
  (void)caller.flush();
  (void)bus.reclaim();
  (void)bus.wait_until_available("a", 0ms);
  (void)server.run_for(100us);
}

void rounds(std::uint64_t seed, bool aimed) {
  test::TempBus path;
  auto bus = Bus::open(path.path(), tiny());
  REQUIRE_OK(bus);
  const auto faulty = test::join(path.path());
  Scribbler scribbler(faulty->view(), seed);
  std::mt19937_64 random(seed + 1);
  for (int i = 0; i < 60; ++i) {
    auto server = bus->serve({.order = i % 2 == 0 ? Order::per_caller : Order::global});
    auto caller = bus->caller("a", {.when_vacant = WhenVacant::wait});
    if (!server || !caller) continue;
    (void)server->on("a", [](Context& context) {
      (void)context.reply_buffer(context.request().size());
      (void)context.caller();
      (void)context.name();
      return context.cancelled() ? Status::reject(1) : Status::ok();
    });
    for (int k = 0; k < 8; ++k) {
      if (aimed) {
        scribbler.aim(faulty->view());
      } else {
        scribbler.scribble(1 + static_cast<int>(random() % 30));
      }
      use_everything(*bus, *server, *caller);
    }
    if (random() % 4 == 0) (void)server->off("a");
    // A newcomer, if the bus still lets one in.
    (void)Bus::open(path.path(), tiny());
  }
}

}  // namespace

TEST_CASE("random scribbling crashes and hangs nobody", "[scribble]") {
  SHMBUS_RANDOM(random);
  ::alarm(50);
  rounds(random(), false);
  ::alarm(0);
}

TEST_CASE("aimed scribbling crashes and hangs nobody", "[scribble]") {
  SHMBUS_RANDOM(random);
  ::alarm(50);
  rounds(random(), true);
  ::alarm(0);
}
