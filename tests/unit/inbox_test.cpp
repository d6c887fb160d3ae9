// The inbox ring: tickets come out once and in order for each producer, a full ring refuses, and no
// hint or slot that a faulty peer wrote can hang or mislead anybody for longer than a lap.
#include "words/inbox.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/stage.hpp"

using namespace shmbus;
using inbox::Consumer;
using layout::TicketWord;

namespace {

constexpr std::size_t slots = 8;

struct Ring {
  std::array<layout::Word64, slots> slot{};
  layout::InboxTail tail{};
  layout::EndpointOwner owner{};

  std::span<layout::Word64> span() { return slot; }
  bool push(std::uint32_t lane, std::uint32_t tag = inbox::any_command) {
    return inbox::push(slot, tail, lane, tag);
  }
  Consumer consumer() { return Consumer(slot, owner); }
};

std::optional<std::uint32_t> pop(Consumer& consumer) {
  const auto ticket = consumer.peek();
  if (!ticket) return std::nullopt;
  consumer.release();
  return ticket->lane();
}

}  // namespace

TEST_CASE("one producer: tickets come out in order through many laps", "[inbox]") {
  Ring ring;
  auto consumer = ring.consumer();
  std::uint32_t next_in = 0;
  std::uint32_t next_out = 0;
  SHMBUS_RANDOM(random);
  for (int i = 0; i < 100'000; ++i) {
    if (random() % 2 == 0) {
      const bool room = next_in - next_out < slots;
      REQUIRE(inbox::had_room(ring.span(), ring.tail) == room);
      REQUIRE(ring.push(next_in & 0xFFFFU, 7) == room);
      next_in += room ? 1 : 0;
    } else {
      const auto lane = pop(consumer);
      REQUIRE(lane.has_value() == (next_out != next_in));
      if (lane) REQUIRE(*lane == (next_out++ & 0xFFFFU));
    }
  }
}

TEST_CASE("a full ring refuses, and one release makes room for one", "[inbox]") {
  Ring ring;
  auto consumer = ring.consumer();
  for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(ring.push(i));
  CHECK_FALSE(ring.push(99));
  CHECK_FALSE(inbox::had_room(ring.span(), ring.tail));
  CHECK(pop(consumer) == 0U);
  CHECK(ring.push(99));
  CHECK_FALSE(ring.push(100));
}

TEST_CASE("a full ring has no room, however far behind the tail hint is", "[inbox]") {
  Ring ring;
  auto consumer = ring.consumer();
  for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(ring.push(i));
  for (std::uint64_t hint = 0; hint <= slots; ++hint) {
    ring.tail.tail.store(hint);
    CHECK_FALSE(inbox::had_room(ring.span(), ring.tail));
  }
  CHECK(pop(consumer) == 0U);
  for (std::uint64_t hint = 0; hint <= slots; ++hint) {
    ring.tail.tail.store(hint);
    CHECK(inbox::had_room(ring.span(), ring.tail));
  }
}

TEST_CASE("a successor starts where the predecessor stopped", "[inbox]") {
  // The owner is replaced after each possible number of tickets, once with a head that was stored
  // and once with one that was not (killed between emptying the slot and storing the head).
  for (const bool head_stored : {true, false}) {
    for (std::uint32_t taken = 0; taken <= slots; ++taken) {
      Ring ring;
      for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(ring.push(i));
      auto first = ring.consumer();
      for (std::uint32_t i = 0; i < taken; ++i) REQUIRE(pop(first) == i);
      if (!head_stored && taken > 0) ring.owner.head.store(taken - 1);
      auto second = ring.consumer();
      for (std::uint32_t i = taken; i < slots; ++i) REQUIRE(pop(second) == i);
      REQUIRE_FALSE(pop(second));
      REQUIRE(ring.push(5));
      REQUIRE(pop(second) == 5U);
    }
  }
}

TEST_CASE("a ticket that was looked at but not released is found again", "[inbox]") {
  Ring ring;
  REQUIRE(ring.push(3));
  auto killed = ring.consumer();
  REQUIRE(killed.peek());
  auto successor = ring.consumer();
  CHECK(pop(successor) == 3U);
}

TEST_CASE("a tail hint far behind costs a walk, not a ticket", "[inbox]") {
  // A producer that slept between its CAS and its store of the tail sets it back by any distance.
  for (const std::uint64_t back : {1ULL, 7ULL, 8ULL, 9ULL, 100ULL, 799ULL, 800ULL}) {
    Ring ring;
    auto consumer = ring.consumer();
    for (std::uint32_t i = 0; i < 800; ++i) {
      REQUIRE(ring.push(i));
      REQUIRE(pop(consumer) == i);
    }
    ring.tail.tail.store(800 - back);
    for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(ring.push(i));
    REQUIRE_FALSE(ring.push(99));
    ring.tail.tail.store(800 - std::min<std::uint64_t>(back, 800));
    REQUIRE_FALSE(ring.push(99));
    for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(pop(consumer) == i);
  }
}

