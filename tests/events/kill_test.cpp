// Publishers and subscribers are killed at every step. What was published stays, what was held is
// let go of, and nothing is left behind.
#include "events/support.hpp"
#include "layout/event_words.hpp"
#include "support/census.hpp"

using namespace shmbus;
using namespace std::chrono_literals;
using test::from_to;
using test::numbers;
using test::Price;
using test::tick;

namespace {

/// Extents and lanes that belong to somebody.
struct Held {
  int extents = 0;
  int lanes = 0;
  int subscribers = 0;
  friend bool operator==(const Held&, const Held&) = default;
};

Held held(const std::string& path) {
  const auto watcher = test::join(path);
  const auto& view = watcher->view();
  Held all;
  for (std::uint32_t i = 0; i < view.capacities().extents; ++i) {
    if (layout::ExtentWord{view.extent_word(i).load()}.party().bits != 0) ++all.extents;
  }
  for (std::uint32_t i = 0; i < view.capacities().broadcasts; ++i) {
    if (layout::BroadcastWord{view.broadcast_word(i).load()}.state() !=
        layout::BroadcastState::free)
      ++all.lanes;
  }
  for (std::uint32_t i = 0; i < view.capacities().names; ++i) {
    for (const auto& word : view.topic(i).subscribers) {
      if (word.load() != 0) ++all.subscribers;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a publisher is killed at each step: a prefix of its events is there", "[events]") {
  constexpr const char* points[] = {
      "event.schema",       "broadcast.allocating", "extent.leased",   "broadcast.extent_leased",
      "broadcast.attached", "event.filled",         "event.committed", "event.oldest"};
  for (const char* point : points) {
    for (const int passes : {0, 1, 5}) {
      INFO(point << " after " << passes);
      test::TempBus path;
      auto bus = test::open_bus(path.path());
      auto in = test::subscriber_of(bus);
      test::Shared<std::atomic<std::uint64_t>> published;
      test::Child victim([&] {
        test::die_at(point, passes);
        auto own = Bus::open(path.path());
        if (!own) return 10;
        auto out = own->publisher<Price>({.keep = 200});
        if (!out) return 11;
        for (std::uint64_t i = 1; i <= 3'000; ++i) {
          if (!out->publish(tick(i), 2s)) return 12;
          *published = i;
        }
        return 0;
      });
      const int end = victim.wait();
      CHECK((end == test::ended_by(SIGKILL) || end == 0));
      const std::uint64_t sure = *published;
      const auto got = numbers(in);
      const std::uint64_t last = got.empty() ? in.missed() : got.back();
      CHECK((last == sure || last == sure + 1));
      CHECK(got.size() + in.missed() == last);
      // Another goes on, whatever the first left.
      auto out = test::publisher_of(bus, {.keep = 200});
      for (std::uint64_t i = last + 1; i <= last + 5'000; ++i) {
        REQUIRE_OK(out.publish(tick(i)));
        if (i % 50 != 0) continue;
        const auto some = numbers(in);
        REQUIRE_FALSE(some.empty());
        CHECK(some.back() == i);
      }
      out = {};
      in = {};
      CHECK_OK(bus.reclaim());
      CHECK(held(path.path()) == Held{1, 1, 0});  // the last events stay
    }
  }
}

TEST_CASE("a publisher is killed when it has taken over the lane of another", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  CHECK_OK(test::publisher_of(bus).publish(tick(1)));
  test::Child victim([&] {
    test::die_at("broadcast.adopted");
    auto own = Bus::open(path.path());
    (void)own->publisher<Price>();
    return 0;
  });
  CHECK(victim.wait() == test::ended_by(SIGKILL));
  auto in = test::subscriber_of(bus, {.from = From::latest});
  auto out = test::publisher_of(bus);
  CHECK_OK(out.publish(tick(2)));
  CHECK(numbers(in) == from_to(1, 2));
  out = {};
  in = {};
  CHECK_OK(bus.reclaim());
  CHECK(held(path.path()) == Held{1, 1, 0});
}

TEST_CASE("a publisher is killed while it makes its lane: nothing of it is left", "[events]") {
  for (const char* point : {"broadcast.allocating", "extent.leased", "broadcast.extent_leased"}) {
    INFO(point);
    test::TempBus path;
    auto bus = test::open_bus(path.path());
    test::Child victim([&] {
      test::die_at(point);
      auto own = Bus::open(path.path());
      (void)own->publisher("big", {.keep = 2, .event_bytes = 20'000});
      return 0;
    });
    CHECK(victim.wait() == test::ended_by(SIGKILL));
    CHECK_OK(bus.reclaim());
    CHECK(held(path.path()) == Held{});
  }
}

TEST_CASE("a subscriber is killed at each step: it holds up nobody", "[events]") {
  constexpr const char* points[] = {"subscriber.joined", "subscriber.placed", "event.caught_up"};
  for (const char* point : points) {
    for (const auto slow : {WhenSlow::hold, WhenSlow::skip}) {
      INFO(point);
      test::TempBus path;
      auto bus = test::open_bus(path.path());
      auto out = test::publisher_of(bus);
      CHECK_OK(out.publish(tick(1)));
      test::Shared<std::atomic<int>> there;
      test::Child victim([&] {
        test::die_at(point);
        auto own = Bus::open(path.path());
        if (!own) return 10;
        auto in = own->subscribe<Price>({.when_slow = slow});
        if (!in) return 11;
        *there = 1;
        while (auto event = in->next(3s)) test::nap(1ms);
        return 0;
      });
      std::uint64_t i = 1;
      const test::Stopwatch watch;
      while (watch.ms() < 300) {
        const auto done = out.publish(tick(i + 1), 5s);
        REQUIRE_OK(done);
        ++i;
        if (*there == 1 && slow == WhenSlow::hold && watch.ms() > 100) victim.kill();
      }
      victim.kill();
      for (int n = 0; n < 5'000; ++n) CHECK_OK(out.publish(tick(++i), 1s));
      CHECK_OK(bus.reclaim());
      CHECK(held(path.path()).subscribers == 0);
    }
  }
}

TEST_CASE("an eviction that is killed at each step is finished by another process", "[events]") {
  for (const char* point :
       {"broadcast.evicting", "broadcast.releasing", "broadcast.extent_freed"}) {
    INFO(point);
    test::TempBus path;
    OpenOptions options;
    options.capacities.broadcasts = 1;
    auto bus = test::open_bus(path.path(), options);
    {
      auto first = bus.publisher("first", {.keep = 10, .event_bytes = 20'000});
      REQUIRE_OK(first);
      CHECK_OK(first->publish({}));
    }
    test::Child victim([&] {
      test::die_at(point);
      auto own = Bus::open(path.path());
      (void)own->publisher("second");
      return 0;
    });
    CHECK(victim.wait() == test::ended_by(SIGKILL));
    CHECK_OK(bus.reclaim());
    auto second = bus.publisher("second");
    REQUIRE_OK(second);
    CHECK(held(path.path()) == Held{1, 1, 0});
  }
}

TEST_CASE("publishers and subscribers are killed at random under load", "[events]") {
  test::TempBus path;
  auto bus = test::open_bus(path.path());
  auto in = test::subscriber_of(bus, {.when_slow = WhenSlow::hold});
  test::Shared<std::atomic<std::uint64_t>> published;
  std::uint64_t last = 0;
  for (int round = 0; round < 40; ++round) {
    test::Child writer([&] {
      auto own = Bus::open(path.path());
      if (!own) return 10;
      auto out = own->publisher<Price>();
      if (!out) return 11;
      for (std::uint64_t i = *published + 1;; ++i) {
        const auto seq = out->publish(tick(i), 5s);
        if (!seq) return 12;
        if (*seq != i) return 13;
        *published = i;
      }
    });
    test::Child reader([&] {
      auto own = Bus::open(path.path());
      if (!own) return 10;
      auto other = own->subscribe<Price>(
          {.from = From::oldest, .when_slow = round % 2 == 0 ? WhenSlow::hold : WhenSlow::skip});
      if (!other) return 11;
      std::uint64_t before = 0;
      while (auto event = other->next(5s)) {
        if (!test::whole(**event) || (*event)->number <= before) return 14;
        before = (*event)->number;
      }
      return 12;
    });
    const test::Stopwatch watch;
    while (watch.ms() < 10 + round % 7) {
      while (auto event = in.next(1ms)) {
        REQUIRE(test::whole(**event));
        REQUIRE((*event)->number == last + 1);
        last = (*event)->number;
        if (watch.ms() >= 10 + round % 7) break;
      }
    }
    writer.kill();
    reader.kill();
    while (auto event = in.next(0ns)) {
      REQUIRE((*event)->number == last + 1);
      last = (*event)->number;
    }
    CHECK((last == *published || last == *published + 1));
    *published = last;
  }
  CHECK(in.missed() == 0);
  CHECK(last > 1'000);
}

TEST_CASE("what dead publishers have is given to who needs it, without a reclaim", "[events]") {
  for (const char* point : {"broadcast.extent_leased", "event.committed"}) {
    INFO(point);
    test::TempBus path;
    OpenOptions options;
    options.capacities.broadcasts = 1;
    auto bus = test::open_bus(path.path(), options);
    test::Child victim([&] {
      test::die_at(point);
      auto own = Bus::open(path.path());
      auto out = own->publisher<Price>();
      (void)out->publish(tick(1));
      return 0;
    });
    CHECK(victim.wait() == test::ended_by(SIGKILL));
    REQUIRE_OK(bus.publisher("another"));
  }
}
