// Payload memory of one thread: what is handed out lies inside extents leased to this participant
// and never overlaps, all of it comes back, and a claim on anybody else's memory is refused.
#include "lane/pool.hpp"

#include <map>
#include <vector>

#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/temp_bus.hpp"
#include "words/extents.hpp"

using namespace shmbus;
using shmbus::detail::Block;

namespace {

std::uint32_t leased(const segment::View& view) {
  return view.capacities().extents - payload::free_count(view);
}

OpenOptions roomy() {
  auto options = test::small_bus();
  options.capacities.extents = 64;
  return options;
}

}  // namespace

TEST_CASE("a run of extents is leased side by side and returned whole", "[pool]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  const auto& a = core->attachment();
  const auto first = payload::lease(a, 3);
  REQUIRE(first);
  CHECK(leased(a.view) == 3);
  const auto second = payload::lease(a, 5);
  REQUIRE(second);
  CHECK_FALSE(payload::lease(a, 1));
  payload::give_back(a, *first, 3);
  CHECK_FALSE(payload::lease(a, 4));  // three are free, four are not
  CHECK(leased(a.view) == 5);         // and the attempt left nothing behind
  CHECK(payload::lease(a, 3) == first);
  CHECK_FALSE(payload::lease(a, 0));
  CHECK_FALSE(payload::lease(a, 9));
}

TEST_CASE("only the lessee returns an extent", "[pool]") {
  test::TempBus bus;
  const auto mine = test::join(bus.path());
  const auto theirs = test::join(bus.path());
  const auto first = payload::lease(mine->attachment(), 2);
  REQUIRE(first);
  payload::give_back(theirs->attachment(), *first, 2);
  CHECK(leased(mine->view()) == 2);
  payload::give_back(mine->attachment(), *first, 2);
  CHECK(leased(mine->view()) == 0);
}

TEST_CASE("blocks never overlap, and all memory comes back", "[pool]") {
  // Random sizes from one byte to several extents are allocated and released for a while; each
  // block must be disjoint from the others and stay inside extents of ours.
  SHMBUS_RANDOM(random);
  test::TempBus bus;
  const auto core = test::join(bus.path(), roomy());
  const auto& a = core->attachment();
  payload::Pool pool(a);
  std::map<std::uint64_t, Block> held;  // by offset
  const auto check_apart = [&](const Block& block) {
    const std::uint64_t begin = std::uint64_t{block.offset64} * 64;
    const auto next = held.lower_bound(begin);
    REQUIRE((next == held.end() || begin + block.capacity <= next->first));
    if (next != held.begin()) {
      const auto before = std::prev(next);
      REQUIRE(before->first + before->second.capacity <= begin);
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    if (held.empty() || random() % 5 < 3) {
      const std::uint64_t bytes = 1 + random() % (1ULL << (6 + random() % 9));
      const auto block = pool.allocate(bytes);
      if (!block) continue;  // all taken just now
      REQUIRE(block->capacity >= bytes);
      REQUIRE(block->data == a.view.extents() + std::uint64_t{block->offset64} * 64);
      REQUIRE(payload::resolve(a.view, {block->offset64, block->capacity}, a.me) == block->data);
      check_apart(*block);
      held.emplace(std::uint64_t{block->offset64} * 64, *block);
    } else {
      auto victim = held.begin();
      std::advance(victim, static_cast<long>(random() % held.size()));
      pool.release(victim->second.offset64);
      held.erase(victim);
    }
    REQUIRE(pool.outstanding() == held.size());
  }
  for (const auto& [offset, block] : held) pool.release(block.offset64);
  CHECK(pool.outstanding() == 0);
  pool.trim();
  CHECK(leased(a.view) == 0);
}

TEST_CASE("memory idle in one size is found for another", "[pool]") {
  // Fill the bus with small blocks, free them, and ask for one as large as everything.
  test::TempBus bus;
  const auto core = test::join(bus.path());
  payload::Pool pool(core->attachment());
  std::vector<Block> small;
  while (const auto block = pool.allocate(64)) small.push_back(*block);
  CHECK(small.size() == 8 * 4096 / 64);
  CHECK_FALSE(pool.allocate(4096));
  for (const auto& block : small) pool.release(block.offset64);
  const auto large = pool.allocate(8 * 4096);
  REQUIRE(large);
  pool.release(large->offset64);
  CHECK_FALSE(pool.allocate(8 * 4096 + 1));
}

TEST_CASE("trim keeps what is in use", "[pool]") {
  test::TempBus bus;
  const auto core = test::join(bus.path());
  payload::Pool pool(core->attachment());
  const auto kept = pool.allocate(100);
  const auto other = pool.allocate(4096);
  REQUIRE((kept && other));
  pool.release(other->offset64);
  pool.trim();
  CHECK(leased(core->view()) == 1);
  const auto again = pool.allocate(4096);
  REQUIRE(again);
  CHECK(again->offset64 != kept->offset64);
  pool.release(kept->offset64);
  pool.release(again->offset64);
}

TEST_CASE("the block that carried the last reply carries the next request", "[pool]") {
  // docs/decisions/0005-order-of-reuse.md says what it is worth; here only that it is so.
  test::TempBus bus;
  const auto core = test::join(bus.path());
  payload::Pool pool(core->attachment());
  auto request = pool.allocate(1024);
  auto reply = pool.allocate(1024);
  for (int call = 0; call < 100; ++call) {
    REQUIRE((request && reply));
    const auto last_request = request->offset64;
    const auto last_reply = reply->offset64;
    pool.release(last_request);
    pool.release(last_reply);
    request = pool.allocate(1024);
    reply = pool.allocate(1024);
    REQUIRE(request->offset64 == last_reply);
    REQUIRE(reply->offset64 == last_request);
  }
}

TEST_CASE("a claim on memory of others, or of nobody, is refused", "[pool]") {
  test::TempBus bus;
  const auto mine = test::join(bus.path());
  const auto theirs = test::join(bus.path());
  const auto& view = mine->view();
  const auto me = mine->attachment().me;
  const auto first = payload::lease(mine->attachment(), 2);
  const auto foreign = payload::lease(theirs->attachment(), 1);
  REQUIRE((first == 0U && foreign == 2U));
  constexpr std::uint32_t per_extent = 4096 / 64;
  CHECK(payload::resolve(view, {0, 2 * 4096}, me) == view.extents());
  CHECK(payload::resolve(view, {per_extent, 4096}, me) != nullptr);
  CHECK(payload::resolve(view, {0, 0}, me) != nullptr);
  CHECK(payload::resolve(view, {0, 2 * 4096 + 1}, me) == nullptr);         // into a foreign one
  CHECK(payload::resolve(view, {2 * per_extent - 1, 65}, me) == nullptr);  // by one byte
  CHECK(payload::resolve(view, {2 * per_extent, 1}, me) == nullptr);       // foreign
  CHECK(payload::resolve(view, {3 * per_extent, 1}, me) == nullptr);       // nobody's
  CHECK(payload::resolve(view, {8 * per_extent, 1}, me) == nullptr);       // beyond the region
  CHECK(payload::resolve(view, {8 * per_extent, 0}, me) == nullptr);
  CHECK(payload::resolve(view, {~0U, 1}, me) == nullptr);
  CHECK(payload::resolve(view, {0, ~0ULL}, me) == nullptr);
  CHECK(payload::resolve(view, {1, ~0ULL - 63}, me) == nullptr);
  CHECK(payload::resolve(view, {0, 1}, layout::ParticipantId{}) == nullptr);
}