TEST_CASE("a forged tail far ahead blocks producers only until the owner repairs it", "[inbox]") {
  for (const std::uint64_t ahead : {8ULL, 1000ULL, 1ULL << 40U, ~0ULL, ~0ULL - 3}) {
    Ring ring;
    auto consumer = ring.consumer();
    for (std::uint32_t i = 0; i < 21; ++i) {
      REQUIRE(ring.push(i));
      REQUIRE(pop(consumer) == i);
    }
    ring.tail.tail.store(21 + ahead);
    (void)ring.push(1);  // may fail; must return
    while (pop(consumer)) {
    }
    consumer.repair_tail(ring.tail);
    INFO("ahead by " << ahead);
    for (std::uint32_t i = 0; i < 3 * slots; ++i) {
      REQUIRE(ring.push(i));
      REQUIRE(pop(consumer) == i);
    }
  }
}

TEST_CASE("forged slots cost their own ticket and nothing else", "[inbox]") {
  // Every slot gets a random word; the consumer must come to rest, and afterwards whole laps of
  // tickets must pass again.
  SHMBUS_RANDOM(random);
  for (int round = 0; round < 2'000; ++round) {
    Ring ring;
    auto consumer = ring.consumer();
    const auto before = static_cast<std::uint32_t>(random() % 100);
    for (std::uint32_t i = 0; i < before; ++i) {
      REQUIRE(ring.push(i));
      REQUIRE(pop(consumer) == i);
    }
    for (auto& slot : ring.slot) {
      if (random() % 2 == 0) slot.store(random());
    }
    for (std::size_t step = 0; step < 4 * slots; ++step) {
      // The owner sweeps: it looks, and repairs the hint when there is nothing.
      if (!pop(consumer)) consumer.repair_tail(ring.tail);
      (void)ring.push(1);
    }
    while (pop(consumer)) {
    }
    std::size_t passed = 0;
    for (std::size_t step = 0; step < 4 * slots; ++step) {
      if (ring.push(77) && pop(consumer)) ++passed;
      consumer.repair_tail(ring.tail);
    }
    REQUIRE(passed >= 2 * slots);
  }
}

TEST_CASE("a successor finds its place among forged heads", "[inbox]") {
  Ring ring;
  auto consumer = ring.consumer();
  for (std::uint32_t i = 0; i < 20; ++i) {
    REQUIRE(ring.push(i));
    REQUIRE(pop(consumer) == i);
  }
  for (const std::uint64_t forged : {0ULL, 19ULL, 1ULL << 50U, ~0ULL}) {
    ring.owner.head.store(forged);
    auto successor = ring.consumer();  // must return
    for (std::size_t step = 0; step < 4 * slots; ++step) {
      if (!pop(successor)) successor.repair_tail(ring.tail);
      (void)ring.push(1);
    }
  }
}

TEST_CASE("tags of sequence numbers", "[inbox]") {
  CHECK(inbox::tag_of(0) != inbox::any_command);
  for (const std::uint64_t seq : {1ULL, 65'534ULL, 65'535ULL, 65'536ULL, 1ULL << 47U}) {
    CHECK(inbox::tag_of(seq) != inbox::any_command);
    CHECK(inbox::tag_of(seq) <= 0xFFFFU);
    CHECK(inbox::tag_ahead(inbox::tag_of(seq), seq) == 0U);
    CHECK(inbox::tag_ahead(inbox::tag_of(seq + 255), seq) == 255U);
    CHECK_FALSE(inbox::tag_ahead(inbox::tag_of(seq), seq + 1));
  }
}

TEST_CASE("many producers: nothing lost, nothing doubled, each in its own order", "[inbox]") {
  constexpr std::uint32_t producers = 4;
  constexpr std::uint32_t each = 20'000;
  auto ring = std::make_unique<Ring>();
  std::vector<std::thread> threads;
  for (std::uint32_t p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      for (std::uint32_t i = 0; i < each;) {
        if (ring->push(p, i % 0xFFFFU + 1)) {
          ++i;
        } else {
          ::sched_yield();
        }
      }
    });
  }
  auto consumer = ring->consumer();
  std::array<std::uint32_t, producers> next{};
  std::uint64_t got = 0;
  bool in_order = true;
  while (got < std::uint64_t{producers} * each && in_order) {
    const auto ticket = consumer.peek();
    if (!ticket) continue;
    consumer.release();
    ++got;
    in_order = ticket->lane() < producers && ticket->tag() == next[ticket->lane()]++ % 0xFFFFU + 1;
  }
  for (auto& thread : threads) thread.join();
  CHECK(in_order);
  CHECK_FALSE(consumer.peek());
}
