// Cells that no correct caller writes, before a real server: each is answered, refused or left
// alone, and the command behind it is served as if nothing had been.
#include "shmbus/shmbus.hpp"
#include "support/catch.hpp"
#include "support/lane_ends.hpp"
#include "support/seed.hpp"
#include "words/extents.hpp"
#include "words/table.hpp"

using namespace shmbus;
using lane::BlockNames;
using lane::RequestHead;

namespace {

/// A server in this thread, and a caller's end whose cells are forged between publish and poll.
struct Scene {
  test::TempBus path;
  Bus bus = *Bus::open(path.path(), test::one_lane(64));
  Server server = *bus.serve();
  std::uint64_t seen_bytes = 0;
  Scene() {
    REQUIRE_OK(server.on("x", [this](Context& context) {
      for (const auto byte : context.request()) seen_bytes += static_cast<std::uint64_t>(byte);
      (void)context.reply_buffer(context.request().size());
      return Status::ok();
    }));
  }
  std::uint32_t record(test::CallerEnd& caller) const { return *names::find(caller.view(), "x"); }
};

struct Forged {
  std::uint32_t command = 0;
  std::uint32_t flags = 0;
  std::uint32_t bytes = 0;
  BlockNames blocks{};
  std::uint64_t deadline = 0;
};

/// Publishes a sound command and replaces all but its link by the forged one.
lane::Ticket publish(test::CallerEnd& caller, const Forged& forged, bool one_way = false) {
  const auto ticket = caller.publish(0, one_way);
  auto& cell = caller.view().cells(0)[ticket.cell];
  auto head = RequestHead::unpack(cell.word[1].load());
  head.flags = forged.flags;
  head.bytes = forged.bytes;
  head.second = static_cast<std::uint32_t>((ticket.cell + 2) % caller.view().cells(0).size());
  cell.word[1].store(head.pack());
  cell.word[2].store(forged.deadline);
  std::uint64_t words[2] = {};
  std::memcpy(words, &forged.blocks, sizeof forged.blocks);
  cell.word[3].store(words[0]);
  cell.word[4].store((cell.word[4].load() & ~0xFFFFFFFFULL) | words[1]);
  const auto phase = one_way ? layout::Phase::send : layout::Phase::request;
  cell.word[0].store(layout::CellWord::make(ticket.seq, phase, forged.command).bits);
  caller->notify();
  return ticket;
}

StatusCode served(Scene& scene, test::CallerEnd& caller, const Forged& forged) {
  const auto ticket = publish(caller, forged);
  for (int i = 0; i < 10 && !caller->replied(ticket); ++i) REQUIRE_OK(scene.server.poll());
  REQUIRE(caller->replied(ticket));
  const auto words = caller->take_reply(ticket);
  caller->release(ticket);
  return static_cast<StatusCode>(layout::CellWord{words[0]}.code());
}

}  // namespace

TEST_CASE("forged commands, sizes and blocks are refused by name", "[malformed]") {
  using namespace layout::cell_flags;
  Scene s;
  test::CallerEnd caller(s.path.path());
  const auto x = s.record(caller);
  const auto mine = payload::lease(caller.bus(), 2);
  const auto other = test::join(s.path.path());
  const auto foreign = payload::lease(other->attachment(), 1);
  REQUIRE((mine == 0U && foreign == 2U));
  CHECK(served(s, caller, {x, 0, 40}) == StatusCode::ok);
  CHECK(served(s, caller, {x, 0, 41}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, 0, ~0U}) == StatusCode::malformed);
  CHECK(served(s, caller, {x + 1, 0, 0}) == StatusCode::not_registered);
  CHECK(served(s, caller, {layout::CellWord::code_mask, 0, 0}) == StatusCode::not_registered);
  CHECK(served(s, caller, {x, request_block, 8192, {0, 0, 0}}) == StatusCode::reply_too_large);
  CHECK(served(s, caller, {x, request_block, 8193, {0, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, request_block, 8, {2 * 64, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, request_block, 8, {3 * 64, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, request_block, 8, {~0U, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, request_block, ~0U, {0, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, reply_block, 28, {0, 64, 4096}}) == StatusCode::ok);
  CHECK(served(s, caller, {x, reply_block, 29, {0, 64, 4096}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, reply_block, 8, {0, 2 * 64, 8}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, reply_block, 8, {0, 64, 4097}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, reply_block, 8, {0, 0, ~0U}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, deadline, 8, {}, 1}) == StatusCode::expired);
  CHECK(served(s, caller, {x, deadline, 8, {}, ~0ULL}) == StatusCode::ok);
  CHECK(served(s, caller, {x, paired, 96}) == StatusCode::ok);
  CHECK(served(s, caller, {x, paired, 97}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, paired, 0xFFFF}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, paired | deadline, 96, {}, ~0ULL}) == StatusCode::ok);
  CHECK(served(s, caller, {x, paired | deadline, 97, {}, ~0ULL}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, paired | reply_block, 28, {0, 64, 4096}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, paired | request_block, 8, {0, 0, 0}}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, paired | context, 8}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, context, 0}) == StatusCode::ok);
  CHECK(served(s, caller, {x, context, 8}) == StatusCode::malformed);
  CHECK(served(s, caller, {x, context | request_block, 8, {0, 0, 0}}) == StatusCode::ok);
  CHECK(served(s, caller, {x, context | reply_block, 8, {0, 64, 4096}}) == StatusCode::malformed);
}

TEST_CASE("forged one-way commands are reported lost, and the lane goes on", "[malformed]") {
  Scene s;
  test::CallerEnd caller(s.path.path());
  const auto x = s.record(caller);
  (void)publish(caller, {x, 0, 41}, true);
  (void)publish(caller, {x, 0, 8}, true);
  (void)publish(caller, {x + 7, 0, 8}, true);
  for (int i = 0; i < 10; ++i) REQUIRE_OK(s.server.poll());
  CHECK(caller.collect().size() == 2);
  CHECK(caller->outstanding() == 0);
  CHECK(served(s, caller, {x, 0, 8}) == StatusCode::ok);
}

TEST_CASE("random cells are all answered and touch nothing outside", "[malformed]") {
  SHMBUS_RANDOM(random);
  Scene s;
  test::CallerEnd caller(s.path.path());
  const auto x = s.record(caller);
  (void)payload::lease(caller.bus(), 5);
  for (int i = 0; i < 50'000; ++i) {
    const auto small = [&](std::uint64_t limit) {
      return static_cast<std::uint32_t>(random() % 4 == 0 ? random() : random() % limit);
    };
    Forged forged;
    forged.command = random() % 8 == 0 ? static_cast<std::uint32_t>(random() & 0x3FFFU) : x;
    forged.flags = static_cast<std::uint32_t>(random() & (random() % 2 == 0 ? 55U : 0xFFFFU));
    forged.bytes = small(5000);
    forged.blocks = {small(600), small(600), small(5000)};
    forged.deadline = random();
    (void)served(s, caller, forged);
  }
  CHECK(served(s, caller, {x, 0, 8}) == StatusCode::ok);
}

TEST_CASE("a poisoned lane stops, the server goes on, the lane comes back", "[malformed]") {
  Scene s;
  auto healthy = s.bus.caller("x");
  {
    test::CallerEnd caller(s.path.path());
    const auto ticket = caller.publish(0);
    auto& word = caller.view().cells(0)[ticket.cell].word[1];
    auto head = RequestHead::unpack(word.load());
    head.next = 64;
    word.store(head.pack());
    caller->notify();
    for (int i = 0; i < 10; ++i) REQUIRE(s.server.poll() == 0U);
    CHECK_FALSE(caller->replied(ticket));
    CHECK(test::kind(healthy->start({}, 0)) == ErrorKind::limit_reached);  // there is one lane
  }
  // Its caller has left: the poisoned lane is freed, whatever stands in it.
  Pending pending;
  for (int i = 0; i < 200 && !pending.valid(); ++i) {
    REQUIRE_OK(s.server.poll());
    auto started = healthy->start({}, 0);
    if (started) pending = std::move(*started);
  }
  REQUIRE(pending.valid());
  while (!pending.ready()) REQUIRE_OK(s.server.poll());
  CHECK_OK(pending.wait());
}
